"""One algorithm against another: differences, tests, and the correction for many of them.

Pure functions of arrays, one number a run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import stdtr

from colllm_bench.evaluation.intervals import t_quantile
from colllm_bench.leaderboard.statistics.estimators import (
    FEW,
    LEVEL,
    Estimate,
    half_width,
    measured_variance,
    strata_of,
    unseen_rate,
    unseen_share,
)

MOST_RUNS = 40
"""Runs of both sides together up to which the permutation test counts every split: exact for 20
against 20, in a second."""


@dataclass(frozen=True)
class Comparison:
    """Runs of ours against runs of theirs.

    Attributes:
        difference: mean of ours less mean of theirs.
        low, high: its interval, for runs of the kinds that were seen (Welch's, widened); None
            with a single run on a side.
        cautious_low, cautious_high: the interval that holds where runs fail unseen as well.
        p_value: of the permutation test of the means, two-sided: how likely a difference as
            large is if both sides' runs are of one distribution, whatever it is. None with a
            single run on a side.
        smallest_p: the least p that so many runs can give: above .05 they decide nothing.
        improvement: how often a run of ours is better; None below :data:`FEW` runs on a side,
            where its interval can hardly exclude a half.
        unseen: the rate of failures that the smaller side cannot exclude by its runs alone.
        n: runs of ours, of theirs.
    """

    difference: float
    low: float | None
    high: float | None
    cautious_low: float | None
    cautious_high: float | None
    p_value: float | None
    smallest_p: float
    improvement: Estimate | None
    unseen: float
    n: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    low: float = 0.0,
    high: float = 1.0,
    grid: float = 0.0,
    noise: float = 0.0,
    level: float = LEVEL,
) -> Comparison:
    """The difference of two algorithms' runs of one setting.

    Args:
        ours, theirs: [m], [n] values.
        low, high, grid, noise: as for
            :func:`~colllm_bench.leaderboard.statistics.estimators.estimate`.

    Raises:
        ConfigError: a value outside of the range, or no values.
    """
    (ours,), (theirs,) = (strata_of(values, low, high) for values in (ours, theirs))
    n = len(ours), len(theirs)
    floor = noise**2 + grid**2 / 12
    seen, cautious = _intervals(ours, theirs, (low, high), (floor, floor), level)
    return Comparison(
        float(ours.mean() - theirs.mean()), *seen, *cautious,
        permutation_p(ours, theirs), smallest_p(*n),
        probability_of_improvement([(ours, theirs)], level) if min(n) >= FEW else None,
        unseen_rate(min(n), level), n,
    )


Bounds = tuple["float | None", "float | None"]


def _intervals(
    ours: np.ndarray, theirs: np.ndarray, span: tuple[float, float],
    floors: tuple[float, float], level: float,
) -> tuple[Bounds, Bounds]:
    """(as seen, cautious) intervals of a difference of means; a side that does not vary at all
    says nothing of how it might, so there both are the cautious one."""
    if min(len(ours), len(theirs)) < 2:
        return (None, None), (None, None)
    error, freedom = welch(ours, theirs, *floors)
    difference = float(ours.mean() - theirs.mean())
    half = half_width(error, freedom, level) if error else 0.0
    down = up = 0.0
    if all(map(math.isfinite, span)):
        reach = [
            [unseen_share(len(side), level) * far
             for far in (float(side.mean()) - span[0], span[1] - float(side.mean()))]
            for side in (ours, theirs)
        ]
        down, up = math.hypot(reach[0][0], reach[1][1]), math.hypot(reach[0][1], reach[1][0])
    widest = span[1] - span[0]

    def cut(down: float, up: float) -> Bounds:
        if max(down, up) == 0:
            return None, None
        return max(-widest, difference - down), min(widest, difference + up)

    cautious = cut(max(half, down), max(half, up))
    still = np.ptp(ours) == 0 or np.ptp(theirs) == 0
    return (cautious if still else cut(half, half)), cautious


def welch(
    ours: np.ndarray, theirs: np.ndarray, floor: float = 0.0, their_floor: float = 0.0
) -> tuple[float, int]:
    """(standard error of the difference of means, degrees of freedom, rounded down): Welch 1947.

    Args:
        floor, their_floor: the least variance of a side's runs, by measurement.
    """
    parts = [
        (float(measured_variance(side, least)) / len(side), len(side))
        for side, least in ((ours, floor), (theirs, their_floor))
    ]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return 0.0, 1
    freedom = variance**2 / sum(part**2 / (n - 1) for part, n in parts)
    return math.sqrt(variance), max(1, int(freedom))


# -- tests


def permutation_p(ours: np.ndarray, theirs: np.ndarray) -> float | None:
    """Two-sided p of the difference of means, over all ways of dealing the runs to two sides
    (Fisher 1935): exact for any distribution of runs. Beyond :data:`MOST_RUNS` runs Welch's t
    test, which so many runs allow. None with a single run on a side."""
    m, n = len(ours), len(theirs)
    if min(m, n) < 2:
        return None
    if m + n > MOST_RUNS:
        error, freedom = welch(ours, theirs)
        difference = abs(float(ours.mean() - theirs.mean()))
        if error == 0:
            return 1.0 if difference == 0 else 0.0
        return float(2 * stdtr(freedom, -difference / error))
    values = np.concatenate([ours, theirs])
    # Means differ the more, the further the sum of a side's centred values is from 0.
    values = values - values.mean()
    # Ties of the observed split count, whatever the order in which floats were added.
    least = abs(float(values[:m].sum())) - 1e-9 * max(1.0, float(np.ptp(values)))
    if least <= 0:
        return 1.0
    return _splits_beyond(values, m, least) / math.comb(m + n, m)


def _splits_beyond(values: np.ndarray, size: int, least: float) -> int:
    """How many choices of ``size`` values have a sum of at least ``least`` (above 0) either way.

    Sums of each half of the values are listed and looked up in one another (Horowitz and Sahni
    1974): 2 * 2^12 sums in place of the 2.7 million splits of 12 against 12."""
    first, second = _sums_by_size(values[::2]), _sums_by_size(values[1::2])
    beyond = 0
    for taken in range(max(0, size - len(second) + 1), min(size, len(first) - 1) + 1):
        sums, others = first[taken], np.sort(second[size - taken])
        beyond += int((len(others) - np.searchsorted(others, least - sums)).sum())
        beyond += int(np.searchsorted(others, -least - sums, side="right").sum())
    return beyond


def _sums_by_size(values: np.ndarray) -> list[np.ndarray]:
    """The sums of all choices of k values, for k = 0, ..., len(values)."""
    sums, sizes = np.zeros(1), np.zeros(1, np.int64)
    for value in values:
        sums, sizes = np.concatenate([sums, sums + value]), np.concatenate([sizes, sizes + 1])
    return [sums[sizes == size] for size in range(len(values) + 1)]


def smallest_p(m: int, n: int) -> float:
    """The least p that :func:`permutation_p` can give: the observed split and its mirror image
    (which is another split only where the sides are equal in size)."""
    return min(1.0, (2 if m == n else 1) / math.comb(m + n, m))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for their number (Holm 1979): each below .05 is a difference, and the
    chance that any of these is none is at most 5%, however the tests depend on one another.

    Args:
        p_values: None where no test was made: it stays None, and is not counted.
    """
    made = sorted((p, k) for k, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, k) in enumerate(made):
        largest = max(largest, min(1.0, p * (len(made) - rank)))
        adjusted[k] = largest
    return adjusted


# -- how often one is better


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


def _solve(function: Callable[[float], float], low: float = 0.0, high: float = 1.0) -> float:
    """Where a growing function crosses 0, by bisection."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2
