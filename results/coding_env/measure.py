"""Success of the scripted teams and of the untrained built-in model on held-out programs.

    OMP_NUM_THREADS=1 python results/coding_env/measure.py

Writes ``measured.json`` (every episode's outcome, and the machine) and ``measured.md`` (the table
of docs/coding.md). The tasks are those of every run's evaluation, see
:mod:`colllm_bench.evaluation.held_out`; all programs run in the jail.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from colllm_bench.config import RunConfig
from colllm_bench.envs.coding.scripted import Expert, GreedyNovice, Novice, Random
from colllm_bench.evaluation.held_out import evaluate_team, play_held_out, raw_results
from colllm_bench.evaluation.intervals import wilson
from colllm_bench.models.team_policy import TeamPolicy
from colllm_bench.runs.provenance import environment
from colllm_bench.seeding import torch_generator
from colllm_bench.setup.environments import make_env, provenance_of
from colllm_bench.setup.resolve import resolve
from colllm_bench.teams.scripted import ScriptedTeam

HERE = Path(__file__).parent
SETTINGS = ((1, 2), (1, 3), (1, 4), (1, 8), (1, 16), (2, 3), (3, 3))
"""(level, agents)"""
TEAMS = {"random": (Random, 100), "greedy novice": (GreedyNovice, 100), "novice": (Novice, 200),
         "expert": (Expert, 100)}
SAMPLED, GREEDY = 200, 100


def measure(level: int, agents: int) -> dict:
    config = resolve(RunConfig(
        env="coding", algo="mc", agents=agents, env_options={"level": level}, batch=40, group=8,
        eval_episodes=SAMPLED, threads=1,
    ))
    wins, milliseconds = {}, 0.0
    for name, (policy, count) in TEAMS.items():
        own = config.replace(eval_episodes=count)
        began = time.perf_counter()
        played = raw_results(play_held_out(own, ScriptedTeam(policy), scripted=True))
        wins[name] = played["successes"]
        milliseconds = 1000 * (time.perf_counter() - began) / sum(played["turns"])
    names = make_env(config, split="eval").possible_agents
    team = TeamPolicy.build(config, names, generator=torch_generator(0, "adapters"))
    sampled = raw_results(evaluate_team(config, team))
    greedy = raw_results(evaluate_team(config.replace(eval_episodes=GREEDY), team, temperature=0.0))
    wins |= {"model": sampled["successes"], "greedy model": greedy["successes"]}
    return {"level": level, "agents": agents, "wins": wins, "invalid": sampled["invalid"],
            "milliseconds": milliseconds}


def cell(outcomes: list[int]) -> str:
    low, high = wilson(sum(outcomes), len(outcomes))
    return f"{sum(outcomes) / len(outcomes):.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    rows = []
    for level, agents in SETTINGS:
        rows.append(measure(level, agents))
        own = rows[-1]
        print(level, agents, {k: cell(v) for k, v in own["wins"].items()}, flush=True)
    names = list(rows[0]["wins"])
    lines = [
        f"| level | agents | {' | '.join(names)} | invalid answers | ms a step |",
        "|" + "---|" * (4 + len(names)),
    ]
    lines += [
        f"| {row['level']} | {row['agents']} | "
        + " | ".join(cell(row["wins"][name]) for name in names)
        + f" | {row['invalid']:.4f} | {row['milliseconds']:.0f} |"
        for row in rows
    ]
    about = provenance_of(make_env(RunConfig(env="coding"), split="eval"))
    found = {"machine": {**environment(), **about}, "rows": rows}
    (HERE / "measured.json").write_text(json.dumps(found) + "\n")
    (HERE / "measured.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
