"""The untrained built-in model: quality on held-out premises, sampled and greedy.

    OMP_NUM_THREADS=1 python results/writing_env/measure_model.py

Writes ``model.json`` (every episode's quality) and ``model.md`` (the table of docs/writing.md),
with the score normalized by the random and the scripted team on the same premises.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

from colllm_bench.config import RunConfig
from colllm_bench.evaluation.held_out import evaluate_team, raw_results, reference_teams
from colllm_bench.evaluation.intervals import mean_interval
from colllm_bench.models.team_policy import TeamPolicy
from colllm_bench.seeding import torch_generator
from colllm_bench.setup.environments import make_env
from colllm_bench.setup.resolve import resolve

HERE = Path(__file__).parent
SETTINGS = ((2, 1), (3, 1), (4, 1), (3, 2))
"""(agents, drafts)"""
SAMPLED, GREEDY = 200, 50


def measure(agents: int, turns: int) -> dict:
    config = resolve(RunConfig(
        env="writing", algo="mc", agents=agents, env_options={"turns": turns},
        eval_episodes=SAMPLED, batch=40, group=8, threads=1,
    ))
    names = make_env(config, split="eval").possible_agents
    team = TeamPolicy.build(config, names, generator=torch_generator(0, "adapters"))
    sampled = raw_results(evaluate_team(config, team))
    greedy = raw_results(evaluate_team(config.replace(eval_episodes=GREEDY), team, temperature=0.0))
    ends = {name: fmean(raw_results(e)["returns"]) for name, e in reference_teams(config).items()}
    return {
        "agents": agents, "turns": turns, "sampled": sampled["returns"],
        "greedy": greedy["returns"], "invalid": sampled["invalid"], **ends,
    }


def cell(returns: list[float], row: dict) -> str:
    span = row["scripted"] - row["random"]
    mean, low, high = mean_interval([(r - row["random"]) / span for r in returns])
    return f"{mean:.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    rows = []
    lines = [
        "| agents | drafts | score, sampled (95% interval) | score, greedy (95% interval) | "
        "quality, sampled | invalid sections |",
        "|---|---|---|---|---|---|",
    ]
    for agents, turns in SETTINGS:
        row = measure(agents, turns)
        rows.append(row)
        lines.append(
            f"| {agents} | {turns} | {cell(row['sampled'], row)} | {cell(row['greedy'], row)} "
            f"| {fmean(row['sampled']):.3f} | {row['invalid']:.4f} |"
        )
        print(lines[-1], flush=True)
    (HERE / "model.json").write_text(json.dumps(rows) + "\n")
    (HERE / "model.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
