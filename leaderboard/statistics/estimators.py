"""Statistics over the runs of an algorithm: aggregates, and intervals that hold for few runs.

Runs are the unit here: each gives one number (its held-out score, say, itself a mean over
episodes: :mod:`colllm_bench.evaluation.intervals` has that level's intervals, and the two are
    never mixed).
Runs of one setting are a *stratum*; an aggregate over several settings resamples runs within
each (Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical
precipice", whose aggregates these are; rliable's numbers are in
tests/leaderboard/test_estimators.py).

The intervals are not rliable's: a percentile bootstrap never leaves the range of the sample, and
covers 75% at three runs where it says 95%. Here a standard error, from the formula for a mean and
from a stratified bootstrap for the rest, is stretched by Student's t and by :func:`widening`.
docs/statistics.md has the measured coverage.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import betaincinv

from colllm_bench.evaluation.intervals import t_quantile

LEVEL = 0.95
REPETITIONS = 2000
FEW = 5
"""Fewer runs than this are flagged."""


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; ``low`` and ``high`` are None where there is no interval."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def clipped(self, low: float, high: float) -> Estimate:
        """With the interval cut to the possible range (0 to 1 for a share)."""
        if self.low is None:
            return self
        return Estimate(self.value, max(low, self.low), min(high, self.high), self.n)


# -- aggregates: all of [..., n] along the last axis


def mean(values: np.ndarray) -> np.ndarray:
    return values.mean(-1)


def median(values: np.ndarray) -> np.ndarray:
    return np.median(values, -1)


def iqm(values: np.ndarray) -> np.ndarray:
    """Interquartile mean: of the middle half, a quarter (rounded down) cut off at each end."""
    ordered, cut = np.sort(values, -1), values.shape[-1] // 4
    return ordered[..., cut : values.shape[-1] - cut].mean(-1)


def optimality_gap(values: np.ndarray, target: float = 1.0) -> np.ndarray:
    """How far below ``target`` runs are on average; what lies above does not make up for it."""
    return target - np.minimum(values, target).mean(-1)


AGGREGATES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": mean, "median": median, "iqm": iqm, "optimality_gap": optimality_gap,
}


# -- intervals


def widening(runs: int) -> float:
    """By how much an interval is stretched beyond Student's t: skewed scores (near a ceiling,
    say) cover less than they should while runs are few. 1.3 at 3 runs, 1.07 at 20."""
    return 1.0 + 1.5 / (runs + 2)


def half_width(error: float, freedom: int, level: float = LEVEL) -> float:
    """Half of the interval around an estimate with this standard error."""
    return t_quantile(0.5 + level / 2, freedom) * widening(freedom + 1) * error


def estimate(
    strata: np.ndarray | Sequence[np.ndarray],
    aggregate: str = "mean",
    *,
    rng: np.random.Generator | None = None,
    level: float = LEVEL,
    repetitions: int = REPETITIONS,
) -> Estimate:
    """An aggregate over runs, with its interval.

    Args:
        strata: [n] values of one setting's runs, or a list of such.
        aggregate: a name of :data:`AGGREGATES`.
        rng: for the bootstrap of ``median`` and ``iqm``.

    Returns:
        Without an interval where a stratum has a single run: there is nothing to measure the
        spread of runs with.
    """
    strata = [strata] if isinstance(strata, np.ndarray) else [np.asarray(s) for s in strata]
    values = np.concatenate(strata)
    point = float(AGGREGATES[aggregate](values))
    freedom = sum(len(stratum) - 1 for stratum in strata)
    if min(map(len, strata)) < 2:
        return Estimate(point, n=len(values))
    if aggregate in ("mean", "optimality_gap"):
        # Cutting scores off at the target can only bring them closer together, so the mean's
        # error bounds the gap's; the gap's own would be 0 where all runs seen lie above.
        error = math.sqrt(sum(len(s) * s.var(ddof=1) for s in strata)) / len(values)
    else:
        draws = AGGREGATES[aggregate](resampled(strata, rng, repetitions))
        # A resample's spread is that of n - 1 degrees of freedom spread over n.
        error = float(draws.std()) * math.sqrt(len(values) / freedom)
    half = half_width(error, freedom, level)
    result = Estimate(point, point - half, point + half, len(values))
    return result.clipped(0.0, math.inf) if aggregate == "optimality_gap" else result


def resampled(
    strata: Sequence[np.ndarray], rng: np.random.Generator, repetitions: int
) -> np.ndarray:
    """[repetitions, sum of n] runs drawn with replacement, within each stratum."""
    return np.concatenate(
        [values[rng.integers(len(values), size=(repetitions, len(values)))] for values in strata],
        axis=1,
    )


# -- shares of runs


def clopper_pearson(successes: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """The exact interval for a share (Clopper and Pearson 1934): never covers less than it says,
    for any n."""
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else betaincinv(successes, n - successes + 1, tail)
    high = 1.0 if successes == n else betaincinv(successes + 1, n - successes, 1 - tail)
    return float(low), float(high)


def _solve(function: Callable[[float], float], low: float = 0.0, high: float = 1.0) -> float:
    """Where a growing function crosses 0, by bisection."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2


