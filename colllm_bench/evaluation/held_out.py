"""Frozen teams on held-out tasks, and the scores of their episodes.

The tasks are the same for every run of an environment (they depend on no run's seed; settings are
chosen on others: ``config.eval_split``), and
scores are normalized by the random and the scripted team on those same tasks: 0 is random,
1 is the expert, and no run changes another's score. Environments whose best values are known
name them instead (:mod:`~colllm_bench.evaluation.score_range`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from colllm_bench import processes, registry
from colllm_bench.config import RunConfig
from colllm_bench.evaluation.intervals import mean_interval, wilson
from colllm_bench.evaluation.score_range import RangeOf, known_range, measured_range
from colllm_bench.rollout import rollout, settle_success
from colllm_bench.runs.replays import KEPT
from colllm_bench.seeding import derive
from colllm_bench.setup.environments import close_all, make_env
from colllm_bench.teams.base import Team
from colllm_bench.teams.language_model import LanguageModelTeam, streams_of
from colllm_bench.teams.scripted import ScriptedTeam
from colllm_bench.types import Episode, written


def play_held_out(
    config: RunConfig,
    team: Team,
    *,
    scripted: bool = False,
    frames: int = 0,
    split: str | None = None,
    together: bool = False,
) -> list[Episode]:
    """``config.eval_episodes`` episodes on the held-out tasks, ``config.batch`` at a time.

    Args:
        team: the team that plays.
        scripted: the brief style and no centralized controller, whatever the run's style and
            algorithm: for scripted teams.
        frames: record frames of the first so many episodes
            (:func:`colllm_bench.rollout.rollout`).
        split: of the tasks (``train``, to compare the two); None: ``config.eval_split``.
        together: the run's processes play a share each; all of them must call this.

    Returns:
        [``config.eval_episodes``] episodes, in the order of the tasks.
    """
    count, size = config.eval_episodes, min(config.batch, config.eval_episodes)
    split = config.eval_split if split is None else split
    # An environment whose tasks are the same in all splits still gets other seeds for dev.
    purpose = "dev" if split == "dev" else "held-out"
    envs = [make_env(config, split=split, scripted=scripted) for _ in range(size)]
    episodes: list[Episode] = []
    try:
        for first in range(0, count, size):
            tasks = range(first, min(first + size, count))
            mine = processes.own(tasks) if together else tasks
            seeds = [derive(0, purpose, task) for task in mine]
            played = rollout(
                envs[: len(seeds)], seeds, list(mine), team, frames=max(0, frames - mine[0])
            ) if mine else []
            if together:
                played = processes.gather(played)
                settle_success(played)
            episodes += played
    finally:
        close_all(envs)
    return episodes


def evaluate_team(
    config: RunConfig,
    policy: Any,
    *,
    temperature: float | None = None,
    frames: int = 0,
    split: str | None = None,
) -> list[Episode]:
    """A language-model team on the held-out tasks, as a run's own evaluation plays it; every
    process of a run a share.

    Args:
        policy: a :class:`colllm_bench.models.team_policy.TeamPolicy`.
        temperature: None: ``config.temperature``; 0 is greedy.
        frames: as in :func:`play_held_out`.
        split: as in :func:`play_held_out`.
    """
    team = LanguageModelTeam(
        policy,
        **streams_of(config, policy.device, "evaluation"),
        temperature=config.temperature if temperature is None else temperature,
        max_action_tokens=written(config.max_action_tokens),
    )
    return play_held_out(config, team, frames=frames, split=split, together=True)


def reference_teams(config: RunConfig) -> dict[str, list[Episode]]:
    """Episodes of the environment's random and scripted teams on the held-out tasks, by name;
    only the teams that it has."""
    policies = {name: registry.policy_of(config.env, name) for name in ("random", "scripted")}
    return {
        name: play_held_out(
            config, ScriptedTeam(policy), scripted=True, frames=KEPT.get(name, 0)
        )
        for name, policy in policies.items()
        if policy
    }


def raw_results(episodes: Sequence[Episode]) -> dict[str, Any]:
    """The numbers of a team's episodes, as they go into files.

    Returns:
        ``returns``, ``turns`` and ``successes`` (1 or 0; None where an episode has no verdict):
        one number per episode; ``invalid``: the share of invalid actions.
    """
    turns = [turn for e in episodes for x in e.trajectories for turn in x.turns]
    successes = [e.success for e in episodes]
    return {
        "returns": [e.return_ for e in episodes],
        "successes": None if None in successes else [int(written(s)) for s in successes],
        "turns": [len(e.rewards) for e in episodes],
        "invalid": fmean(bool(written(turn.info).get("invalid")) for turn in turns),
    }


def summarize_teams(config: RunConfig, teams: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """``summary.json``: score, return and success of each team, each with its 95% interval.

    Args:
        teams: :func:`raw_results` of ``trained``, ``untrained``, ``random``, ``scripted``; the
            last two may be missing, then there is no normalized score (unless the environment's
            ``score_range`` is known; the summary then has it).
    """
    known = known_range(config)
    return {
        "env": config.env,
        "algo": config.algo,
        "agents": config.agents,
        "seed": config.seed,
        "model": config.model,
        "episodes": config.iterations * config.batch,
        **summarize(teams, known),
        **({"score_range": known(teams)} if known else {}),
    }


def summarize(
    teams: dict[str, dict[str, Any]], range_of: RangeOf | None = None
) -> dict[str, Any]:
    """``score``, ``return`` and ``success`` of each team with its 95% interval, the share of
    ``invalid`` actions, and the raw results under ``held_out``.

    Args:
        teams: :func:`raw_results` by team.
        range_of: what normalizes the scores; None: :func:`measured_range`.
    """
    scale = (range_of or measured_range)(teams)
    summary: dict[str, Any] = {
        "score": {},
        "return": {},
        "success": {},
        "invalid": {name: team["invalid"] for name, team in teams.items()},
        "held_out": teams,
    }
    for name, team in teams.items():
        ends = [fmean(teams[t]["returns"]) for t in ("random", "scripted") if t in teams]
        summary["return"][name] = _interval(team["returns"], ends)
        if scale is not None:
            floor, ceiling = scale
            scores = [(r - floor) / (ceiling - floor) for r in team["returns"]]
            summary["score"][name] = _interval(scores, [0.0, 1.0])
        if team["successes"] is not None:
            wins, n = sum(team["successes"]), len(team["successes"])
            low, high = wilson(wins, n)
            summary["success"][name] = {"mean": wins / n, "low": low, "high": high, "n": n}
    return summary


def _interval(values: Sequence[float], references: Sequence[float]) -> dict[str, float | None]:
    """A team's mean with its interval.

    Args:
        references: means of the random and the scripted team in the same units: an episode is
            taken to lie between them, or as far out as one of these did.
    """
    span = (-math.inf, math.inf)
    if len(references) == 2:
        span = min(*references, *values), max(*references, *values)
    mean, low, high = mean_interval(values, low=span[0], high=span[1])
    # One episode, or equal ones, may say nothing of the spread; JSON knows no infinity.
    known = math.isfinite(low) and math.isfinite(high)
    ends = (low, high) if known else (None, None)
    return {"mean": mean, "low": ends[0], "high": ends[1], "n": len(values)}
