"""Frozen teams on held-out tasks: trained, untrained, random, scripted.

The tasks are the same for every run of an environment (they depend on no run's seed), and
scores are normalized by the random and the scripted team on those same tasks: 0 is random,
1 is the expert, and no run moves another's score.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.evaluation.intervals import mean_interval, wilson
from colllm_bench.rollout import rollout
from colllm_bench.runs.replays import KEPT
from colllm_bench.seeding import derive, torch_generator
from colllm_bench.setup.environments import make_env
from colllm_bench.teams.base import Team
from colllm_bench.teams.language_model import LanguageModelTeam
from colllm_bench.teams.scripted import ScriptedTeam
from colllm_bench.types import Episode, written


def play_held_out(
    config: RunConfig,
    player: Team,
    *,
    scripted: bool = False,
    frames: int = 0,
    split: str = "eval",
) -> list[Episode]:
    """``config.eval_episodes`` episodes on the held-out tasks, ``config.batch`` at a time.

    Args:
        player: who plays.
        scripted: scripted players read the brief style and act for themselves, whatever the
            run's style and protocol.
        frames: the first so many episodes are watched (see :func:`colllm_bench.rollout.rollout`).
        split: ``train`` plays tasks that are not held out, to tell the two apart.
    """
    count, size = config.eval_episodes, min(config.batch, config.eval_episodes)
    envs = [make_env(config, split=split, scripted=scripted) for _ in range(size)]
    episodes: list[Episode] = []
    for first in range(0, count, size):
        tasks = range(first, min(first + size, count))
        seeds = [derive(0, "held-out", task) for task in tasks]
        episodes += rollout(
            envs[: len(seeds)], seeds, list(tasks), player, frames=max(0, frames - first)
        )
    return episodes


def evaluate_team(
    config: RunConfig,
    team: Any,
    *,
    temperature: float | None = None,
    frames: int = 0,
    split: str = "eval",
) -> list[Episode]:
    """A language-model team on the held-out tasks, sampled unless ``temperature`` is 0."""
    player = LanguageModelTeam(
        team,
        generator=torch_generator(config.seed, "evaluation", device=team.device),
        temperature=config.temperature if temperature is None else temperature,
        max_action_tokens=written(config.max_action_tokens),
    )
    return play_held_out(config, player, frames=frames, split=split)


def reference_teams(config: RunConfig) -> dict[str, list[Episode]]:
    """The environment's random and scripted teams on the held-out tasks; those it has."""
    spec = registry.env_spec(config.env)
    entries = {"random": spec.random, "scripted": spec.scripted}
    return {
        name: play_held_out(
            config,
            ScriptedTeam(registry.load(entry, "policy")),
            scripted=True,
            frames=KEPT.get(name, 0),
        )
        for name, entry in entries.items()
        if entry
    }


def results(episodes: Sequence[Episode]) -> dict[str, Any]:
    """The bare results of a team's episodes, as they go into files: one number an episode."""
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
        teams: :func:`results` of ``trained``, ``untrained``, ``random``, ``scripted``; the
            last two may be missing, then there is no normalized score.
    """
    return {
        "env": config.env,
        "algo": config.algo,
        "agents": config.agents,
        "seed": config.seed,
        "model": config.model,
        "episodes": config.iterations * config.batch,
        **measures(teams),
    }


def measures(teams: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """``score``, ``return`` and ``success`` of each team with its 95% interval, the share of
    ``invalid`` actions, and the bare numbers under ``held_out``.

    Args:
        teams: :func:`results` by team; ``random`` and ``scripted`` normalize the scores.
    """
    summary: dict[str, Any] = {
        "score": {},
        "return": {},
        "success": {},
        "invalid": {name: team["invalid"] for name, team in teams.items()},
        "held_out": teams,
    }
    for name, team in teams.items():
        summary["return"][name] = _interval(team["returns"])
        scores = normalized(team["returns"], teams)
        if scores is not None:
            summary["score"][name] = _interval(scores)
        if team["successes"] is not None:
            wins, n = sum(team["successes"]), len(team["successes"])
            low, high = wilson(wins, n)
            summary["success"][name] = {"mean": wins / n, "low": low, "high": high, "n": n}
    return summary


def normalized(
    returns: Sequence[float], references: dict[str, dict[str, Any]]
) -> list[float] | None:
    """Returns as scores, 0 the random and 1 the scripted team of ``references``; None where one
    is missing or the expert is no better."""
    floor, ceiling = (
        fmean(references[name]["returns"]) if name in references else None
        for name in ("random", "scripted")
    )
    if floor is None or ceiling is None or not ceiling > floor:
        return None
    return [(r - floor) / (ceiling - floor) for r in returns]


def _interval(values: Sequence[float]) -> dict[str, float | None]:
    mean, low, high = mean_interval(values)
    if len(values) < 2:  # one episode says nothing of the spread; JSON knows no infinity
        return {"mean": mean, "low": None, "high": None, "n": len(values)}
    return {"mean": mean, "low": low, "high": high, "n": len(values)}
