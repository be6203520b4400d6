"""Estimates over runs: aggregates with intervals, learning curves, comparisons, variability.

``estimators``, ``differences``, ``samples``, ``held_out_tasks`` and ``training_curves`` are pure
functions of arrays and summaries; the other modules apply them to the groups of
:mod:`colllm_bench.leaderboard.data`, the only other room imported here. What other programs call
is listed here.
"""

from colllm_bench.leaderboard.statistics.differences import Comparison, compare, holm
from colllm_bench.leaderboard.statistics.estimators import Estimate, estimate, unseen_rate
from colllm_bench.leaderboard.statistics.held_out_tasks import on_such_tasks
from colllm_bench.leaderboard.statistics.samples import Ratio, restricted_mean_ratio

__all__ = [
    "Comparison", "Estimate", "Ratio", "compare", "estimate", "holm", "on_such_tasks",
    "restricted_mean_ratio", "unseen_rate",
]
