"""Coverage of what compares two algorithms, or counts tasks: a part of coverage.py."""

from __future__ import annotations

import math

import numpy as np
from distributions import FAILING, ORDINARY, modes, span, truth

from colllm_bench.leaderboard.statistics import (
    compare,
    estimators,
    held_out_tasks,
    restricted_mean_ratio,
)
from colllm_bench.seeding import derive

BUDGET, ITERATION, TASKS = 2560.0, 64.0, 200


def row(what: str, name: str, n: int, truth: float, found: list[tuple[float, float]]) -> dict:
    widths = [high - low for low, high in found]
    return {
        "what": what, "distribution": name, "runs": n, "experiments": len(found),
        "held": int(sum(low <= truth <= high for low, high in found)),
        "median_width": float(np.median(widths)), "narrowest": float(min(widths)), "truth": truth,
    }


def ratios(n: int, datasets: int) -> list[dict]:
    """Ratio of samples to a threshold: lognormal needs, up to a budget of 2,560 episodes."""
    rows = []
    for name, ours, theirs, spread, never in (
        ("1,500 to 1,000, log-spread 0.1", 1500, 1000, 0.1, 0.0),
        ("1,500 to 1,000, log-spread 0.5", 1500, 1000, 0.5, 0.0),
        ("2,500 to 1,500, half of ours censored", 2500, 1500, 0.3, 0.0),
        ("3,500 to 3,000, most of both censored", 3500, 3000, 0.3, 0.0),
        ("1,000 to 1,000, a fifth of ours never", 1000, 1000, 0.2, 0.2),
    ):
        rng = np.random.default_rng(derive(0, "ratio", n, name))

        def draw(middle, never, size, rng=rng, spread=spread):
            needed = np.maximum(ITERATION, middle * np.exp(rng.normal(0, spread, size)))
            return np.where(rng.random(size) < never, math.inf, needed)

        mean_logs = [
            float(np.log(np.minimum(draw(middle, share, 1_000_000), BUDGET)).mean())
            for middle, share in ((ours, never), (theirs, 0.0))
        ]
        truth = mean_logs[0] - mean_logs[1]
        found = [
            restricted_mean_ratio(a, b, BUDGET, grid=ITERATION)
            for a, b in zip(draw(ours, never, (datasets, n)), draw(theirs, 0.0, (datasets, n)))
        ]
        seen = [(math.log(r.low), math.log(r.high)) for r in found]
        cautious = [(math.log(r.cautious_low), math.log(r.cautious_high)) for r in found]
        rows.append(row("ratio of samples", name, n, truth, seen))
        rows.append(row("ratio of samples, cautious", name, n, truth, cautious))
    return rows


def two_sides(n: int, datasets: int) -> list[dict]:
    """Difference of two algorithms' means, and how often their permutation test errs."""
    rows = []
    for name, ours, theirs in (
        ("both normal, equal", "normal", "normal"),
        ("both fail, a tenth of the runs", "a tenth of the runs fail", "a tenth of the runs fail"),
        ("one fails, a tenth of the runs", "a tenth of the runs fail", None),
        ("one fails, a fifth of the runs", "a fifth of the runs fail", None),
    ):
        rng = np.random.default_rng(derive(0, "difference", n, name))
        draws = {**ORDINARY, **FAILING, None: lambda rng, size: modes(rng, size, 0.0)}
        truth_ = truth(draws[ours], "mean", n) - truth(draws[theirs], "mean", n)
        found = [
            compare(a, b, **span(ours))
            for a, b in zip(draws[ours](rng, (datasets, n)), draws[theirs](rng, (datasets, n)))
        ]
        rows.append(row("difference", name, n, truth_, [(f.low, f.high) for f in found]))
        rows.append(row("difference, cautious", name, n, truth_,
                         [(f.cautious_low, f.cautious_high) for f in found]))
        rows[-2]["p_below_05"] = sum(f.p_value < 0.05 for f in found)
    return rows


def tasks(n: int, datasets: int) -> list[dict]:
    """A mean over runs and 200 tasks of which some are harder: on these tasks (which the runs
    share), and on such tasks. The range is not given: no prior helps."""
    rng = np.random.default_rng(derive(0, "tasks", n))
    found: dict[str, list] = {"these": [], "such": [], "these for such": []}
    for _ in range(datasets):
        run, task = rng.normal(0, 0.005, n), rng.normal(0, 0.15, TASKS)
        scores = 0.55 + run[:, None] + task + rng.normal(0, 0.1, (n, TASKS))
        anywhere = {"low": -math.inf, "high": math.inf}
        over = estimators.estimate(
            scores.mean(1), noise=held_out_tasks.measurement_noise(scores), **anywhere
        )
        such = held_out_tasks.on_such_tasks(over, scores, **anywhere)
        here = float(task.mean())
        found["these"].append((over.low - here, over.high - here))
        found["such"].append((such.low, such.high))
        found["these for such"].append((over.low, over.high))
    return [
        row("tasks", "on these tasks", n, 0.55, found["these"]),
        row("tasks", "on such tasks", n, 0.55, found["such"]),
        row("tasks", "the first, taken for the second", n, 0.55, found["these for such"]),
    ]