def performance_profile(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """[T] share of runs that score more than each threshold (Dolan and More 2002)."""
    return (np.asarray(values)[None, :] > np.asarray(thresholds)[:, None]).mean(1)


def profile_band(
    values: np.ndarray, thresholds: np.ndarray, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """([T] low, [T] high): an exact interval at each threshold (not for the curve as a whole)."""
    n = len(values)
    bounds = [clopper_pearson(k, n, level) for k in range(n + 1)]
    counts = (np.asarray(values)[None, :] > np.asarray(thresholds)[:, None]).sum(1)
    return tuple(np.array([bounds[count][side] for count in counts]) for side in (0, 1))


# -- one algorithm against another


def superiority(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Share of pairs (one run of each) in which ours is better; ties count a half: Mann and
    Whitney's U over mn, rliable's probability of improvement."""
    difference = np.asarray(ours)[:, None] - np.asarray(theirs)[None, :]
    return float((difference > 0).mean() + 0.5 * (difference == 0).mean())


def probability_of_improvement(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], level: float = LEVEL
) -> Estimate:
    """That a run of ours beats one of theirs on a random setting, with its interval.

    Args:
        pairs: for each setting, the scores of our runs and of theirs.

    Returns:
        The mean over settings. Each setting's interval inverts the score test with Hanley and
        McNeil's variance (Newcombe 2006, method 5), which has a width even where every run of
        one beats every run of the other; they are combined by MOVER (Donner and Zou 2012).
    """
    thetas = [superiority(*pair) for pair in pairs]
    bounds = [_newcombe(t, len(a), len(b), level) for t, (a, b) in zip(thetas, pairs)]
    point = sum(thetas) / len(thetas)
    down = math.sqrt(sum((t - low) ** 2 for t, (low, _) in zip(thetas, bounds))) / len(thetas)
    up = math.sqrt(sum((high - t) ** 2 for t, (_, high) in zip(thetas, bounds))) / len(thetas)
    n = sum(min(len(a), len(b)) for a, b in pairs)
    return Estimate(point, max(0.0, point - down), min(1.0, point + up), n)


def _newcombe(theta: float, m: int, n: int, level: float) -> tuple[float, float]:
    z = t_quantile(0.5 + level / 2, max(1, m + n - 2))

    def beyond(p: float) -> float:
        middle = (m + n) / 2 - 1
        spread = p * (1 - p) * (1 + middle * ((1 - p) / (2 - p) + p / (1 + p))) / (m * n)
        return z * math.sqrt(spread) - abs(p - theta)

    # Within the interval `beyond` is positive; towards 0 and 1 it turns negative, once.
    low = 0.0 if theta <= 0 else _solve(beyond, 0.0, theta)
    high = 1.0 if theta >= 1 else _solve(lambda p: -beyond(p), theta, 1.0)
    return low, high
