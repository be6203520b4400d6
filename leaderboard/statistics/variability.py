"""What varies in a group, and what it costs: over time, runs and episodes, and in the gradient.

Every public function takes a group and returns an estimate over its runs (see
:func:`~colllm_bench.leaderboard.statistics.measures.aggregate_over_runs`), a single number of
the whole group, or None where the runs do not record what it needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from colllm_bench.leaderboard.data.collection import Group
from colllm_bench.leaderboard.data.run_reader import Run
from colllm_bench.leaderboard.statistics import held_out_tasks, training_curves
from colllm_bench.leaderboard.statistics.finals import final_scores, task_table
from colllm_bench.leaderboard.statistics.measures import (
    aggregate_over_runs,
    curve,
    main_measure,
    number,
    seconds_of,
    span,
)

Statistic = Callable[[Group], "dict[str, Any] | float | None"]


def per_run(
    value: Callable[[Run], float | None], low: float = -math.inf, high: float = math.inf
) -> Statistic:
    """The estimate over runs of a number that each run has.

    Args:
        value: the number of one run, None where the run does not record it.
        low, high: the possible range.
    """
    return lambda group: aggregate_over_runs([value(run) for run in group.runs], low, high)


def mean_of(key: str) -> Callable[[Run], float | None]:
    """A run's mean over iterations of a column of ``metrics.jsonl``, missing entries left out."""

    def mean(run: Run) -> float | None:
        values = run.metrics.get(key)
        known = values[np.isfinite(values)] if values is not None else ()
        return float(np.mean(known)) if len(known) else None

    return mean


# -- the training curve


def curves_of(group: Group) -> list[np.ndarray] | None:
    """Each run's curve of the main measure, [I]; None where one lacks a value."""
    lines = [curve(run, main_measure(group)) for run in group.runs]
    whole = all(line is not None and np.isfinite(line).all() for line in lines)
    return lines if whole else None


def smoothed_curves(group: Group) -> list[np.ndarray] | None:
    lines = curves_of(group)
    return lines and [
        training_curves.smooth(run.metrics["episodes"], line)
        for run, line in zip(group.runs, lines)
    ]


def dispersion_across_time(group: Group) -> dict[str, Any] | None:
    lines = curves_of(group)
    steps = lines and map(training_curves.dispersion_across_time, lines)
    return lines and aggregate_over_runs(steps, low=0.0)


def short_term_risk(group: Group) -> dict[str, Any] | None:
    lines = curves_of(group)
    return lines and aggregate_over_runs(map(training_curves.short_term_risk, lines), high=0.0)


def long_term_risk(group: Group) -> dict[str, Any] | None:
    lines = smoothed_curves(group)
    return lines and aggregate_over_runs(map(training_curves.long_term_risk, lines), high=0.0)


def dispersion_across_runs(group: Group) -> float | None:
    lines = smoothed_curves(group)
    return lines and number(training_curves.dispersion_across_runs(lines))


def area_under_curve(group: Group) -> dict[str, Any] | None:
    lines = curves_of(group)
    return lines and aggregate_over_runs([
        training_curves.area_under(run.metrics["episodes"], line)
        for run, line in zip(group.runs, lines)
    ], *span(group, main_measure(group)))


# -- the final results


def risk_across_runs(group: Group) -> float | None:
    final = final_scores(group)
    return None if final is None else number(training_curves.risk_across_runs(final))


def std_across_runs(group: Group) -> float | None:
    final = final_scores(group)
    return number(final.std(ddof=1)) if final is not None and len(final) > 1 else None


def std_error_of_episodes(group: Group) -> float | None:
    """Root mean square over runs of the standard error that a run's final value has because it
    plays only so many held-out episodes, each on another task. Of other tasks, that is: runs of a
    group play the same ones, so this is no part of their spread, and may be larger than it."""
    measure, squares = main_measure(group), []
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


def std_error_of_tasks(group: Group) -> float | None:
    """Standard error that the mean over runs has because the held-out tasks, the same for all,
    are a sample."""
    table = task_table(group, main_measure(group))
    return None if table is None else held_out_tasks.task_error(*table)


def std_error_of_runs(group: Group) -> float | None:
    """Standard error of the mean over runs on these tasks."""
    spread = std_across_runs(group)
    return None if spread is None else spread / math.sqrt(len(group.runs))


def invalid_share(group: Group) -> dict[str, Any] | None:
    shares = [run.summary.get("invalid", {}).get("trained") for run in group.runs]
    return aggregate_over_runs(shares, low=0.0, high=1.0)


# -- the gradient and the critic


def gradient_snr(run: Run) -> float | None:
    """Over the whole run: mean signal over mean noise (a mean of ratios would be biased)."""
    signal, noise = (mean_of(f"gradient_{part}")(run) for part in ("signal", "noise"))
    return signal / noise if noise else None


def explained_variance(group: Group) -> dict[str, Any] | None:
    """Of the critic: each run's median over the iterations whose curve lies between 0.2 and 0.8.
    Where nearly all episodes end alike there is nothing to explain, and the ratio is noise."""
    measure = main_measure(group)
    return aggregate_over_runs([_explained(run, curve(run, measure)) for run in group.runs])


def _explained(run: Run, line: np.ndarray | None) -> float | None:
    values = run.metrics.get("explained_variance")
    if values is None or line is None:
        return None
    known = values[np.isfinite(values) & (line >= 0.2) & (line <= 0.8)]
    return float(np.median(known)) if len(known) else None


# -- costs


def seconds_per_iteration(run: Run) -> float | None:
    """Median over iterations of the seconds for playing and learning."""
    seconds = seconds_of(run)
    return None if seconds is None else float(np.median(seconds))


def peak_memory(run: Run) -> float | None:
    """MiB: of the GPU where the run recorded one, else of the process."""
    key = "cuda_memory_mib" if "cuda_memory_mib" in run.timing else "memory_mib"
    if key not in run.timing or not np.isfinite(run.timing[key]).any():
        return None
    return float(np.nanmax(run.timing[key]))


def hardware(group: Group) -> list[str]:
    """The processors and accelerators of a group's runs, each once."""
    return sorted({
        ", ".join([str(run.environment.get("cpu")), *run.environment.get("accelerators", [])])
        for run in group.runs if run.environment.get("cpu")
    })
