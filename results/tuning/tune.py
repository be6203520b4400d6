"""The learning rates that the baselines' defaults come from: equal effort for every algorithm.

    python results/tuning/tune.py                 # runs what is missing, then writes the table
    python results/tuning/tune.py --table         # only the table, from the files

Every algorithm gets the same three learning rates, the same seeds, the same number of episodes
and the same everything else; nothing else is tuned for any of them. The score is the held-out
win rate after 2,560 episodes; ties within 0.02 go to the higher mean training win rate (area
under the learning curve). Runs lie in results/tuning/runs and are skipped when complete.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean

HERE = Path(__file__).parent
ALGORITHMS = ("cc", "mc", "dc")
RATES = ("0.0015", "0.003", "0.006")
SEEDS = (100,)
"""Not the seeds of any reported run."""
EPISODES = 2560
EVALUATION = 200


def folder(algo: str, rate: str, seed: int) -> Path:
    return HERE / "runs" / "strategy" / algo / f"lr{rate}" / f"seed{seed}"


def command(algo: str, rate: str, seed: int) -> list[str]:
    own = folder(algo, rate, seed)
    if own.exists():
        return [sys.executable, "-m", "colllm_bench.run", "--resume", str(own), "--quiet"]
    options = {
        "env": "strategy", "algo": algo, "lr": rate, "seed": seed, "episodes": EPISODES,
        "eval-episodes": EVALUATION, "threads": 1, "name": f"lr{rate}", "out": HERE / "runs",
    }
    flags = [text for key, value in options.items() for text in (f"--{key}", str(value))]
    return [sys.executable, "-m", "colllm_bench.run", *flags, "--quiet"]


def run(job: tuple[str, str, int]) -> str | None:
    """Run one job; what went wrong, or None."""
    if (folder(*job) / "summary.json").exists():
        return None
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command(*job), capture_output=True, text=True, env=environment)
    print("done" if done.returncode == 0 else "FAILED", *job, flush=True)
    return None if done.returncode == 0 else f"{job}: {done.stderr.strip()[-300:]}"


def rows() -> list[dict]:
    found = []
    for algo, rate in itertools.product(ALGORITHMS, RATES):
        finals, areas = [], []
        for seed in SEEDS:
            own = folder(algo, rate, seed)
            if not (own / "summary.json").exists():
                continue
            finals.append(json.loads((own / "summary.json").read_text())["success"]["trained"])
            lines = (own / "metrics.jsonl").read_text().splitlines()
            areas.append(fmean(json.loads(line)["success"] for line in lines))
        if finals:
            found.append({
                "algo": algo, "lr": float(rate), "n": len(finals),
                "held_out": [final["mean"] for final in finals],
                "mean_held_out": fmean(final["mean"] for final in finals),
                "area": areas, "mean_area": fmean(areas),
            })
    return found


def chosen(found: list[dict]) -> dict[str, float]:
    best = {}
    for algo in ALGORITHMS:
        own = [row for row in found if row["algo"] == algo]
        if own:
            top = max(row["mean_held_out"] for row in own)
            near = [row for row in own if row["mean_held_out"] >= top - 0.02]
            best[algo] = max(near, key=lambda row: row["mean_area"])["lr"]
    return best


def write_table() -> None:
    found = rows()
    best = chosen(found)
    lines = [
        "| algorithm | lr | held-out win rate, each seed | mean | training win rate | chosen |",
        "|---|---|---|---|---|---|",
    ]
    for row in found:
        each = ", ".join(f"{value:.3f}" for value in row["held_out"])
        mark = "yes" if best[row["algo"]] == row["lr"] else ""
        lines.append(
            f"| {row['algo']} | {row['lr']:g} | {each} | {row['mean_held_out']:.3f} | "
            f"{row['mean_area']:.3f} | {mark} |"
        )
    (HERE / "table.md").write_text("\n".join(lines) + "\n")
    (HERE / "table.json").write_text(json.dumps({"rows": found, "chosen": best}, indent=1) + "\n")
    print("\n".join(lines))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="write the table only")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time, a thread each")
    args = parser.parse_args()
    failures: list[str] = []
    if not args.table:
        # Seeds outermost: if time runs out, every algorithm has had the same effort.
        jobs = [(a, r, s) for s in SEEDS for r in RATES for a in ALGORITHMS]
        with ThreadPoolExecutor(args.jobs) as pool:
            failures = [failure for failure in pool.map(run, jobs) if failure]
    write_table()
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
