"""The numbers of one group: finals, curves, samples to thresholds.

Two levels, never mixed: *episodes* within a run (each run's own held-out interval stands beside
its value), and *runs* within the group (every estimate here, n being the number of runs).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from colllm_bench.leaderboard.data.collection import Group, Run
from colllm_bench.leaderboard.statistics import estimators
from colllm_bench.leaderboard.statistics import training_curves as curves
from colllm_bench.leaderboard.statistics.estimators import estimate
from colllm_bench.seeding import derive

POINTS = 100
"""Most points of a curve in ``data.json``."""
PROFILE = np.round(np.linspace(0.0, 1.0, 51), 2)
"""Scores at which performance profiles are taken."""

SHARES = frozenset({"success"})
"""Measures that lie between 0 and 1."""


def generator(group: Group, what: str) -> np.random.Generator:
    """The bootstrap's generator for one group and purpose, independent of what else is
    reported."""
    return np.random.default_rng(derive(0, "report", *group.key, what))


def number(value: Any) -> float | None:
    """A float, or None where JSON has no number for it (NaN, infinity)."""
    value = None if value is None else float(value)
    return value if value is not None and math.isfinite(value) else None


def main_measure(group: Group) -> str:
    """What the group is ranked by: the normalized score where every run has references, else the
    win rate, else the return."""
    if all(run.references for run in group.runs):
        return "score"
    return "success" if all("success" in run.metrics for run in group.runs) else "return"


# -- curves


def curve(run: Run, measure: str) -> np.ndarray | None:
    """[I] one value an iteration, or None. The ``score`` of training episodes is their return
    between the fixed references of the held-out tasks: 0 the random team, 1 the expert."""
    if measure != "score":
        return run.metrics.get(measure)
    if run.references is None:
        return None
    floor, ceiling = run.references
    return (run.metrics["return"] - floor) / (ceiling - floor)


def counts(run: Run, unit: str) -> np.ndarray | None:
    """[I] how many of ``unit`` a run has used up by the end of each iteration."""
    if unit == "episodes":
        return run.metrics["episodes"]
    if unit == "seconds":
        return seconds_of(run, cumulative=True)
    used = run.metrics.get(unit)
    return None if used is None or not np.isfinite(used).all() else np.cumsum(used)


def seconds_of(run: Run, cumulative: bool = False) -> np.ndarray | None:
    parts = [run.timing.get(part) for part in ("rollout", "learn")]
    if any(part is None or len(part) != len(run.metrics["episodes"]) for part in parts):
        return None  # timing.jsonl is missing, torn or shorter
    both = parts[0] + parts[1]
    if not np.isfinite(both).all():
        return None
    return np.cumsum(both) if cumulative else both


def group_curves(
    group: Group, units: Sequence[str], kinds: Sequence[str]
) -> dict[str, Any]:
    """Smoothed learning curves, of at most :data:`POINTS` points, the last kept.

    Args:
        units: of the x axis: ``episodes``, ``agent_turns``, ``tokens``, ``seconds``.
        kinds: of the y axis: ``score``, ``success``, ``return``.

    Returns:
        ``x``: by unit, the mean over seeds, None where a run did not record it. ``measures``: by
        kind, ``mean``, ``low`` and ``high`` (over seeds) and ``seeds``.
    """
    size = min(len(run.metrics["episodes"]) for run in group.runs)
    picks = np.unique(np.linspace(0, size - 1, min(size, POINTS)).round().astype(int))
    xs = {unit: [counts(run, unit) for run in group.runs] for unit in units}
    smoothed_curves: dict[str, Any] = {
        "x": {
            unit: None if any(x is None for x in each)
            else _listed(np.mean([x[picks] for x in each], axis=0))
            for unit, each in xs.items()
        },
        "measures": {},
    }
    for measure in kinds:
        raw = [curve(run, measure) for run in group.runs]
        if any(values is None or not np.isfinite(values).all() for values in raw):
            continue
        smoothed = np.stack([
            curves.smooth(run.metrics["episodes"], values)[picks]
            for run, values in zip(group.runs, raw)
        ])
        smoothed_curves["measures"][measure] = _band(smoothed, measure)
    return smoothed_curves


def _band(smoothed: np.ndarray, measure: str) -> dict[str, Any]:
    middle, n = smoothed.mean(0), len(smoothed)
    low = high = None
    if n > 1:
        half = estimators.half_width(1.0, n - 1) * smoothed.std(0, ddof=1) / math.sqrt(n)
        low, high = middle - half, middle + half
        if measure in SHARES:
            low, high = np.maximum(low, 0.0), np.minimum(high, 1.0)
    return {
        "mean": _listed(middle), "low": _listed(low), "high": _listed(high),
        "seeds": [_listed(seed) for seed in smoothed],
    }


def _listed(values: np.ndarray | None) -> list[float] | None:
    return None if values is None else [float(f"{value:.6g}") for value in values.tolist()]


# -- finals


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
        result = estimate(values, aggregate, rng=generator(group, f"{measure}/{aggregate}"))
        if measure in SHARES:
            result = result.clipped(0, 1)
        if aggregate == "optimality_gap":
            values = 1.0 - np.minimum(values, 1.0)  # each run's own gap
        return {**result.to_dict(), "seeds": values.tolist()}

    return statistic


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
    return {"shares": _listed(shares), "low": _listed(low), "high": _listed(high)}


# -- samples


def samples(group: Group, threshold: float, unit: str) -> curves.Samples | None:
    """What each run used until its smoothed training curve was at the threshold."""
    measure = main_measure(group)
    if measure == "return":
        return None  # without references a threshold would mean something else in every setting
    used, got_there = [], []
    for run in group.runs:
        values, x = curve(run, measure), counts(run, unit)
        if values is None or x is None or not np.isfinite(values).all():
            return None
        index = curves.reached(run.metrics["episodes"], values, threshold)
        used.append(float(x[-1 if index is None else index]))
        got_there.append(index is not None)
    return curves.Samples(tuple(used), tuple(got_there))


def samples_to(threshold: float, unit: str) -> Callable[[Group], dict[str, Any] | None]:
    """The statistic: what runs used of ``unit`` until they were at the threshold.

    An estimate with ``reached`` (of each seed: where it did not get there, its value is the
    budget) and ``bound``: ``exact``, or ``at least`` where a run did not get there.
    """

    def statistic(group: Group) -> dict[str, Any] | None:
        needed = samples(group, threshold, unit)
        return needed and {
            **needed.estimate().to_dict(),
            "seeds": list(needed.values),
            "reached": list(needed.reached),
            "bound": "exact" if needed.exact else "at least",
        }

    return statistic


def aggregate_over_runs(
    values: Iterable[float | None], low: float = -math.inf, high: float = math.inf
) -> dict[str, Any] | None:
    """The estimate of the mean over runs, and each run's value under ``seeds``; None where a run
    has no value.

    Args:
        values: of each run.
        low, high: the possible range; the interval is cut to it.
    """
    values = [number(value) for value in values]
    if not values or None in values:
        return None
    return {"seeds": values, **estimate(np.array(values)).clipped(low, high).to_dict()}
