"""What the held-out tasks add to the intervals over runs.

All runs of a setting play the same held-out tasks. So an average over runs has two errors:

* *on these tasks*: other runs, on the same tasks. Right for a comparison of algorithms, of which
  each plays these tasks.
* *on such tasks*: other runs, on other tasks drawn as these were. Right for a claim about the
  environment. It is the larger one, and no number of runs makes it smaller.

Both come from the table of all scores, runs by tasks: a two-way layout with one episode a cell
(Searle, Casella and McCulloch 1992, *Variance Components*, ch. 4).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from colllm_bench.evaluation.intervals import t_quantile, unseen_share
from colllm_bench.evaluation.score_range import range_of
from colllm_bench.leaderboard.statistics.estimators import (
    LEVEL,
    Estimate,
    estimate,
)

REFERENCES = ("random", "scripted")
HELD_OUT = {"score": "returns", "return": "returns", "success": "successes"}
"""Where a team's episodes are, by measure."""


def of_team(
    summaries: Sequence[Mapping[str, Any]], measure: str, team: str = "trained"
) -> np.ndarray | None:
    """[R, E] a team's held-out episodes, of each run (``summary.json``), in units of
    ``measure``; None where a run lacks them, or they differ in number."""
    rows = []
    for summary in summaries:
        values = summary["held_out"].get(team, {}).get(HELD_OUT[measure])
        if not values:
            return None
        values = np.asarray(values, dtype=float)
        if measure == "score":
            ends = range_of(summary)
            if ends is None:
                return None
            values = (values - ends[0]) / (ends[1] - ends[0])
        rows.append(values)
    return np.stack(rows) if len({len(row) for row in rows}) == 1 else None


def span(summaries: Sequence[Mapping[str, Any]], measure: str) -> tuple[float, float]:
    """The range that a run's value cannot leave: for a share 0 to 1; for a score or a return that
    of all held-out episodes of all teams, widened to 0 and 1 (of a return: to the returns
    of those scores). Infinite where there is no scale."""
    if measure == "success":
        return 0.0, 1.0
    ends = [range_of(summary) for summary in summaries]
    if None in ends:
        return -math.inf, math.inf
    lows, highs = [], []
    for summary, (floor, ceiling) in zip(summaries, ends):
        played = [value for team in summary["held_out"].values() for value in team["returns"]]
        low, high = min(*played, floor), max(*played, ceiling)
        if measure == "score":
            low, high = ((end - floor) / (ceiling - floor) for end in (low, high))
        lows.append(low)
        highs.append(high)
    return min(lows), max(highs)


def over_runs(
    summaries: Sequence[Mapping[str, Any]],
    measure: str,
    aggregate: str = "mean",
    rng: np.random.Generator | None = None,
) -> Estimate:
    """The trained teams of some runs, on these tasks: the one estimate of a final value, in every
    table, page, plot and submission.

    Args:
        summaries: each with ``measure`` of its trained team.
        aggregate, rng: as for :func:`~colllm_bench.leaderboard.statistics.estimators.estimate`.
    """
    values = [summary[measure]["trained"]["mean"] for summary in summaries]
    low, high = span(summaries, measure)
    noise = measurement_noise(of_team(summaries, measure))
    return estimate(
        np.array(values, dtype=float), aggregate, low=min(low, *values), high=max(high, *values),
        noise=noise, rng=rng,
    )


def measurement_noise(scores: np.ndarray | None) -> float:
    """Standard deviation of a run's mean on these tasks by what is left to chance within them.

    Args:
        scores: [R, E]; None, one run or one task: nothing is known, 0.
    """
    return math.sqrt(_residual(scores) / scores.shape[1]) if _is_table(scores) else 0.0


def _is_table(scores: np.ndarray | None) -> bool:
    return scores is not None and min(scores.shape) > 1


def _residual(scores: np.ndarray) -> float:
    """Mean square of what neither the run nor the task explains, [R, E] scores."""
    left = scores - scores.mean(0) - scores.mean(1)[:, None] + scores.mean()
    runs, tasks = scores.shape
    return float((left**2).sum()) / ((runs - 1) * (tasks - 1))


def task_error(scores: np.ndarray, references: np.ndarray | None = None) -> float:
    """Standard error that the mean of [R, E] scores has because the tasks are a sample.

    Args:
        references: [2, E] scores of the random and the scripted team on the same tasks (means 0
            and 1), where the scores are normalized by them: a normalized score is a ratio of
            means over the same tasks, and its error the one of a ratio estimator (Cochran 1977,
            *Sampling Techniques*, eq. 6.13).
    """
    by_task = scores.mean(0)
    if references is not None:
        floor, ceiling = references
        by_task = by_task - floor - float(scores.mean()) * (ceiling - floor)
    runs, tasks = scores.shape
    # The mean over runs has chance in it, which the error over runs counts already.
    chance = _residual(scores) / runs if _is_table(scores) else 0.0
    return math.sqrt(max(0.0, float(by_task.var(ddof=1)) - chance) / tasks)


def on_such_tasks(
    on_these: Estimate,
    scores: np.ndarray,
    references: np.ndarray | None = None,
    *,
    low: float = 0.0,
    high: float = 1.0,
    level: float = LEVEL,
) -> Estimate:
    """The estimate of a mean over runs, with the interval for other tasks of the same kind.

    Args:
        on_these: the estimate over runs.
        scores: [R, E] of its runs on the held-out tasks.
        references: see :func:`task_error`.
        low, high: the range that a run cannot leave.

    Returns:
        Wider than ``on_these`` on both sides, within the range; the same where that has no
        interval or there is a single task.
    """
    tasks = scores.shape[1]
    if on_these.low is None or tasks < 2:
        return on_these
    half = t_quantile(0.5 + level / 2, tasks - 1) * task_error(scores, references)
    down = up = half
    if math.isfinite(low) and math.isfinite(high):
        # A kind of tasks may be missing here that so many do not exclude.
        share = unseen_share(tasks, level)
        down = max(half, share * (on_these.value - low))
        up = max(half, share * (high - on_these.value))
    return Estimate(
        on_these.value,
        max(low, on_these.value - math.hypot(on_these.value - on_these.low, down)),
        min(high, on_these.value + math.hypot(on_these.high - on_these.value, up)),
        on_these.n,
    )
