"""The numbers of one group while it trains: curves, samples to thresholds.

Two levels, never mixed: *episodes* within a run (each run's own held-out interval stands beside
its value), and *runs* within the group (every estimate here, n being the number of runs).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from colllm_bench.leaderboard.data.collection import Group, Run
from colllm_bench.leaderboard.statistics import estimators, held_out_tasks
from colllm_bench.leaderboard.statistics import training_curves as curves
from colllm_bench.leaderboard.statistics.estimators import estimate
from colllm_bench.leaderboard.statistics.samples import Samples, crossing
from colllm_bench.seeding import derive
from colllm_bench.setup.curriculum import OWN

POINTS = 100
"""Most points of a curve in ``data.json``."""


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


def summaries(group: Group) -> list[dict[str, Any]]:
    return [run.summary for run in group.runs]


@lru_cache(maxsize=256)
def span(group: Group, measure: str) -> tuple[float, float]:
    """The range that a run of the group cannot leave."""
    return held_out_tasks.span(summaries(group), measure)


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


def own_curve(run: Run, measure: str) -> np.ndarray | None:
    """[I] :func:`curve`, NaN where the run's curriculum played an easier task."""
    values, own = curve(run, measure), run.metrics.get(OWN)
    eased = run.config.get("curriculum", "none") != "none" and own is not None
    return np.where(own == 0, np.nan, values) if eased and values is not None else values


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
            else listed(np.mean([x[picks] for x in each], axis=0))
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
        smoothed_curves["measures"][measure] = _band(
            smoothed, *span(group, measure)
        )
    return smoothed_curves


def _band(smoothed: np.ndarray, low: float, high: float) -> dict[str, Any]:
    lows = highs = None
    if len(smoothed) > 1:
        lows, highs = estimators.band(
            smoothed, min(low, smoothed.min()), max(high, smoothed.max())
        )
    return {
        "mean": listed(smoothed.mean(0)), "low": listed(lows), "high": listed(highs),
        "seeds": [listed(seed) for seed in smoothed],
    }


def listed(values: np.ndarray | None) -> list[float] | None:
    return None if values is None else [float(f"{value:.6g}") for value in values.tolist()]


# -- samples


def samples(group: Group, threshold: float, unit: str) -> Samples | None:
    """What each run used until its smoothed training curve was at the threshold."""
    measure = main_measure(group)
    if measure == "return":
        return None  # without references a threshold would mean something else in every setting
    used, reached, budgets, steps = [], [], [], []
    for run in group.runs:
        values, x = curve(run, measure), counts(run, unit)
        if values is None or x is None or not np.isfinite(values).all() or x[0] <= 0:
            return None
        place = crossing(run.metrics["episodes"], own_curve(run, measure), threshold)
        budgets.append(float(x[-1]))
        steps.append(float(x[-1]) / len(x))
        reached.append(place is not None)
        used.append(
            float(x[-1]) if place is None else float(np.interp(place, np.arange(len(x)), x))
        )
    return Samples(tuple(used), tuple(reached), tuple(budgets), max(steps))


def samples_to(threshold: float, unit: str) -> Callable[[Group], dict[str, Any] | None]:
    """The statistic: what runs used of ``unit`` until they were at the threshold.

    An estimate with ``reached`` (of each seed: where it did not get there, its value is the
    budget) and ``bound``: ``exact`` where all runs got there, ``restricted`` (to the budget) where
    some did, ``at least`` (the budget) where none did.
    """

    def statistic(group: Group) -> dict[str, Any] | None:
        needed = samples(group, threshold, unit)
        return needed and {
            **needed.estimate().to_dict(),
            "seeds": list(needed.values),
            "reached": list(needed.reached),
            "bound": needed.bound,
        }

    return statistic


def aggregate_over_runs(
    values: Iterable[float | None], low: float = -math.inf, high: float = math.inf
) -> dict[str, Any] | None:
    """The estimate of the mean over runs, and each run's value under ``seeds``; None where a run
    has no value.

    Args:
        values: of each run.
        low, high: the possible range, as for
            :func:`~colllm_bench.leaderboard.statistics.estimators.estimate`; where a run is
            outside of it, the range goes so far.
    """
    values = [number(value) for value in values]
    if not values or None in values:
        return None
    found = estimate(np.array(values), low=min(low, *values), high=max(high, *values))
    return {"seeds": values, **found.to_dict()}
