"""Numbers of training curves: smoothing, area, dispersion and risk.

Pure functions of arrays. A *curve* is [I] values, one an iteration, with [I] growing counts of
episodes beside it. An iteration without a value (NaN: it played an easier task) is passed over by
:func:`smooth`; the other functions want all values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SMOOTHING = 320
"""Episodes that a smoothed point looks back on."""
WINDOW = 10
"""Iterations of a window in which dispersion across time is taken."""
TAIL = 0.05
"""Share of the worst that risk is the mean of."""


def known_episodes(episodes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """[I] episodes of each iteration, 0 where it has no value."""
    return np.where(np.isfinite(values), np.diff(episodes, prepend=0), 0)


def smooth(episodes: np.ndarray, values: np.ndarray, look_back: int = SMOOTHING) -> np.ndarray:
    """[I] mean over the last iterations that have ``look_back`` episodes together, each weighed
    by its episodes; over all of them where there are fewer; NaN where none of them has a value."""
    sizes = known_episodes(episodes, values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(np.isfinite(values), values, 0.0) * sizes)])
    counts = np.concatenate([[0], np.cumsum(sizes)])
    before = np.concatenate([[0], episodes])
    # The last start from which a window has enough episodes.
    start = np.searchsorted(before, episodes - look_back, side="right") - 1
    start = np.maximum(start, 0)
    end = np.arange(1, len(episodes) + 1)
    with np.errstate(invalid="ignore"):  # 0 / 0 where no iteration of the window has a value
        return (sums[end] - sums[start]) / (counts[end] - counts[start])


def area_under(episodes: np.ndarray, values: np.ndarray) -> float:
    """Mean over all training episodes: the area under the curve, divided by the budget."""
    return float((values * np.diff(episodes, prepend=0)).sum() / episodes[-1])


# -- dispersion and risk (Chan et al. 2020, "Measuring the reliability of reinforcement learning
#    algorithms"); all in units of the curve, smaller dispersion and larger (less negative) risk
#    being better


def interquartile_range(values: np.ndarray, axis: int = -1) -> np.ndarray:
    high, low = np.percentile(values, [75, 25], axis=axis)
    return high - low


def worst_mean(values: np.ndarray, tail: float = TAIL) -> float:
    """Conditional value at risk: mean of those values that are no larger than the ``tail``
    quantile (at least the smallest)."""
    return float(values[values <= np.quantile(values, tail)].mean())


def dispersion_across_time(values: np.ndarray, window: int = WINDOW) -> float | None:
    """Interquartile range of the steps from iteration to iteration (which takes the trend out),
    within a sliding window, averaged over windows. None for curves of fewer than 3 points."""
    steps = np.diff(values)
    if len(steps) < 2:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(steps, min(window, len(steps)))
    return float(interquartile_range(windows).mean())


def short_term_risk(values: np.ndarray) -> float | None:
    """Mean of the worst 5% of the steps from iteration to iteration."""
    return worst_mean(np.diff(values)) if len(values) > 1 else None


def long_term_risk(values: np.ndarray) -> float:
    """Mean of the worst 5% of the drawdowns: how far the curve lies below its best so far."""
    return worst_mean(values - np.maximum.accumulate(values))


def dispersion_across_runs(curves: Sequence[np.ndarray]) -> float | None:
    """Interquartile range over runs at each iteration, averaged; of smoothed curves (in place
    of the paper's low-pass filter), cut to the shortest. None for a single run."""
    if len(curves) < 2:
        return None
    length = min(map(len, curves))
    together = np.stack([curve[:length] for curve in curves])
    return float(interquartile_range(together, axis=0).mean())


def risk_across_runs(finals: np.ndarray) -> float | None:
    """Mean of the worst 5% of the final scores: with fewer than 20 runs, the worst one."""
    return worst_mean(np.asarray(finals)) if len(finals) > 1 else None
