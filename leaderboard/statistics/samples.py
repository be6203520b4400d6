"""Samples to a threshold, of runs some of which never get there, and their ratios.

A run that did not get there within its budget is *censored*: it needs more than was measured. All
averages here are restricted to a budget (Irwin 1949; Royston and Parmar 2013): a run counts as
``min(samples, budget)``, on the logarithm. Such a mean is always defined, is no bound of anything,
and can be estimated however many runs are censored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from colllm_bench.errors import ConfigError
from colllm_bench.leaderboard.statistics.differences import compare, permutation_p
from colllm_bench.leaderboard.statistics.estimators import LEVEL, Estimate, estimate
from colllm_bench.leaderboard.statistics.training_curves import known_episodes, smooth

LOOK_BACK = 160
"""Episodes that a point of the curve looks back on, where a threshold is looked for."""
LEAST = 64
"""Fewer episodes than this are not taken for a level."""


def crossing(
    episodes: np.ndarray, values: np.ndarray, threshold: float, look_back: int = LOOK_BACK,
    least: int = LEAST,
) -> float | None:
    """Where the smoothed curve first comes to ``threshold``, as a place among the iterations.

    Args:
        episodes: [I] growing counts at the end of each iteration.
        values: [I] of the curve, not smoothed; NaN where an iteration played an easier task.

    Returns:
        A place in 0 .. I - 1, between two iterations by a straight line; None where the curve
        never is there. Points that look back on fewer than ``least`` episodes are passed over.
    """
    line = smooth(episodes, values, look_back)
    enough = np.cumsum(known_episodes(episodes, values)) >= min(least, episodes[-1])
    there = np.flatnonzero(enough & (line >= threshold))
    if not len(there):
        return None
    i = int(there[0])
    if i == 0 or not enough[i - 1]:
        return float(i)
    return i - 1 + float((threshold - line[i - 1]) / (line[i] - line[i - 1]))


def episodes_to(
    episodes: Sequence[float], values: Sequence[float | None], threshold: float, **how: int
) -> float | None:
    """Episodes until the curve comes to ``threshold``, between two iterations by a line; None
    where it never does. Arguments as of :func:`crossing`; None for NaN."""
    counts = np.asarray(episodes, dtype=float)
    place = crossing(counts, np.asarray(values, dtype=float), threshold, **how)
    return None if place is None else float(np.interp(place, np.arange(len(counts)), counts))


@dataclass(frozen=True)
class Samples:
    """What runs needed to get to a threshold.

    Attributes:
        values: of each run; its whole budget where it never got there.
        reached: whether it got there.
        budgets: of each run.
        grid: what one iteration takes: the step of the measurement.
    """

    values: tuple[float, ...]
    reached: tuple[bool, ...]
    budgets: tuple[float, ...]
    grid: float

    @property
    def bound(self) -> str:
        """What the mean is: ``exact`` (all runs got there), ``restricted`` to the budget (some
        did), or ``at least`` the budget (none did)."""
        if all(self.reached):
            return "exact"
        return "restricted" if any(self.reached) else "at least"

    @property
    def needed(self) -> list[float]:
        """Of each run; infinite where it never got there."""
        return [v if there else math.inf for v, there in zip(self.values, self.reached)]

    def estimate(self, level: float = LEVEL) -> Estimate:
        """The geometric mean of what runs needed, restricted to the budget, with its interval."""
        budget = followed(self)
        logs, low, noise = _logs(self.needed, budget, min(self.grid, budget))
        found = estimate(logs, low=low, high=math.log(budget), noise=noise, level=level)
        ends = (None if end is None else math.exp(end) for end in (found.low, found.high))
        return Estimate(math.exp(found.value), *ends, found.n)


def followed(*samples: Samples) -> float:
    """The budget up to which every run is known: of the runs that did not get there, the smallest
    one; the largest of all where all did."""
    censored = [
        budget for each in samples for budget, there in zip(each.budgets, each.reached)
        if not there
    ]
    return min(censored) if censored else max(max(each.budgets) for each in samples)


def sample_ratio(ours: Samples, theirs: Samples, level: float = LEVEL) -> Ratio:
    """:func:`restricted_mean_ratio` up to the largest budget that both have."""
    budget = followed(ours, theirs)
    # Of runs of one iteration the shortest budget may be less than a mean iteration.
    grid = min(max(ours.grid, theirs.grid), budget)
    return restricted_mean_ratio(ours.needed, theirs.needed, budget, grid=grid, level=level)


@dataclass(frozen=True)
class Ratio:
    """How many times the samples of theirs our runs need, up to a common budget.

    Attributes:
        value: ratio of the geometric means of ``min(samples, budget)``; below 1 ours are earlier.
        low, high: its interval, for runs of the kinds that were seen; None with a single run.
        cautious_low, cautious_high: the interval that holds where runs fail unseen as well.
        p_value: permutation test of the means of the logarithms, two-sided.
        smallest_p: the least p that so many runs can give.
        logrank_p: log-rank test (Mantel 1966) of the times themselves, two-sided, exact; None
            where no run got there, or with a single run on a side.
        reached: how many runs of ours, of theirs got there.
        n: runs of ours, of theirs.
        budget: that the means are restricted to.
    """

    value: float
    low: float | None
    high: float | None
    cautious_low: float | None
    cautious_high: float | None
    p_value: float | None
    smallest_p: float
    logrank_p: float | None
    reached: tuple[int, int]
    n: tuple[int, int]
    budget: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def restricted_mean_ratio(
    ours: Sequence[float],
    theirs: Sequence[float],
    budget: float,
    *,
    grid: float = 1.0,
    level: float = LEVEL,
) -> Ratio:
    """The ratio of what two algorithms need to get to a threshold, always defined.

    Args:
        ours, theirs: [m], [n] samples that each run needed; ``math.inf``, or more than
            ``budget``, where it did not get there.
        budget: up to which both were followed.
        grid: samples of one iteration, the step in which they are measured.

    Raises:
        ConfigError: no runs, samples that are not positive, or a budget within one iteration.
    """
    sides = [_logs(side, budget, grid) for side in (ours, theirs)]
    least = min(low for _, low, _ in sides)
    noise = math.sqrt(sum(noise**2 for *_, noise in sides) / 2)
    found = compare(
        *(logs for logs, *_ in sides), low=least, high=math.log(budget), noise=noise, level=level,
    )
    ends = (
        None if end is None else math.exp(end)
        for end in (found.low, found.high, found.cautious_low, found.cautious_high)
    )
    reached = tuple(int(sum(value <= budget for value in side)) for side in (ours, theirs))
    return Ratio(
        math.exp(found.difference), *ends, found.p_value, found.smallest_p,
        logrank_p(ours, theirs, budget), reached, found.n, budget,
    )


def _logs(
    needed: Sequence[float], budget: float, grid: float
) -> tuple[np.ndarray, float, float]:
    """Of samples up to a budget: their logarithms, the least that could be (an iteration's), and
    the standard deviation that the grid gives each."""
    needed = np.asarray(needed, dtype=float)
    if not len(needed) or np.isnan(needed).any() or (needed <= 0).any() or not 0 < grid <= budget:
        raise ConfigError(
            f"no samples to a threshold: {needed.tolist()} of {budget:g} in steps of {grid:g}",
            allowed="positive numbers, infinite where a run never got there; a step of at most "
            "the budget", fix="pass what each run needed, and math.inf for those that did not get "
            "there",
        )
    used = np.minimum(needed, budget)
    noise = grid / math.sqrt(12) / used
    low = math.log(min(grid, float(used.min())))
    return np.log(used), low, float(np.sqrt((noise**2).mean()))


def logrank_p(ours: Sequence[float], theirs: Sequence[float], budget: float) -> float | None:
    """Two-sided p of the log-rank test (Mantel 1966), over all ways of dealing the runs to two
    sides: exact (:func:`permutation_p`) where both were followed to one budget, as they are here.

    None where no run got there, where all runs have the same score, or with a single run on a
    side.
    """
    times = np.minimum(np.concatenate([ours, theirs]).astype(float), budget)
    there = np.concatenate([ours, theirs]) <= budget
    scores = logrank_scores(times, there)
    if not there.any() or np.ptp(scores) < 1e-12:
        return None
    return permutation_p(scores[: len(ours)], scores[len(ours) :])


def logrank_scores(times: np.ndarray, there: np.ndarray) -> np.ndarray:
    """[n] of runs of both sides together: 1 if a run got there, less the events to be expected of
    it until then (Nelson-Aalen). Their sum over a side is that side's observed less its expected
    number of events (Peto and Peto 1972)."""
    expected = np.zeros(len(times))
    for time in np.unique(times[there]):
        at_risk = times >= time
        expected[at_risk] += (there & (times == time)).sum() / at_risk.sum()
    return there - expected
