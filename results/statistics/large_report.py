"""How long a report over 1,000 runs of 500 iterations takes, and how much memory.

    python results/statistics/large_report.py results/statistics/large_report.json

Makes the runs (2 environments x 5 team sizes x 2 levels x 5 algorithms x 10 seeds, by the
tests' maker of run folders) in a temporary folder, builds the report twice, once without plots,
and writes CPU seconds, wall seconds and peak memory of each.
"""

from __future__ import annotations

import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from made_runs import make_run  # noqa: E402

from colllm_bench.runs import files, provenance  # noqa: E402

ALGORITHMS = ("cc", "dc", "mc", "central", "other")


def make(root: Path) -> int:
    made = 0
    for env in ("strategy", "coding"):
        for agents in (2, 3, 4, 8, 16):
            for level in (1, 2):
                for k, algo in enumerate(ALGORITHMS):
                    for seed in range(10):
                        name = f"agents{agents}" + (f"-level{level}" if level > 1 else "")
                        rng = random.Random(f"{env}{agents}{level}{algo}{seed}")
                        make_run(
                            root, env, algo, name, seed, agents=agents, iterations=500,
                            rise=0.3 + 0.25 * k + agents / 30 + 0.3 * rng.random(),
                            env_options={"level": level} if level > 1 else {},
                            final=min(1.0, 0.9 - 0.05 * k - agents / 60 + rng.gauss(0, 0.05)),
                            held_out=200, rng=rng,
                        )
                        made += 1
    return made


def measure(root: Path, out: Path, *options: str) -> dict[str, float]:
    """CPU and wall seconds of one build, and its peak memory so far among all builds."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    argv = [sys.executable, "-m", "colllm_bench.leaderboard", "build", str(root), "--quiet"]
    subprocess.run([*argv, "--out", str(out), *options], check=True, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "options": " ".join(options),
        "cpu_seconds": round(
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1
        ),
        "wall_seconds": round(time.time() - began, 1),
        "peak_memory_mib": round(after.ru_maxrss / 1024, 1),
        "plots": len(list((out / "plots").iterdir())),
        "page_mib": round((out / "index.html").stat().st_size / 2**20, 2),
    }


def main(path: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        runs = make(root / "results")
        rows = [measure(root / "results", root / "plain", "--no-plots"),
                measure(root / "results", root / "whole")]
        load = os.getloadavg()[0]
    environment = provenance.environment()
    files.write_json(Path(path), {
        "command": "python results/statistics/large_report.py "
                   "results/statistics/large_report.json",
        "runs": runs, "iterations": 500, "builds": rows, "load_of_the_machine": round(load, 1),
        "python": platform.python_version(),
        **{key: environment[key] for key in ("cpu", "cores", "memory_gib", "colllm_bench")},
    })


if __name__ == "__main__":
    main(sys.argv[1])
