"""How much of an iteration two processes share: CPU seconds of the busiest, beside those of one.

    python results/benchmarks/processes.py          # writes processes.json, prints the table

CPU time, not wall time: other work on the machine does not move it, and a process that waits for
the other takes none. With a core for each process and nothing else on the machine the wall time is
that of the busiest. Repeats of one and of two processes in turn; all values are kept.
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
REPEATS, ITERATIONS = 3, 2


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
        seconds = {"rollout": 0.0, "learn": 0.0}
        for k in range(ITERATIONS + 1):  # the first one also loads what is loaded late
            iteration, began = 5 + k, time.process_time()
            episodes = trainer.play(iteration)
            played = time.process_time()
            trainer.learn(episodes, iteration)
            if k:
                seconds["rollout"] += played - began
                seconds["learn"] += time.process_time() - played
        found[name] = processes.gather([seconds])
    if processes.is_first():
        out.write_text(json.dumps(found))
    processes.leave()


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
        for part in ("rollout", "learn"):
            one, two = (
                statistics.median(busiest(found, case, part) for found in data[size])
                for size in ("1", "2")
            )
            lines.append(f"| {case} | {part} | {one:.2f} | {two:.2f} | {one / two:.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        return work(args.work)
    from colllm_bench.runs.provenance import environment

    data = {"machine": environment(), "settings": CASES, "iterations": ITERATIONS, "1": [], "2": []}
    for _ in range(REPEATS):
        for size in (1, 2):
            data[str(size)].append(measure(size))
            (HERE / "processes.json").write_text(json.dumps(data, indent=1) + "\n")
    (HERE / "processes.md").write_text(table(data) + "\n")
    print(table(data))


if __name__ == "__main__":
    main()
