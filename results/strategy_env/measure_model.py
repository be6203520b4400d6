"""The untrained built-in model's win rates, per level and team size: sampled, and greedy.

    OMP_NUM_THREADS=1 python results/strategy_env/measure_model.py

Writes ``model.json`` (every episode's outcome) and ``model.md`` (the table of docs/strategy.md).
Held-out tasks, 200 episodes sampled and 100 greedy.
"""

from __future__ import annotations

import json
from pathlib import Path

from colllm_bench.config import RunConfig
from colllm_bench.evaluation.held_out import evaluate_team, raw_results
from colllm_bench.evaluation.intervals import wilson
from colllm_bench.models.team_policy import TeamPolicy
from colllm_bench.seeding import torch_generator
from colllm_bench.setup.environments import make_env
from colllm_bench.setup.resolve import resolve

HERE = Path(__file__).parent
LEVELS = (1, 2, 3)
AGENTS = (2, 3, 4, 8)
SAMPLED, GREEDY = 200, 100


def measure(level: int, agents: int) -> dict:
    config = resolve(RunConfig(
        algo="mc", agents=agents, env_options={"level": level}, eval_episodes=SAMPLED, batch=40,
        group=8, threads=1,
    ))
    names = make_env(config, split="eval").possible_agents
    team = TeamPolicy.build(config, names, generator=torch_generator(0, "adapters"))
    sampled = raw_results(evaluate_team(config, team))
    greedy = raw_results(evaluate_team(config.replace(eval_episodes=GREEDY), team, temperature=0.0))
    return {
        "level": level, "agents": agents, "sampled": sampled["successes"],
        "greedy": greedy["successes"], "invalid": sampled["invalid"],
    }


def cell(outcomes: list[int]) -> str:
    low, high = wilson(sum(outcomes), len(outcomes))
    return f"{sum(outcomes) / len(outcomes):.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    rows = []
    for level in LEVELS:
        for agents in AGENTS:
            rows.append(measure(level, agents))
            print(level, agents, cell(rows[-1]["sampled"]), cell(rows[-1]["greedy"]), flush=True)
    lines = [
        "| level | agents | sampled (95% interval) | greedy (95% interval) | invalid orders |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['level']} | {row['agents']} | {cell(row['sampled'])} | {cell(row['greedy'])} "
        f"| {row['invalid']:.4f} |"
        for row in rows
    ]
    (HERE / "model.json").write_text(json.dumps(rows) + "\n")
    (HERE / "model.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
