"""The untrained built-in model in the tiers that leave room: wins and scores on held-out tasks.

    OMP_NUM_THREADS=1 python results/tiers/measure.py                 # all of TIERS, half an hour
    OMP_NUM_THREADS=1 python results/tiers/measure.py strategy-hard   # one or more of them
    python results/tiers/measure.py --tables                            # measured.md again

Writes ``NAME.json`` (every episode's return and outcome, and the scripted teams' means) and, from
all of these files, ``measured.md``: Clopper-Pearson intervals for wins, Student's for scores.
"""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from statistics import fmean

from scipy.stats import beta

from colllm_bench.config import RunConfig
from colllm_bench.evaluation.held_out import raw_results, reference_teams
from colllm_bench.evaluation.intervals import mean_interval
from colllm_bench.models.team_policy import TeamPolicy
from colllm_bench.rollout import rollout
from colllm_bench.runs.files import write_text
from colllm_bench.seeding import derive, torch_generator
from colllm_bench.setup.environments import make_env
from colllm_bench.setup.resolve import resolve
from colllm_bench.teams.language_model import LanguageModelTeam

HERE = Path(__file__).parent
TIERS = {
    "strategy-hard": ("strategy", 3, {"level": "hard"}, 2000, 200),
    "strategy-brutal": ("strategy", 3, {"level": "brutal"}, 5000, 200),
    "coding-8": ("coding", 8, {"level": 3, "reward": "sparse", "split_by": "behaviour"}, 200, 100),
    "coding-16": (
        "coding", 16, {"level": 3, "reward": "sparse", "split_by": "behaviour"}, 100, 100),
    "coding-hardest": ("coding", 3, {"level": 4, "split_by": "behaviour"}, 200, 100),
    "writing-wide": ("writing", 3, {"turns": 2, "premises": "wide"}, 400, 100),
}
"""(environment, agents, options, held-out episodes, episodes side by side)"""
SCRIPTED = 200
"""Episodes of the scripted teams."""


def measure(name: str, env: str, agents: int, options: dict, episodes: int, block: int) -> dict:
    """Play the tier's held-out tasks in order, and write its file after every block of them."""
    config = resolve(RunConfig(
        env=env, algo="mc", agents=agents, env_options=options, eval_episodes=SCRIPTED, threads=1,
    ))
    ends = {team: raw_results(found) for team, found in reference_teams(config).items()}
    row = {
        "env": env, "agents": agents, "env_options": options, "successes": [], "returns": [],
        "invalid": [],
        "machine": {"python": platform.python_version(), "processor": platform.machine()},
        **{f"{team}_return": fmean(found["returns"]) for team, found in ends.items()},
        **{f"{team}_successes": found["successes"] for team, found in ends.items()},
    }
    envs = [make_env(config, split="eval") for _ in range(min(block, episodes))]
    policy = TeamPolicy.build(
        config, envs[0].possible_agents, generator=torch_generator(0, "adapters")
    )
    team = LanguageModelTeam(
        policy, generator=torch_generator(0, "evaluation"), temperature=config.temperature,
        max_action_tokens=config.max_action_tokens,
    )
    for first in range(0, episodes, block):
        tasks = range(first, min(first + block, episodes))
        seeds = [derive(0, "held-out", task) for task in tasks]
        found = raw_results(rollout(envs[: len(seeds)], seeds, list(tasks), team))
        row["successes"] += found["successes"]
        row["returns"] += [round(value, 6) for value in found["returns"]]
        row["invalid"].append(found["invalid"])
        write_text(HERE / f"{name}.json", json.dumps(row) + "\n")
    return row


def clopper_pearson(outcomes: list[int]) -> tuple[float, float, float]:
    """(share, low, high) with the exact 95% interval of a binomial share."""
    wins, n = sum(outcomes), len(outcomes)
    low = beta.ppf(0.025, wins, n - wins + 1) if wins else 0.0
    high = beta.ppf(0.975, wins + 1, n - wins) if wins < n else 1.0
    return wins / n, float(low), float(high)


def line(name: str, row: dict) -> str:
    span = row["scripted_return"] - row["random_return"]
    scores = [(value - row["random_return"]) / span for value in row["returns"]]
    win, score = clopper_pearson(row["successes"]), mean_interval(scores)
    options = " ".join(f"{key}={value}" for key, value in row["env_options"].items())
    cells = [
        name, row["env"], row["agents"], options, len(scores),
        "{:.4f} ({:.4f} to {:.4f})".format(*win), "{:.3f} ({:.3f} to {:.3f})".format(*score),
        "{:.3f} ({:.3f} to {:.3f})".format(*clopper_pearson(row["scripted_successes"])),
        f"{row['random_return']:.3f}", f"{row['scripted_return']:.3f}",
        f"{fmean(row['invalid']):.4f}",
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


HEAD = (
    "| tier | environment | agents | options | episodes | win rate (95% interval) "
    "| score (95% interval) | expert's win rate | random's return | expert's return | invalid |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|\n"
)


def main(chosen: list[str]) -> None:
    for name in () if chosen == ["--tables"] else chosen or TIERS:
        row = measure(name, *TIERS[name])
        print(line(name, row), flush=True)
    found = [name for name in TIERS if (HERE / f"{name}.json").exists()]
    rows = [line(name, json.loads((HERE / f"{name}.json").read_text())) for name in found]
    write_text(HERE / "measured.md", HEAD + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
