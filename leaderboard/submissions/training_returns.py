"""Whether the returns of a training can be those of the team that was submitted.

The first iteration was played by the untrained team, which everybody has: its numbers are due as
those of the evaluation are. The last iterations were played by teams that were almost the trained
one: their mean return and that of the trained team on training tasks lie together, but for noise
and for what was still being learned. A curve that another run wrote, or nobody, does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import Any

from colllm_bench.config import RunConfig
from colllm_bench.leaderboard.submissions.differences import describe_differences
from colllm_bench.leaderboard.submissions.tolerance import ERRORS
from colllm_bench.types import written

LAST = 5
"""Iterations whose mean is compared with the trained team."""
LEARNED = 0.25
"""Most that the team may have gained or lost in them, of the range of all returns played here."""
SLACK = 0.1
"""Allowed in any case, of the same range. With it none of the 100 honest runs under ``results`` is
refused even if its held-out returns stand for those on training tasks, which were not kept."""


def first_faults(
    claimed: dict[str, Any], played: dict[str, float], returns: Sequence[float], *, exact: bool
) -> list[str]:
    """The first line of ``metrics.jsonl`` against the same iteration played here.

    Args:
        claimed: the line.
        played: what the training records of these episodes before it learns
            (:func:`colllm_bench.training.recording.describe`).
        returns: [batch] returns of the episodes played here.
        exact: the same machine: every number is due.
    """
    where = "metrics.jsonl, iteration 0: "
    if exact:
        shown = {name: claimed[name] for name in played if name in claimed}
        return list(describe_differences(
            {name: played[name] for name in shown}, shown, where, "the untrained team plays"
        ))
    # Where all episodes ended alike, one more that does not is still no contradiction.
    spread = max(pstdev(returns), (max(map(abs, returns)) or 1.0) / math.sqrt(len(returns)))
    allowed = ERRORS * spread / math.sqrt(len(returns))
    if abs(claimed["return"] - fmean(returns)) <= allowed:
        return []
    return [f"{where}return says {claimed['return']:.4g}, the untrained team plays "
            f"{fmean(returns):.4g}, give or take {allowed:.2g}"]


def last_faults(
    config: RunConfig, claimed: Sequence[float], returns: Sequence[float], span: float
) -> list[str]:
    """The last iterations' returns against the trained team on training tasks.

    Args:
        claimed: [iterations] mean returns, as ``metrics.jsonl`` has them.
        returns: [E] the trained team's returns on training tasks, played here.
        span: between the smallest and the largest return of all teams played here.
    """
    last = min(LAST, len(claimed) // 2)
    if not last:
        return []  # one iteration, of the untrained team
    end, before = fmean(claimed[-last:]), fmean(claimed[-2 * last:-last])
    # Episodes of a group share their task: they count as one.
    tasks = last * max(1, config.batch // written(config.group))
    noise = ERRORS * pstdev(returns) * math.sqrt(1 / len(returns) + 1 / tasks)
    allowed = noise + min(abs(end - before), LEARNED * span) + SLACK * span
    if abs(end - fmean(returns)) <= allowed:
        return []
    return [
        f"metrics.jsonl: the mean return of the last {last} iterations is {end:.4g}, and its "
        f"trained team plays {fmean(returns):.4g} on training tasks, give or take {allowed:.2g} "
        "(if the last updates changed the team that much, --retrain shows it)"
    ]
