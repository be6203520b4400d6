"""The numbers of one group: finals, curves, samples to thresholds, variance, cost.

Two levels, never mixed: *episodes* within a run (each run's own held-out interval stands beside
its value), and *runs* within the group (every estimate here, n being the number of runs).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from colllm_bench.leaderboard import curves, stats
from colllm_bench.leaderboard.runs import Group, Run
from colllm_bench.leaderboard.stats import estimate
from colllm_bench.seeding import derive

POINTS = 100
"""Most points of a curve in ``data.json``."""
PROFILE = np.round(np.linspace(0.0, 1.0, 51), 2)
"""Scores at which performance profiles are taken."""
UNITS = ("episodes", "agent_turns", "tokens", "seconds")
"""What samples are counted in."""
SHARES = frozenset({"success"})
"""Measures that lie between 0 and 1."""


def generator(group: Group, what: str) -> np.random.Generator:
    """The bootstrap's numbers for one group and purpose: the same whatever else is reported."""
    return np.random.default_rng(derive(0, "report", *group.key, what))


def number(value: Any) -> float | None:
    """A float as JSON can say it."""
    value = None if value is None else float(value)
    return value if value is not None and math.isfinite(value) else None


def main_measure(group: Group) -> str:
    """What the group is ranked by: the normalized score, where the environment has references
    (in every run), else the share of wins, else the bare return."""
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
        return _seconds(run, cumulative=True)
    used = run.metrics.get(unit)
    return None if used is None or not np.isfinite(used).all() else np.cumsum(used)


def _seconds(run: Run, cumulative: bool = False) -> np.ndarray | None:
    parts = [run.timing.get(part) for part in ("rollout", "learn")]
    if any(part is None or len(part) != len(run.metrics["episodes"]) for part in parts):
        return None  # timing.jsonl is missing, torn or shorter
    both = parts[0] + parts[1]
    if not np.isfinite(both).all():
        return None
    return np.cumsum(both) if cumulative else both


def group_curves(group: Group) -> dict[str, Any]:
    """Smoothed learning curves: ``x`` by unit (mean over seeds), and for each measure ``mean``,
    ``low``, ``high`` (over seeds) and ``seeds``. At most :data:`POINTS` points, the last kept."""
    size = min(len(run.metrics["episodes"]) for run in group.runs)
    picks = np.unique(np.linspace(0, size - 1, min(size, POINTS)).round().astype(int))
    xs = {unit: [counts(run, unit) for run in group.runs] for unit in UNITS}
    found: dict[str, Any] = {
        "x": {
            unit: None if any(x is None for x in each)
            else _listed(np.mean([x[picks] for x in each], axis=0))
            for unit, each in xs.items()
        },
        "measures": {},
    }
    for measure in ("score", "success", "return"):
        raw = [curve(run, measure) for run in group.runs]
        if any(values is None or not np.isfinite(values).all() for values in raw):
            continue
        smoothed = np.stack([
            curves.smooth(run.metrics["episodes"], values)[picks]
            for run, values in zip(group.runs, raw)
        ])
        found["measures"][measure] = _band(smoothed, measure)
    return found


def _band(smoothed: np.ndarray, measure: str) -> dict[str, Any]:
    middle, n = smoothed.mean(0), len(smoothed)
    low = high = None
    if n > 1:
        half = stats.half_width(1.0, n - 1) * smoothed.std(0, ddof=1) / math.sqrt(n)
        low, high = middle - half, middle + half
        if measure in SHARES:
            low, high = np.maximum(low, 0.0), np.minimum(high, 1.0)
    return {
        "mean": _listed(middle), "low": _listed(low), "high": _listed(high),
        "seeds": [_listed(own) for own in smoothed],
    }


def _listed(values: np.ndarray | None) -> list[float] | None:
    return None if values is None else [float(f"{value:.6g}") for value in values.tolist()]


# -- finals


def finals(group: Group, measure: str) -> dict[str, Any] | None:
    """The trained teams on held-out tasks.

    Returns:
        ``seeds`` (value, low, high, n of each run: over its episodes), ``untrained`` (mean over
        runs), and an estimate over runs for each aggregate; None where a run lacks the measure.
    """
    found = [run.summary.get(measure, {}).get("trained") for run in group.runs]
    if any(own is None or number(own.get("mean")) is None for own in found):
        return None
    values = np.array([own["mean"] for own in found], dtype=float)
    before = [run.summary[measure].get("untrained", {}).get("mean") for run in group.runs]
    result: dict[str, Any] = {
        "seeds": [
            {"value": own["mean"], **{key: own.get(key) for key in ("low", "high", "n")}}
            for own in found
        ],
        "untrained": None if None in before else float(np.mean(before)),
    }
    names = list(stats.AGGREGATES) if measure == "score" else ["mean"]
    for name in names:
        made = estimate(values, name, rng=generator(group, f"{measure}/{name}"))
        result[name] = (made.clipped(0, 1) if measure in SHARES else made).to_dict()
    return result


def final_values(group: Group) -> np.ndarray | None:
    """[n] each run's held-out value of :func:`main_measure`."""
    measure = main_measure(group)
    found = [run.summary.get(measure, {}).get("trained") for run in group.runs]
    if any(own is None or number(own.get("mean")) is None for own in found):
        return None
    return np.array([own["mean"] for own in found], dtype=float)


def profile(group: Group) -> dict[str, Any] | None:
    """Share of runs whose held-out score is above each of :data:`PROFILE`, with its band."""
    if main_measure(group) != "score":
        return None
    values = final_values(group)
    low, high = stats.profile_band(values, PROFILE)
    shares = stats.performance_profile(values, PROFILE)
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


