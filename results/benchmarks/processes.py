"""How much of an iteration two processes share: CPU seconds of the busiest, beside those of one.

    python results/benchmarks/processes.py          # writes processes.json, prints the table
    python results/benchmarks/processes.py --wall   # wall seconds: processes_wall.json

CPU time, not wall time: other work on the machine does not move it, and a process that waits for
the other takes none. With a core for each process and nothing else on the machine the wall time is
that of the busiest, and ``--wall`` measures it: it wants two cores that do nothing else, and says
so where one process did not get a whole core. Repeats of one and of two processes in turn; all
values are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CASES = {
    "strategy, mc": {"env": "strategy", "algo": "mc", "agents": 3},
    "strategy, cc": {"env": "strategy", "algo": "cc", "agents": 3},
    "coding, cc": {"env": "coding", "algo": "cc", "agents": 4},
}
REPEATS, WALL_REPEATS, ITERATIONS = 3, 5, 2
PARTS = ("rollout", "learn")
WHOLE_CORE = 0.97
"""CPU seconds a wall second of one process that had a core to itself, at least."""


def work(out: Path) -> None:
    """In each process: iterations of every case; the first writes all processes' seconds."""
    from colllm_bench import processes
    from colllm_bench.config import RunConfig
    from colllm_bench.setup.resolve import resolve
    from colllm_bench.training.trainer import Trainer

    processes.join()
    found = {}
    for name, settings in CASES.items():
        config = resolve(RunConfig.of(
            **settings, threads=1, device="cpu", random_streams="episode", gradient_snr_every=0
        ))
        trainer = Trainer(config)
        seconds = {f"{part}{kind}": 0.0 for part in PARTS for kind in ("", "_wall")}
        for k in range(ITERATIONS + 1):  # the first one also loads what is loaded late
            iteration, clocks = 5 + k, [now()]
            episodes = trainer.play(iteration)
            clocks.append(now())
            trainer.learn(episodes, iteration)
            clocks.append(now())
            for part, began, ended in zip(PARTS, clocks, clocks[1:]) if k else ():
                seconds[part] += ended[0] - began[0]
                seconds[f"{part}_wall"] += ended[1] - began[1]
        found[name] = processes.gather([seconds])
    if processes.is_first():
        out.write_text(json.dumps(found))
    processes.leave()


def now() -> tuple[float, float]:
    """CPU and wall seconds."""
    return time.process_time(), time.perf_counter()


def measure(size: int) -> dict:
    """Seconds of every process, by case."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "seconds.json"
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(size)]
        command = [*(launch if size > 1 else []), __file__, "--work", str(out)]
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, *command], check=True, env=env)
        return json.loads(out.read_text())


def busiest(found: dict, case: str, part: str) -> float:
    return max(seconds[part] for seconds in found[case])


def table(data: dict) -> str:
    head = "| case | part | one process, s | busiest of two, s | one / two |"
    lines = [head, "|---|---|---|---|---|"]
    for case in CASES:
        for part in PARTS:
            one, two = (
                statistics.median(busiest(found, case, part) for found in data[size])
                for size in ("1", "2")
            )
            lines.append(f"| {case} | {part} | {one:.2f} | {two:.2f} | {one / two:.2f} |")
    return "\n".join(lines)


def wall_table(data: dict) -> str:
    """Ratios of each repeat's pair of runs; a whole iteration in the last line of a case."""
    repeats = list(zip(data["1"], data["2"], strict=True))
    head = "| case | part | one process, s | two, s | one / two: median (least to most) |"
    lines = [head, "|---|---|---|---|---|"]
    for case in CASES:
        for part in (*PARTS, "iteration"):
            of = [f"{p}_wall" for p in (PARTS if part == "iteration" else (part,))]
            # Of the sum: where one waits for the other, the parts' longest would count that twice.
            pairs = [
                tuple(max(sum(own[p] for p in of) for own in found[case]) for found in pair)
                for pair in repeats
            ]
            one, two = (statistics.median(values) for values in zip(*pairs))
            ratios = sorted(a / b for a, b in pairs)
            lines.append(
                f"| {case} | {part} | {one:.2f} | {two:.2f} | {statistics.median(ratios):.2f} "
                f"({ratios[0]:.2f} to {ratios[-1]:.2f}) |"
            )
    # Of learning: in a rollout other processes may work for this one (the jail of coding).
    shares = [
        own["learn"] / own["learn_wall"] for found in data["1"] for (own,) in found.values()
    ]
    lines += ["", f"One process had {min(shares):.2f} to {max(shares):.2f} of a core, "
              f"n = {len(repeats)} repeats."]
    if min(shares) < WHOLE_CORE:
        lines.append("**Other work ran on the machine: these are no measurements of speed.**")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wall", action="store_true", help="wall seconds, on a quiet machine")
    parser.add_argument("--repeats", type=int, help=f"default: {REPEATS}, or {WALL_REPEATS}")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        return work(args.work)
    from colllm_bench.runs.provenance import environment

    data = {"machine": environment(), "settings": CASES, "iterations": ITERATIONS, "1": [], "2": []}
    name = "processes_wall" if args.wall else "processes"
    for _ in range(args.repeats or (WALL_REPEATS if args.wall else REPEATS)):
        for size in (1, 2):
            data[str(size)].append(measure(size))
            (HERE / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n")
    text = wall_table(data) if args.wall else table(data)
    (HERE / f"{name}.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
