"""The numbers of one group after training: the trained teams on held-out tasks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from colllm_bench.leaderboard.data.collection import Group
from colllm_bench.leaderboard.statistics import estimators, held_out_tasks
from colllm_bench.leaderboard.statistics.measures import (
    generator,
    listed,
    main_measure,
    number,
    span,
    summaries,
)

PROFILE = np.round(np.linspace(0.0, 1.0, 51), 2)
"""Scores at which performance profiles are taken."""


def final_seeds(group: Group, measure: str) -> dict[str, Any] | None:
    """The trained teams on held-out tasks.

    Returns:
        ``seeds`` (``value``, ``low``, ``high``, ``n`` of each run: over its episodes) and
        ``untrained`` (mean over runs of the untrained team); None where a run lacks the measure.
    """
    trained = _trained(group, measure)
    if trained is None:
        return None
    untrained = [run.summary[measure].get("untrained", {}).get("mean") for run in group.runs]
    return {
        "seeds": [
            {"value": result["mean"], **{key: result.get(key) for key in ("low", "high", "n")}}
            for result in trained
        ],
        "untrained": None if None in untrained else float(np.mean(untrained)),
    }


def final(measure: str, aggregate: str) -> Callable[[Group], dict[str, Any] | None]:
    """The statistic: an aggregate over runs of the trained teams' held-out results."""

    def statistic(group: Group) -> dict[str, Any] | None:
        trained = _trained(group, measure)
        if trained is None:
            return None
        values = np.array([result["mean"] for result in trained], dtype=float)
        rng = generator(group, f"{measure}/{aggregate}")
        result = held_out_tasks.over_runs(summaries(group), measure, aggregate, rng)
        if aggregate == "optimality_gap":
            values = 1.0 - np.minimum(values, 1.0)  # each run's own gap
        return {**result.to_dict(), "seeds": values.tolist()}

    return statistic


def on_such_tasks(measure: str) -> Callable[[Group], dict[str, Any] | None]:
    """The statistic: the mean over runs, with the interval for other tasks of the same kind."""

    def statistic(group: Group) -> dict[str, Any] | None:
        table = task_table(group, measure)
        if _trained(group, measure) is None or table is None:
            return None
        scores, references = table
        low, high = span(group, measure)
        result = held_out_tasks.on_such_tasks(
            held_out_tasks.over_runs(summaries(group), measure), scores, references,
            low=low, high=high,
        )
        return {**result.to_dict(), "seeds": scores.mean(1).tolist()}

    return statistic


@lru_cache(maxsize=256)
def noise(group: Group, measure: str) -> float:
    """Standard deviation of a run's value by what is left to chance within the tasks."""
    return held_out_tasks.measurement_noise(held_out_tasks.of_team(summaries(group), measure))


def task_table(group: Group, measure: str) -> tuple[np.ndarray, np.ndarray | None] | None:
    """([R, E] trained teams by task, [2, E] the random and the scripted team by task where
    ``measure`` is normalized by them, and not by known values); None where runs do not record
    them, or not on the same number of tasks."""
    scores = held_out_tasks.of_team(summaries(group), measure)
    if scores is None or scores.shape[1] < 2:
        return None
    if measure != "score" or "score_range" in group.first.summary:
        return scores, None
    first = [group.first.summary]
    ends = [held_out_tasks.of_team(first, measure, team) for team in held_out_tasks.REFERENCES]
    if any(end is None or end.shape[1] != scores.shape[1] for end in ends):
        return None
    return scores, np.concatenate(ends)


def _trained(group: Group, measure: str) -> list[dict[str, Any]] | None:
    """Each run's summary of its trained team; None where a run has none."""
    trained = [run.summary.get(measure, {}).get("trained") for run in group.runs]
    if any(result is None or number(result.get("mean")) is None for result in trained):
        return None
    return trained


def final_scores(group: Group) -> np.ndarray | None:
    """[n] each run's held-out value of :func:`main_measure`."""
    trained = _trained(group, main_measure(group))
    if trained is None:
        return None
    return np.array([result["mean"] for result in trained], dtype=float)


def profile(group: Group) -> dict[str, Any] | None:
    """Share of runs whose held-out score is above each of :data:`PROFILE`, with its band."""
    if main_measure(group) != "score":
        return None
    values = final_scores(group)
    low, high = estimators.profile_band(values, PROFILE)
    shares = estimators.performance_profile(values, PROFILE)
    return {"shares": listed(shares), "low": listed(low), "high": listed(high)}
