"""Bytes that learners on machines of their own would exchange, by algorithm and team size.

    python results/benchmarks/exchange.py            # writes exchange.json and exchange.md

Real episodes of the untrained built-in model on the strategy game, 8 an iteration; no learning.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

from colllm_bench.config import RunConfig
from colllm_bench.objectives import communication
from colllm_bench.runs.provenance import environment
from colllm_bench.setup.resolve import resolve
from colllm_bench.training.trainer import Trainer

HERE = Path(__file__).parent
ALGORITHMS, AGENTS, EPISODES, SEEDS = ("mc", "dc", "cc", "central"), (2, 4, 8, 16), 8, (0, 1, 2)


def bytes_an_episode(algo: str, agents: int, seed: int) -> float:
    config = RunConfig(algo=algo, agents=agents, batch=EPISODES, seed=seed, threads=1)
    trainer = Trainer(resolve(config))
    return communication.bytes_exchanged(trainer.algorithm, trainer.play(0)) / EPISODES


def main() -> None:
    rows = [
        {"algo": algo, "agents": agents,
         "bytes_an_episode": [bytes_an_episode(algo, agents, seed) for seed in SEEDS]}
        for algo in ALGORITHMS for agents in AGENTS
    ]
    record = {"seeds": SEEDS, "episodes": EPISODES, "rows": rows, "environment": environment()}
    (HERE / "exchange.json").write_text(json.dumps(record, indent=1) + "\n")
    lines = ["| algorithm | " + " | ".join(f"{n} agents" for n in AGENTS) + " |",
             "|---" * (1 + len(AGENTS)) + "|"]
    for algo in ALGORITHMS:
        own = [row["bytes_an_episode"] for row in rows if row["algo"] == algo]
        cells = [f"{fmean(x):,.0f} ({min(x):,.0f} to {max(x):,.0f})" for x in own]
        lines.append(f"| {algo} | " + " | ".join(cells) + " |")
    (HERE / "exchange.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
