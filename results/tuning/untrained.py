"""Where `central` starts beside a team: untrained built-in models on held-out tasks.

    python results/tuning/untrained.py      # writes untrained.json, minutes

The controller's model is cloned until it is about as good as the team's (docs/tuning.md).
"""

from __future__ import annotations

from pathlib import Path

import torch

from colllm_bench.config import RunConfig
from colllm_bench.evaluation.held_out import evaluate_team
from colllm_bench.runs.files import write_json
from colllm_bench.runs.provenance import environment
from colllm_bench.setup.resolve import resolve
from colllm_bench.training.trainer import Trainer

HERE = Path(__file__).parent
SEED = 91
SPARSE = {"reward": "sparse", "base": 0.25}
TASKS = (
    ("strategy", 2, {"level": 1}, 600), ("strategy", 3, {"level": 1}, 600),
    ("strategy", 4, {"level": 1}, 400),
    ("credit", 3, {**SPARSE, "turns": 8}, 400), ("credit", 3, {**SPARSE, "turns": 32}, 400),
    ("credit", 8, {**SPARSE, "turns": 8}, 400),
)
"""Environment, agents, its options, held-out tasks."""


def measure(env: str, agents: int, options: dict, tasks: int, algo: str) -> dict:
    """A row: every return of the untrained team (``cc``) or controller (``central``)."""
    config = RunConfig.of(env=env, algo=algo, agents=agents, env_options=options, seed=SEED,
                          eval_episodes=tasks)
    trainer = Trainer(resolve(config))
    episodes = evaluate_team(trainer.config, trainer.team)
    turns = [turn for e in episodes for x in e.trajectories for turn in x.turns]
    return {
        "env": env, "agents": agents, "options": options, "algo": algo, "tasks": tasks,
        "mean": round(sum(e.return_ for e in episodes) / tasks, 4),
        "invalid": round(sum(bool(t.info["invalid"]) for t in turns) / len(turns), 4),
        "returns": [round(e.return_, 4) for e in episodes],
    }


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for task in TASKS:
        for algo in ("cc", "central"):
            rows.append(measure(*task, algo))
            print(*(rows[-1][k] for k in ("env", "agents", "algo", "mean", "invalid")), flush=True)
    about = {k: environment()[k] for k in ("commit", "modified", "python", "cpu")}
    write_json(HERE / "untrained.json", {**about, "seed": SEED, "rows": rows})


if __name__ == "__main__":
    main()
