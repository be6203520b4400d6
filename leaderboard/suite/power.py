"""How many runs a claim needs, from the spread that the references show.

Two samples of n runs each, a two-sided test at 5% shared among the tasks (the worst case of
Holm's correction), 80% power: ``n = 2 (t + t')^2 s^2 / d^2``, solved with Student's quantiles of
2n - 2 degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import chi2, t

from colllm_bench.leaderboard.statistics.differences import smallest_p
from colllm_bench.leaderboard.suite.records import Record, by_task
from colllm_bench.leaderboard.suite.verdicts import ALPHA, samples_of, scores_of
from colllm_bench.suites import Suite, Task

DIFFERENCE, RATIO = 0.05, 1.4
"""The smallest differences that the suite wants to tell: 5 points of score, 1.4 times the
samples."""
POWER = 0.8
MOST = 1000


def seeds_needed(spread: float, difference: float, tasks: int = 1) -> int:
    """Runs of each algorithm that tell a difference of means.

    Args:
        spread: standard deviation over runs.
        tasks: among which the 5% are shared.
    """
    alpha = ALPHA / tasks
    n = 2
    while n < MOST:
        freedom = 2 * n - 2
        quantiles = t.ppf(1 - alpha / 2, freedom) + t.ppf(POWER, freedom)
        enough = n >= 2 * (quantiles * spread / difference) ** 2
        # The permutation test of few runs has no p below this, whatever the difference.
        if enough and smallest_p(n, n) <= alpha:
            break
        n += 1
    return n


def upper_spread(spread: float, freedom: int) -> float:
    """A spread that the true one exceeds with probability 20%: few runs estimate it badly."""
    return spread * math.sqrt(freedom / chi2.ppf(0.2, freedom))


def pooled(groups: Sequence[Sequence[float]]) -> tuple[float, int]:
    """(standard deviation within groups, degrees of freedom)."""
    freedom = sum(len(group) - 1 for group in groups)
    if freedom == 0:
        return math.nan, 0
    return math.sqrt(sum(np.var(g) * len(g) for g in groups) / freedom), freedom


def plan(suite: Suite, references: dict[str, Sequence[Record]]) -> list[dict[str, Any]]:
    """For each task: ``spread`` of the score and of the logarithm of samples over seeds, ``score``
    and ``samples`` (seeds needed, and with the spread's upper limit ``score_safe`` and
    ``samples_safe``), and ``seconds`` a run. None where two runs of one algorithm are missing."""
    tasks = {name: by_task(records) for name, records in references.items()}
    rows = []
    for task in suite.tasks:
        groups = [each[task.id] for each in tasks.values() if len(each.get(task.id, ())) > 1]
        row: dict[str, Any] = {"task": task.id, "runs": sum(map(len, groups))}
        scores = [scores_of(group) for group in groups]
        for what, values, floor, difference in (
            ("score", scores, 0.0, DIFFERENCE),
            ("samples", *_log_samples(task, groups), math.log(RATIO)),
        ):
            spread, freedom = pooled(values)
            spread = math.hypot(spread, floor)
            row |= {f"{what}_spread": None, what: None, f"{what}_safe": None}
            if freedom:
                safe = upper_spread(spread, freedom)
                row |= {
                    f"{what}_spread": spread,
                    what: seeds_needed(spread, difference, len(suite.tasks)),
                    f"{what}_safe": seeds_needed(safe, difference, len(suite.tasks)),
                }
        seconds = [r["seconds"] for group in groups for r in group if r.get("seconds")]
        row["seconds"] = sum(seconds) / len(seconds) if seconds else None
        rows.append(row)
    return rows


def _log_samples(
    task: Task, groups: Sequence[Sequence[Record]]
) -> tuple[list[list[float]], float]:
    """Logarithms of the samples of each algorithm that got to the threshold at all, and the
    spread that the steps of the measurement alone give them."""
    samples = [one for group in groups if any((one := samples_of(task, group)).reached)]
    logs = [np.log(one.values).tolist() for one in samples]
    steps = [one.grid / math.sqrt(12) / min(one.values) for one in samples]
    return logs, max(steps, default=0.0)
