"""What measuring the gradient's SNR costs an iteration, in CPU seconds.

    python results/statistics/snr_cost.py results/statistics/snr_cost.json

The strategy game's defaults (3 agents, 64 episodes); learning from the same episodes with and
without, in turn, five times each.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median

from colllm_bench.config import RunConfig
from colllm_bench.runs import files, provenance
from colllm_bench.setup.resolve import resolve
from colllm_bench.training.trainer import Trainer


def measure(algo: str) -> dict:
    warmed = {} if algo == "mc" else {"critic_warmup": 0}
    trainer = Trainer(resolve(RunConfig(algo=algo, **warmed)))
    began = time.process_time()
    episodes = trainer.play(0)
    row: dict = {"algo": algo, "play": time.process_time() - began, "without": [], "with": []}
    for _ in range(5):
        for name, every in (("without", 0), ("with", 1)):
            trainer.actor.config = trainer.config.replace(gradient_snr_every=every)
            began = time.process_time()
            trainer.learn(episodes, 0)
            row[name].append(time.process_time() - began)
    row["extra"] = median(row["with"]) - median(row["without"])
    row["share_at_10"] = row["extra"] / 10 / (row["play"] + median(row["without"]))
    return row


def main(path: str) -> None:
    rows = [measure(algo) for algo in ("mc", "cc", "dc")]
    environment = provenance.environment()
    files.write_json(Path(path), {
        "command": "python results/statistics/snr_cost.py results/statistics/snr_cost.json",
        "cpu_seconds": rows, **{key: environment[key] for key in ("cpu", "cores", "packages")},
    })


if __name__ == "__main__":
    main(sys.argv[1])