def group_samples(group: Group, thresholds: Sequence[float]) -> dict[str, Any]:
    """By threshold, by unit: ``seeds`` (value, and whether it got there), the estimate, and
    ``bound`` (``exact``, or ``at least`` where runs are censored)."""
    found: dict[str, Any] = {}
    for threshold in thresholds:
        units = {}
        for unit in UNITS:
            needed = samples(group, threshold, unit)
            units[unit] = None if needed is None else {
                "seeds": [
                    {"value": value, "reached": got}
                    for value, got in zip(needed.values, needed.reached)
                ],
                "bound": "exact" if needed.exact else "at least",
                **needed.estimate().to_dict(),
            }
        found[f"{threshold:g}"] = units
    return found


# -- variance and cost


def over_runs(
    values: Sequence[float | None], low: float = -math.inf, high: float = math.inf
) -> dict[str, Any] | None:
    """Each run's value and their mean with its interval, between what is possible at all; None
    where a run has none."""
    values = [number(value) for value in values]
    if not values or None in values:
        return None
    return {"seeds": values, **estimate(np.array(values)).clipped(low, high).to_dict()}


def variance(group: Group) -> dict[str, Any]:
    """What varies: over time, over runs, over episodes, and in the gradient."""
    measure = main_measure(group)
    lines = [curve(run, measure) for run in group.runs]
    whole = all(line is not None and np.isfinite(line).all() for line in lines)
    final = final_values(group)
    found: dict[str, Any] = {
        "dispersion_across_time": None, "short_term_risk": None, "long_term_risk": None,
        "dispersion_across_runs": None, "area_under_curve": None,
    }
    if whole:
        smoothed = [
            curves.smooth(run.metrics["episodes"], line) for run, line in zip(group.runs, lines)
        ]
        found |= {
            "dispersion_across_time": over_runs(
                list(map(curves.dispersion_across_time, lines)), low=0.0
            ),
            "short_term_risk": over_runs(list(map(curves.short_term_risk, lines)), high=0.0),
            "long_term_risk": over_runs(list(map(curves.long_term_risk, smoothed)), high=0.0),
            "dispersion_across_runs": number(curves.dispersion_across_runs(smoothed)),
            "area_under_curve": over_runs([
                curves.area_under(run.metrics["episodes"], line)
                for run, line in zip(group.runs, lines)
            ]),
        }
    found["risk_across_runs"] = None if final is None else number(curves.risk_across_runs(final))
    found["std_across_runs"] = number(final.std(ddof=1)) if _several(final) else None
    found["std_error_of_episodes"] = _episodes_error(group, measure)
    found["advantage_variance"] = over_runs(
        [_mean(run, "advantage_variance") for run in group.runs], low=0.0
    )
    found["gradient_snr"] = over_runs([gradient_snr(run) for run in group.runs])
    found["explained_variance"] = over_runs([
        explained_variance(run, line) for run, line in zip(group.runs, lines)
    ])
    return found


def _several(values: np.ndarray | None) -> bool:
    return values is not None and len(values) > 1


def _episodes_error(group: Group, measure: str) -> float | None:
    """Root mean square over runs of the standard error that a run's final value has because its
    held-out episodes are so many: how far runs differ by that alone."""
    squares = []
    for run in group.runs:
        returns = run.held_out("trained")
        if measure == "success":
            wins = run.summary["held_out"]["trained"].get("successes")
            returns = None if wins is None else np.asarray(wins, dtype=float)
        if returns is None or len(returns) < 2:
            return None
        scale = run.references[1] - run.references[0] if measure == "score" else 1.0
        squares.append(float(returns.var(ddof=1)) / len(returns) / scale**2)
    return math.sqrt(sum(squares) / len(squares))


def gradient_snr(run: Run) -> float | None:
    """Over the whole run: mean signal over mean noise (a mean of ratios would be biased)."""
    signal, noise = (_mean(run, f"gradient_{part}") for part in ("signal", "noise"))
    return signal / noise if noise else None


def _mean(run: Run, key: str) -> float | None:
    values = run.metrics.get(key)
    known = values[np.isfinite(values)] if values is not None else ()
    return float(np.mean(known)) if len(known) else None


def explained_variance(run: Run, line: np.ndarray | None) -> float | None:
    """Of the critic: the median over iterations whose curve lies between 0.2 and 0.8. Where
    nearly all episodes end alike there is nothing to explain, and the ratio measures noise."""
    values = run.metrics.get("explained_variance")
    if values is None or line is None:
        return None
    known = values[np.isfinite(values) & (line >= 0.2) & (line <= 0.8)]
    return float(np.median(known)) if len(known) else None


def cost(group: Group) -> dict[str, Any]:
    """Seconds an iteration (median), peak memory in MiB, bytes that learners exchange in an
    iteration (mean), on what; None where the runs do not say."""
    seconds = [_seconds(run) for run in group.runs]
    memory = [
        run.timing[key] for run in group.runs
        for key in ["cuda_memory_mib" if "cuda_memory_mib" in run.timing else "memory_mib"]
        if key in run.timing and np.isfinite(run.timing[key]).any()
    ]
    hardware = sorted({
        ", ".join([str(run.environment.get("cpu")), *run.environment.get("accelerators", [])])
        for run in group.runs if run.environment.get("cpu")
    })
    return {
        "seconds_per_iteration": None if any(own is None for own in seconds)
        else over_runs([float(np.median(own)) for own in seconds], low=0.0),
        "peak_memory_mib": over_runs([float(np.nanmax(own)) for own in memory], low=0.0)
        if len(memory) == len(group.runs) else None,
        "bytes_exchanged": over_runs(
            [_mean(run, "bytes_exchanged") for run in group.runs], low=0.0
        ),
        "hardware": hardware,
    }

