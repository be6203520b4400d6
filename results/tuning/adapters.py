"""Adapters against full fine-tuning of the built-in model: what `--tuning` should default to.

    python results/tuning/adapters.py

Monte-Carlo (the cheapest algorithm: only actors differ here), 1,280 episodes, one seed that no
reported run uses, LoRA at ranks 4, 8 and 16 and full fine-tuning at three learning rates.
Runs lie in results/tuning/runs and are skipped when complete.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean, median

HERE = Path(__file__).parent
SEED = 100
CASES = {
    "lora-r4": ["--lora-rank", "4"],
    "lora-r8": ["--lora-rank", "8"],
    "lora-r16": ["--lora-rank", "16"],
    "full-lr0.001": ["--tuning", "full", "--lr", "0.001"],
    "full-lr0.0003": ["--tuning", "full", "--lr", "0.0003"],
    "full-lr0.003": ["--tuning", "full", "--lr", "0.003"],
}


def folder(case: str) -> Path:
    return HERE / "runs" / "strategy" / "mc" / f"adapters-{case}" / f"seed{SEED}"


def run(case: str) -> int:
    own = folder(case)
    if (own / "summary.json").exists():
        return 0
    command = [sys.executable, "-m", "colllm_bench.run", "--quiet"]
    if own.exists():
        command += ["--resume", str(own)]
    else:
        command += [
            "--env", "strategy", "--algo", "mc", "--episodes", "1280", "--seed", str(SEED),
            "--threads", "1", "--name", f"adapters-{case}", "--out", str(HERE / "runs"),
            *CASES[case],
        ]
    return subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}).returncode


def main() -> int:
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(run, CASES))
    lines = [
        "| actors | held-out win rate | mean training win rate | learning, CPU-bound s/iteration |",
        "|---|---|---|---|",
    ]
    for case in CASES:
        own = folder(case)
        if not (own / "summary.json").exists():
            continue
        final = json.loads((own / "summary.json").read_text())["success"]["trained"]["mean"]
        wins, seconds = (
            [json.loads(line)[key] for line in (own / name).read_text().splitlines()]
            for name, key in (("metrics.jsonl", "success"), ("timing.jsonl", "learn"))
        )
        lines.append(f"| {case} | {final:.3f} | {fmean(wins):.3f} | {median(seconds):.2f} |")
    (HERE / "adapters.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
