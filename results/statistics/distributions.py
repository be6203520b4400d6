"""The distributions of runs that coverage.py and coverage_pairs.py draw from, and their truths."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from colllm_bench.leaderboard.statistics import estimators
from colllm_bench.seeding import derive

ORDINARY = {
    "normal": lambda rng, size: rng.normal(0.7, 0.1, size),
    "uniform": lambda rng, size: rng.uniform(0.4, 1.0, size),
    "heavy tails (t, 3 d.f.)": lambda rng, size: 0.7 + 0.05 * rng.standard_t(3, size),
    "skewed: Beta(8, 2)": lambda rng, size: rng.beta(8, 2, size),
    "at a ceiling: Beta(9, 1)": lambda rng, size: rng.beta(9, 1, size),
    "exponential below 1": lambda rng, size: 1 - rng.exponential(0.1, size),
    "lognormal, sigma 0.5": lambda rng, size: rng.lognormal(0, 0.5, size),
    "wins of 200, shares Beta(48, 2)":
        lambda rng, size: rng.binomial(200, rng.beta(48, 2, size)) / 200,
}
"""Runs that differ, and of whose ways of ending each is seen often."""
FAILING = {
    "a tenth of the runs fail": lambda rng, size: modes(rng, size, 0.1),
    "a fifth of the runs fail": lambda rng, size: modes(rng, size, 0.2),
    "a tenth of the runs get there": lambda rng, size: modes(rng, size, 0.9),
    "wins of 200, all with chance .995": lambda rng, size: rng.binomial(200, 0.995, size) / 200,
}
"""Runs of which a few decide the mean: three or five of them often show no sign of it. A run that
fails ends at .30, the others at .93."""
NAMED = {
    "three in ten fail": lambda rng, size: modes(rng, size, 0.3),
    "half the runs fail": lambda rng, size: modes(rng, size, 0.5),
    "a fifth of the runs end at 0": lambda rng, size: modes(rng, size, 0.2, end=0.0),
    "lognormal, sigma 1": lambda rng, size: rng.lognormal(0, 1.0, size),
}
"""Cases that some of these intervals do not cover, and that the documentation names."""
UNBOUNDED = {
    "normal", "heavy tails (t, 3 d.f.)", "exponential below 1", "lognormal, sigma 0.5",
    "lognormal, sigma 1",
}


def modes(
    rng: np.random.Generator, size, failing: float, end: float = 0.30
) -> np.ndarray:
    middle = np.where(rng.random(size) < failing, end, 0.93)
    return np.clip(middle + rng.normal(0, 0.02, size), 0.0, 1.0)


def span(name: str) -> dict[str, float]:
    low, high = (-math.inf, math.inf) if name in UNBOUNDED else (0.0, 1.0)
    return {"low": low, "high": high}


@cache
def large_sample(draw) -> np.ndarray:
    return np.sort(draw(np.random.default_rng(derive(0, "truth")), 4_000_000))


def truth(draw, aggregate: str, n: int) -> float:
    """The aggregate of the distribution; an IQM cuts off as much as it does of n runs."""
    ordered = large_sample(draw)
    if aggregate != "iqm":
        return float(estimators.AGGREGATES[aggregate](ordered))
    cut = len(ordered) * (n // 4) // n
    return float(ordered[cut : len(ordered) - cut].mean())
