"""Statistics over runs: aggregates, and intervals that hold for few runs of which some may fail.

Runs are the unit here: each gives one number (its held-out score, say, itself a mean over
episodes: :mod:`colllm_bench.evaluation.intervals` has that level's intervals, and
:mod:`~colllm_bench.leaderboard.statistics.held_out_tasks` says what the tasks add).
Runs of one setting are a *stratum*; an aggregate over several settings resamples runs within
each (Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical
precipice", whose aggregates these are; rliable's numbers are in
tests/leaderboard/test_estimators.py).

The intervals are not rliable's: a percentile bootstrap never leaves the range of the sample, and
covers 75% at three runs where it says 95%. Here an interval is the wider of two, on each side:

* *the runs that were seen*: a standard error, from the formula for a mean and from a stratified
  bootstrap for the rest, stretched by Student's t and by :func:`widening`. It is never smaller
  than what the measurement alone would give (``noise``, ``grid``).
* *runs of a kind that was not seen* (:func:`unseen_share`): a share of runs may end at the far
  end of what is possible, and a few runs show no sign of it.

docs/statistics.md has the measured coverage.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import betaincinv

from colllm_bench.errors import ConfigError
from colllm_bench.evaluation import intervals
from colllm_bench.evaluation.intervals import t_quantile

LEVEL = 0.95
REPETITIONS = 2000
FEW = 5
"""Fewer runs than this are flagged."""
PRIOR = 9
"""Runs without a surprise that are imagined beside those seen: one run in ten, a priori."""


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; ``low`` and ``high`` are None where there is no interval."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


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


def unseen_share(n: int, level: float = LEVEL) -> float:
    """The share of runs of a kind that n runs do not show, at most.

    The upper quantile of its posterior Beta(1, n + 9): the prior Beta(1, 9) has mean 0.1, and n
    runs without a surprise came since. 0.26 at 3 runs, 0.23 at 5, 0.18 at 10. A prior is a
    choice: :func:`unseen_rate` is what the n runs can exclude without one.
    """
    return intervals.unseen_share(n + PRIOR, level)


def unseen_rate(n: int, level: float = LEVEL) -> float:
    """The rate of failures below which n runs without one are no surprise (probability 5%): 0.63
    at 3 runs, 0.45 at 5, 0.26 at 10. No interval of n equal runs excludes it by itself."""
    return 1.0 - (1 - level) ** (1 / n)


def measured_variance(values: np.ndarray, floor: float = 0.0) -> np.ndarray:
    """Variance over runs ([n, ...] along the first axis), at least that of the measurement."""
    return np.maximum(values.var(0, ddof=1), floor)


def estimate(
    values: Sequence[float] | np.ndarray | Sequence[np.ndarray],
    aggregate: str = "mean",
    *,
    low: float = 0.0,
    high: float = 1.0,
    grid: float = 0.0,
    noise: float = 0.0,
    rng: np.random.Generator | None = None,
    level: float = LEVEL,
    repetitions: int = REPETITIONS,
) -> Estimate:
    """An aggregate over runs, with its interval.

    Args:
        values: [n] of one setting's runs, or a list of such arrays, one a setting.
        aggregate: a name of :data:`AGGREGATES`.
        low, high: the range that a run cannot leave. Where it is unbounded on a side (infinite),
            nothing is known of runs that were not seen, and the interval is of those seen only.
        grid: the step in which a value is measured (episodes of an iteration, say).
        noise: standard deviation of a run's value by its own measurement.
        rng: for the bootstrap of ``median`` and ``iqm``.

    Returns:
        Within ``low`` and ``high``, and never of zero width. Without an interval where a stratum
        has a single run (nothing measures the spread of runs), or where all runs are equal and
        neither range, nor grid, nor noise is known.

    Raises:
        ConfigError: a value outside of the range, no values, or an unknown aggregate.
    """
    if aggregate not in AGGREGATES:
        raise ConfigError(
            f"no aggregate {aggregate!r}", allowed=", ".join(AGGREGATES), fix="name one of these"
        )
    strata = strata_of(values, low, high)
    together = np.concatenate(strata)
    point, n = float(AGGREGATES[aggregate](together)), len(together)
    if min(map(len, strata)) < 2:
        return Estimate(point, n=n)
    floor, freedom = noise**2 + grid**2 / 12, n - len(strata)
    if aggregate in ("mean", "optimality_gap"):
        # Cutting scores off at the target can only bring them closer together, so the mean's
        # error bounds the gap's; the gap's own would be 0 where all runs seen lie above.
        error = math.sqrt(sum(len(s) * float(measured_variance(s, floor)) for s in strata)) / n
    else:
        draws = AGGREGATES[aggregate](resampled(strata, rng, repetitions))
        # A resample's spread is that of n - 1 degrees of freedom spread over n.
        error = max(float(draws.std()) * math.sqrt(n / freedom), math.sqrt(floor / n))
    if aggregate == "optimality_gap":  # 1 less a mean of scores cut off at 1
        strata, high = [np.minimum(s, 1.0) for s in strata], min(high, 1.0)
        point = 1.0 - point
    trimmed = {"iqm": (n // 4) / n, "median": 0.5}.get(aggregate, 0.0)
    half = half_width(error, freedom, level)
    down, up = (max(half, far) for far in _unseen(strata, low, high, trimmed, level))
    ends = max(low, point - down), min(high, point + up)
    rounding = 1e-12 * max(1.0, abs(point))  # how far equal floats may seem to differ
    result = Estimate(point, *(ends if ends[1] - ends[0] > rounding else ()), n=n)
    return _gap(result) if aggregate == "optimality_gap" else result


def _gap(score: Estimate) -> Estimate:
    """The gap to 1 of an estimated score."""
    if score.low is None:
        return Estimate(1.0 - score.value, n=score.n)
    return Estimate(1.0 - score.value, 1.0 - score.high, 1.0 - score.low, score.n)


def _unseen(
    strata: Sequence[np.ndarray], low: float, high: float, trimmed: float, level: float
) -> tuple[float, float]:
    """How far (down, up) runs that were not seen may lie from an aggregate of those seen that
    cuts off a share ``trimmed`` at each end; strata are combined as independent errors are."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 0.0
    n, squares = sum(map(len, strata)), [0.0, 0.0]
    for stratum in strata:
        share = max(0.0, unseen_share(len(stratum), level) - trimmed)
        share *= 0.0 if trimmed >= 0.5 else 1 / (1 - 2 * trimmed)
        middle = float(stratum.mean())
        for side, far in enumerate((middle - low, high - middle)):
            squares[side] += (len(stratum) / n * share * far) ** 2
    return math.sqrt(squares[0]), math.sqrt(squares[1])


