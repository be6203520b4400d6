"""Adapters against full fine-tuning of the built-in model: what `--tuning` should default to.

    python results/tuning/adapters.py

Monte-Carlo (the cheapest algorithm: only actors differ here), 1,280 episodes, seed 100. Full
fine-tuning at two learning rates; LoRA's rows are the first 1,280 episodes of the same seed's
runs in the learning-rate sweep (tune.py). Runs lie in results/tuning/runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean

HERE = Path(__file__).parent
RUNS = HERE / "runs" / "strategy" / "mc"
ITERATIONS = 20
FULL = ("0.0003", "0.001")
LORA = ("0.0015", "0.003", "0.006")


def run(rate: str) -> int:
    own = RUNS / f"full-lr{rate}" / "seed100"
    if (own / "config.json").exists() and rows(own):
        return 0
    command = [
        sys.executable, "-m", "colllm_bench.run", "--quiet", "--no-eval", "--algo", "mc",
        "--episodes", "1280", "--seed", "100", "--threads", "1", "--tuning", "full", "--lr", rate,
        "--name", f"full-lr{rate}", "--out", str(HERE / "runs"),
    ]
    return subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}).returncode


def rows(folder: Path) -> list[dict]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines[:ITERATIONS]]


def main() -> int:
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(run, FULL))
    lines = [
        "| actors | lr | mean win rate of 20 iterations | of the last five | invalid orders |",
        "|---|---|---|---|---|",
    ]
    cases = [("LoRA, rank 8", r, f"lr{r}") for r in LORA]
    cases += [("full", r, f"full-lr{r}") for r in FULL]
    for label, rate, name in cases:
        found = rows(RUNS / name / "seed100")
        wins = [row["success"] for row in found]
        invalid = fmean(row["invalid"] for row in found[-5:])
        lines.append(
            f"| {label} | {rate} | {fmean(wins):.3f} | {fmean(wins[-5:]):.3f} | {invalid:.3f} |"
        )
    (HERE / "adapters.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
