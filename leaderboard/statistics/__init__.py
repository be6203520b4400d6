"""Estimates over runs: aggregates with intervals, learning curves, comparisons, variability.

``estimators`` and ``training_curves`` are pure functions of arrays; the other modules apply them
to the groups of :mod:`colllm_bench.leaderboard.data`, the only other room imported here.
"""

from colllm_bench.leaderboard.statistics.estimators import Estimate, estimate

__all__ = ["Estimate", "estimate"]
