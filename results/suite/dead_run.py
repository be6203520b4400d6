"""Why a run of v1-hard died: its first iterations again, as they were and with one setting changed.

    python results/suite/dead_run.py        # writes dead_run.jsonl beside it

`cc` on strategy-hard-3 with seed 10 ends at 0: from the eighth iteration on it wins no game of the
easiest level, and a quarter to half of its orders are invalid. A line a variant: of each iteration
the share of games won, of invalid orders, and the entropy of the sampled tokens.
"""

from __future__ import annotations

import json
import platform
import subprocess
import warnings
from pathlib import Path
from typing import Any

import torch

from colllm_bench.setup.resolve import resolve
from colllm_bench.suites import load_suite
from colllm_bench.suites.tuned import chosen_for
from colllm_bench.training.recording import describe
from colllm_bench.training.trainer import Trainer

HERE = Path(__file__).parent
ITERATIONS = 11
VARIANTS: dict[str, dict[str, Any]] = {
    "as it was": {}, "lr 0.003": {"lr": 0.003}, "lambda 0.95": {"gae_lambda": 0.95},
    "critic's lr 0.003": {"critic_lr": 0.003},
}


def first_iterations(changes: dict[str, Any]) -> list[dict[str, float]]:
    suite = load_suite("v1-hard")
    settings = chosen_for(suite, "cc", HERE).settings | changes
    config = suite.config(suite.task("strategy-hard-3"), "cc", 10, settings)
    trainer, found = Trainer(resolve(config)), []
    for k in range(ITERATIONS):
        episodes = trainer.play(k)
        row = trainer.learn(episodes, k) | describe(episodes)
        found.append({name: round(row[name], 4)
                      for name in ("success", "invalid", "sampled_entropy")})
    trainer.close()
    return found


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip()
    with (HERE / "dead_run.jsonl").open("w") as file:
        for name, changes in VARIANTS.items():
            row = {"variant": name, "commit": commit, "machine": platform.machine(),
                   "torch": torch.__version__, "iterations": first_iterations(changes)}
            file.write(json.dumps(row) + "\n")
            print(name, [one["success"] for one in row["iterations"]], flush=True)


if __name__ == "__main__":
    main()
