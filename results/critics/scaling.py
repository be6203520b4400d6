"""What a centralized critic costs an iteration, by the number of agents: memory and CPU time.

    python results/critics/scaling.py                    # writes scaling.json and scaling.md
    python results/critics/scaling.py --agents 2,4 --repeats 1 --episodes 2 --out /tmp/small

Episodes of the untrained built-in model on the strategy game. Measured is the critic's part of
an iteration (values, advantages, update) after play, in a process of its own for each repeat:
the growth of the peak resident set over that before it (after a first use on one episode), and
CPU seconds; one episode a micro-batch. The table has medians, a team's and per agent.
"""

from __future__ import annotations

import argparse
import copy
import ctypes
import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
ALGORITHMS, AGENTS, EPISODES, REPEATS = "cc,seq,hier,dc", "2,4,8,16", 8, 3


def measure(case: dict) -> dict:
    """One repeat, in this process."""
    import torch

    from colllm_bench.config import RunConfig
    from colllm_bench.setup.resolve import resolve
    from colllm_bench.training.trainer import Trainer

    torch.set_num_threads(1)
    config = resolve(RunConfig.of(
        algo=case["algo"], agents=case["agents"], batch=case["episodes"], seed=case["seed"],
        critic_backbone=case["backbone"], micro_batch=1, device="cpu", threads=1,
    ))
    trainer = Trainer(config)
    episodes = trainer.play(0)
    learn(trainer, copy.deepcopy(episodes[:1]))  # what the first use of anything loads and keeps
    gc.collect()
    release_freed_memory()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from what is resident now
    before, cpu = status("VmRSS"), time.process_time()
    learn(trainer, episodes)
    cpu = time.process_time() - cpu
    readings = [trainer.critic.critic_input.read(e) for e in episodes]
    return {
        "memory_mib": (status("VmHWM") - before) / 1024,
        "cpu_s": cpu,
        "agent_turns": sum(len(x.turns) for e in episodes for x in e.trajectories),
        "longest_row": max(len(row.ids) for reading in readings for row in reading.rows),
        "context": trainer.critic.context,
    }


def learn(trainer: Any, episodes: Any) -> None:
    """The critic's part of an iteration."""
    trainer.critic.write_values(episodes)
    trainer.algorithm.compute_advantages(episodes)
    trainer.critic.update(episodes)


def release_freed_memory() -> None:
    """Give what play left free in the C library's pools back to the system."""
    ctypes.CDLL("libc.so.6").malloc_trim(0)


def status(field: str) -> int:
    """KiB of a line of /proc/self/status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {field}: this script needs Linux")


def in_a_process(case: dict) -> dict:
    command = [sys.executable, __file__, "--case", json.dumps(case)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{case}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def row_of(algo: str, agents: int, options: argparse.Namespace) -> dict:
    """Medians of a case's repeats, and the repeats."""
    case = {"algo": algo, "agents": agents, "episodes": options.episodes,
            "backbone": options.backbone}
    # One seed for all: the repeats show the machine's scatter, not that of episodes.
    repeats = [in_a_process({**case, "seed": 0}) for _ in range(options.repeats)]
    medians = {key: median(repeat[key] for repeat in repeats) for key in repeats[0]}
    return {**case, **medians, "repeats": repeats}


def table(rows: list[dict]) -> str:
    lines = [
        "| algorithm | agents | longest row, tokens | memory, MiB | an agent | CPU s | an agent |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        n = row["agents"]
        lines.append(
            f"| {row['algo']} | {n} | {row['longest_row']:,.0f} | {row['memory_mib']:.1f} "
            f"| {row['memory_mib'] / n:.1f} | {row['cpu_s']:.2f} | {row['cpu_s'] / n:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--algo", default=ALGORITHMS)
    parser.add_argument("--agents", default=AGENTS)
    parser.add_argument("--episodes", type=int, default=EPISODES)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--backbone", default="frozen", choices=("frozen", "adapters", "full"))
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(json.loads(options.case))))
        return

    from colllm_bench.runs.provenance import environment

    rows = [
        row_of(algo, agents, options)
        for algo in options.algo.split(",") for agents in map(int, options.agents.split(","))
    ]
    options.out.mkdir(parents=True, exist_ok=True)
    name = "scaling" if options.backbone == "frozen" else f"scaling-{options.backbone}"
    record = {"rows": rows, "environment": environment()}
    (options.out / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    (options.out / f"{name}.md").write_text(table(rows))
    print(table(rows), end="")


if __name__ == "__main__":
    main()
