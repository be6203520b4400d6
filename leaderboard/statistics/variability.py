"""What varies in a group, and what it costs: over time, runs and episodes, and in the gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from colllm_bench.leaderboard.data.collection import Group, Run
from colllm_bench.leaderboard.statistics import training_curves as curves
from colllm_bench.leaderboard.statistics.measures import (
    curve,
    final_values,
    main_measure,
    number,
    over_runs,
    seconds_of,
)


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
    seconds = [seconds_of(run) for run in group.runs]
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

