"""Compares the numbers of a replay with those that a submission claims.

On the machine and with the packages that made them, every number must be the same
(:mod:`~colllm_bench.leaderboard.submissions.machine` says what the same machine is). On another,
a language model's arithmetic may round differently, and a token drawn near the edge of its
probability may come out as another one, so the episode goes another way. What is allowed then:

* the random and the scripted team: nothing, on any machine;
* float32: :data:`SHARE` of a team's episodes may differ at all;
* any precision: the mean of the paired differences (task by task) of returns and successes lies
  within :data:`ERRORS` of its standard errors, and the share of invalid actions within
  :data:`INVALID`;
* all of it again over the episodes of all runs together. Honest differences go both ways and
  cancel; a few episodes turned the same way in each run do not.

The recomputed numbers are those that count.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean, stdev
from typing import Any

SHARE = 0.02
ERRORS = 3.29
"""One honest difference in a thousand is larger (two-sided, normal distribution)."""
INVALID = 0.02
SCRIPTED = ("random", "scripted")
LISTS = ("returns", "successes", "turns")
Results = dict[str, dict[str, Any]]
"""Bare held-out results by team."""


def half_precision(dtype: str, environment: dict[str, Any]) -> bool:
    """Whether a run computed in bfloat16."""
    return dtype == "bfloat16" or (dtype == "auto" and bool(environment.get("accelerators")))


def disagreements(claimed: Results, again: Results, *, exact: bool, half: bool) -> list[str]:
    """The differences from the claim, a line each.

    Args:
        claimed: bare held-out results by team.
        again: the same, played here.
        exact: the same machine: every number is due.
        half: the run computed in bfloat16.
    """
    faults = [f"no results of {name}, which plays here" for name in again if name not in claimed]
    faults += [f"results of {name}, which does not play" for name in claimed if name not in again]
    for name in again:
        if name in claimed:
            due = exact or name in SCRIPTED
            check = _inexact if due else lambda *pair: _beyond(*pair, half)
            faults += [f"{name}: {line}" for line in check(claimed[name], again[name])]
    return faults


def pooled_disagreements(
    claimed: Sequence[Results], again: Sequence[Results], *, half: bool
) -> list[str]:
    """The differences over the episodes of all runs together, a line each.

    Args:
        claimed: [runs] bare held-out results by team.
        again: [runs] the same, played here.
        half: the runs computed in bfloat16.
    """
    if len(claimed) < 2:
        return []  # one run's own check has seen them all
    faults = []
    for name in again[0]:
        if name not in SCRIPTED and all(name in run for run in (*claimed, *again)):
            pair = [_joined([run[name] for run in runs]) for runs in (claimed, again)]
            faults += [f"{name}, all runs together: {line}" for line in _beyond(*pair, half)]
    return faults


def _joined(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The episodes of a team's runs one after the other, as those of one run."""
    joined: dict[str, Any] = {
        key: [x for run in runs for x in run[key]]
        if all(run[key] is not None for run in runs) else None
        for key in LISTS
    }
    return joined | {"invalid": fmean(run["invalid"] for run in runs)}


def unequal(claimed: dict[str, Any], again: dict[str, Any]) -> list[int]:
    """Tasks in which a team's episodes differ."""
    keys = [key for key in LISTS if again[key] is not None]
    rows = [list(zip(*(results[key] or [] for key in keys))) for results in (claimed, again)]
    return [k for k, (one, other) in enumerate(zip(*rows)) if one != other]


def _inexact(claimed: dict[str, Any], again: dict[str, Any]) -> list[str]:
    if claimed == again:
        return []
    tasks = unequal(claimed, again)
    if not tasks:
        return [f"the share of invalid actions is {again['invalid']:.6g}, not "
                f"{claimed['invalid']:.6g}"]
    first = tasks[0]
    return [
        f"{len(tasks)} of {len(again['returns'])} episodes differ from those played here; the "
        f"return of task {first} is {again['returns'][first]:g}, not "
        f"{claimed['returns'][first]:g}; the mean return {fmean(again['returns']):.6g}, not "
        f"{fmean(claimed['returns']):.6g}"
    ]


def _beyond(claimed: dict[str, Any], again: dict[str, Any], half: bool) -> Iterator[str]:
    n, tasks = len(again["returns"]), unequal(claimed, again)
    if not half and len(tasks) > max(1, SHARE * n):
        yield (f"{len(tasks)} of {n} episodes differ from those played here; at most "
               f"{max(1, int(SHARE * n))} may, of a model in float32")
    for key in ("returns", "successes"):
        if again[key] is None or claimed[key] is None:
            continue
        mean, error = _paired(claimed[key], again[key])
        if abs(mean) > ERRORS * error:
            yield (
                f"the mean of {key} is {fmean(again[key]):.4g} here, not {fmean(claimed[key]):.4g}:"
                f" further apart than {ERRORS} standard errors ({ERRORS * error:.2g})"
            )
    if abs(claimed["invalid"] - again["invalid"]) > INVALID:
        yield (f"the share of invalid actions is {again['invalid']:.4g} here, not "
               f"{claimed['invalid']:.4g}")


def _paired(claimed: Sequence[float], again: Sequence[float]) -> tuple[float, float]:
    """(mean, standard error) of the differences, task by task."""
    apart = [one - other for one, other in zip(again, claimed, strict=True)]
    if len(apart) < 2:
        return apart[0], 0.0
    return fmean(apart), stdev(apart) / math.sqrt(len(apart))
