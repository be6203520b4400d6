"""Intervals for a mean over episodes of one run (not over runs: see the leaderboard)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist, fmean, stdev


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a share (Wilson 1927): sound at 0, at 1 and for small n."""
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + level / 2)
    p, denominator = successes / n, 1 + z * z / n
    centre = (p + z * z / (2 * n)) / denominator
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / denominator
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return (0.0 if successes == 0 else low), (1.0 if successes == n else high)


@cache
def t_quantile(p: float, freedom: int) -> float:
    """Quantile of Student's t with so many degrees of freedom."""
    from scipy.special import stdtrit  # not at the top: --help of evaluate loads this module

    return float(stdtrit(freedom, p))


def unseen_share(n: int, level: float = 0.95) -> float:
    """The largest share of a kind that n draws without one of it do not exclude: Clopper and
    Pearson's upper bound (1934) for none of n."""
    return 1.0 - ((1 - level) / 2) ** (1 / n)


def mean_interval(
    values: Sequence[float],
    level: float = 0.95,
    *,
    low: float = -math.inf,
    high: float = math.inf,
) -> tuple[float, float, float]:
    """(mean, low, high) of a mean over episodes, never of zero width.

    Student's t; and where the range of an episode is known, at least so wide that a kind of
    episodes may be missing that so few do not exclude (:func:`unseen_share`). For shares at 0 and
    1 that is the exact interval.

    Args:
        low, high: what an episode's value cannot leave.

    Returns:
        Infinite ends where nothing tells how values spread: of a single one, or of equal ones
        without a known range.
    """
    mean, n = fmean(values), len(values)
    if n < 2 or (min(values) == max(values) and math.isinf(high - low)):
        return mean, -math.inf, math.inf
    half = t_quantile(0.5 + level / 2, n - 1) * stdev(values) / math.sqrt(n)
    down = up = half
    if not math.isinf(high - low):
        share = unseen_share(n, level)
        down, up = max(half, share * (mean - low)), max(half, share * (high - mean))
    return mean, max(low, mean - down), min(high, mean + up)