def band(
    values: np.ndarray, low: float = 0.0, high: float = 1.0, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """([P] low, [P] high) of the means of [n, P] values, n > 1: :func:`estimate` at each of P
    points of a curve (not for the curve as a whole)."""
    n, middle = len(values), values.mean(0)
    half = half_width(1.0, n - 1, level) * np.sqrt(measured_variance(values) / n)
    share = unseen_share(n, level) if math.isfinite(low) and math.isfinite(high) else 0.0
    down = np.maximum(half, share * (middle - low) if share else 0.0)
    up = np.maximum(half, share * (high - middle) if share else 0.0)
    return np.maximum(middle - down, low), np.minimum(middle + up, high)


def strata_of(values: Any, low: float, high: float) -> list[np.ndarray]:
    """The values as arrays, one a setting, once they are known to be usable."""
    nested = not isinstance(values, np.ndarray) and len(values) and np.ndim(values[0]) == 1
    strata = [np.asarray(s, dtype=float) for s in (values if nested else [values])]
    if not all(stratum.ndim == 1 and len(stratum) for stratum in strata):
        raise ConfigError("an estimate of no runs", allowed="one number a run, at least one run",
                          fix="pass [n] values or a list of such arrays")
    rounding = 1e-9 * (high - low) if math.isfinite(high - low) else 0.0
    for value in np.concatenate(strata):
        if not low - rounding <= value <= high + rounding:
            raise ConfigError(
                f"a run's value {value:g} is outside of its range", allowed=f"{low:g} to {high:g}",
                fix="pass low and high, -inf and inf where the range is not known",
            )
    return [np.clip(stratum, low, high) for stratum in strata]


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
