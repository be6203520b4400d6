"""Verdicts: an algorithm against another, task by task and over the suite.

Two questions, asked of every task: is the final held-out score another (``score``), and are the
samples to the task's threshold (``samples``)? Each is answered by a test over runs, corrected for
the number of tasks (Holm), and stands beside its difference or ratio with an interval, its effect
size and n. Where a test shows nothing the verdict says so; it never says that two are equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np

from colllm_bench.leaderboard.statistics.differences import Comparison, compare, holm, smallest_p
from colllm_bench.leaderboard.statistics.estimators import estimate
from colllm_bench.leaderboard.statistics.held_out_tasks import measurement_noise, on_such_tasks
from colllm_bench.leaderboard.statistics.measures import number
from colllm_bench.leaderboard.statistics.samples import Samples, episodes_to, sample_ratio
from colllm_bench.leaderboard.statistics.training_curves import smooth
from colllm_bench.leaderboard.suite.records import Record, by_task, score_table
from colllm_bench.suites import Suite, Task

ALPHA = 0.05
BETTER, WORSE, NONE, FEW, NOBODY = (
    "better", "worse", "no difference seen at this n", "too few runs to tell",
    "no run of either got there",
)


def results(
    suite: Suite, algorithms: dict[str, Sequence[Record]], ours: Sequence[str] | None = None
) -> dict[str, Any]:
    """Everything that a report of a suite shows, JSON-able.

    Args:
        algorithms: records by label.
        ours: labels of those that are compared with all others; None: every two.

    Returns:
        ``suite``, ``title``, ``digest``; ``tasks``: for each what it is and ``algorithms`` (by
        label :func:`described`); ``comparisons`` (:func:`against`).
    """
    tasks = {name: by_task(records) for name, records in algorithms.items()}
    pairs = combinations(algorithms, 2) if ours is None else (
        (a, b) for a in ours for b in algorithms if b not in ours
    )
    return {
        "suite": suite.name, "title": suite.title, "digest": suite.digest, "alpha": ALPHA,
        "algorithms": list(algorithms),
        "tasks": [
            {
                "id": task.id, "isolates": task.isolates, "env": task.env, "agents": task.agents,
                "budget": task.episodes, "threshold": task.threshold,
                "stated": {
                    "untrained": task.stated.untrained and task.stated.untrained[0],
                    "blind": task.stated.blind, "best_known": _best(task, tasks.values()),
                    "perfect": task.stated.perfect,
                },
                "algorithms": {
                    name: described(task, each[task.id])
                    for name, each in tasks.items() if task.id in each
                },
            }
            for task in suite.tasks
        ],
        "comparisons": [against(suite, a, tasks[a], b, tasks[b]) for a, b in pairs],
    }


def _best(task: Task, algorithms: Iterable[dict[str, list[Record]]]) -> float | None:
    """The highest mean over seeds that is known: stated, or of these records."""
    means = [fmean(scores_of(each[task.id])) for each in algorithms if task.id in each]
    stated = task.stated.best_known
    return max(means if stated is None else [*means, stated], default=None)


# -- one algorithm on a task


def described(task: Task, records: Sequence[Record]) -> dict[str, Any]:
    """An algorithm's runs of a task: ``score`` (its interval is on these held-out tasks;
    ``on_such_tasks`` on others of the kind) and ``samples`` with every seed's number, the curves,
    ``training`` (mean training score at the end, smoothed; None where a run's curriculum had not
    come to the task), ``commits``, and ``all_succeed`` (held-out tasks that every run wins)."""
    scores, needed = scores_of(records), samples_of(task, records)
    span = _range(task, scores)
    mean = estimate(scores, **span, noise=_noise(records))
    wider = on_such_tasks(mean, *score_table(records), **span)
    samples = needed.estimate()
    return {
        "n": len(records), "seeds": [record["seed"] for record in records],
        "score": mean.to_dict() | {"seeds": scores},
        "on_such_tasks": [wider.low, wider.high],
        "samples": samples.to_dict() | {"seeds": list(needed.values), "reached":
                                        list(needed.reached), "bound": needed.bound},
        "training": number(fmean(_trained(record) for record in records)),
        "commits": sorted({r.get("commit") or "not recorded" for r in records}),
        "all_succeed": _all_succeed(records),
        "settings": records[0]["settings"],
        "curves": [{"x": r["episodes"], "y": r["curve"], "seed": r["seed"]} for r in records],
        "seconds": _mean([r.get("seconds") for r in records]),
    }


def _trained(record: Record) -> float:
    return float(smooth(np.asarray(record["episodes"]), np.array(record["curve"], float))[-1])


def scores_of(records: Sequence[Record]) -> list[float]:
    return [record["score"] for record in records]


def samples_of(task: Task, records: Sequence[Record]) -> Samples:
    """Episodes that each run needed to the task's threshold, between two iterations by a line."""
    values, reached, budgets, steps = [], [], [], []
    for record in records:
        episodes = record["episodes"]
        needed = episodes_to(episodes, record["curve"], task.threshold)
        reached.append(needed is not None)
        budgets.append(float(episodes[-1]))
        steps.append(float(episodes[0]))
        values.append(budgets[-1] if needed is None else needed)
    # A task of one iteration says nothing finer than half its budget.
    grid = min(max(steps), min(budgets) / 2)
    return Samples(tuple(values), tuple(reached), tuple(budgets), grid)


def _range(task: Task, scores: Sequence[float]) -> dict[str, float]:
    """What a run's score cannot leave: 0 is a random team, and the best is known or 1."""
    top = task.stated.perfect or 1.0
    return {"low": min(0.0, *scores), "high": max(top, *scores)}


def _noise(records: Sequence[Record]) -> float:
    """Standard deviation of a run's score by chance within its held-out tasks."""
    return measurement_noise(score_table(records)[0])


def _all_succeed(records: Sequence[Record]) -> float | None:
    """Share of held-out tasks on which every run succeeds; None where tasks have no verdict."""
    successes = [record.get("successes") for record in records]
    if None in successes:
        return None
    shared = min(map(len, successes))
    return float(np.array([row[:shared] for row in successes]).all(0).mean())


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


# -- one algorithm against another


def against(
    suite: Suite, ours: str, our_tasks: dict[str, list[Record]], theirs: str,
    their_tasks: dict[str, list[Record]],
) -> dict[str, Any]:
    """``ours`` against ``theirs``: ``tasks``, each with ``score`` and ``samples`` (a difference
    or ratio with ``low``, ``high``, ``p`` as corrected, ``verdict``; samples have ``logrank_p``
    beside, corrected in the same way, which no verdict uses), ``overall``, and ``effort``: how
    the settings of each were found."""
    shared = [task for task in suite.tasks if task.id in our_tasks and task.id in their_tasks]
    rows = [_compared(task, our_tasks[task.id], their_tasks[task.id]) for task in shared]
    for what in ("score", "samples"):
        adjusted = holm([row[what]["p_value"] for row in rows])
        tests = sum(p is not None for p in adjusted)
        for row, p in zip(rows, adjusted, strict=True):
            least = smallest_p(*row["n"]) * tests
            row[what]["p"] = p
            nobody = what == "samples" and not any(row[what]["reached"])
            row[what]["verdict"] = NOBODY if nobody else verdict(row[what]["gain"], p, least)
    logrank = holm([row["samples"]["logrank_p_value"] for row in rows])
    for row, p in zip(rows, logrank, strict=True):
        row["samples"]["logrank_p"] = p
    return {
        "ours": ours, "theirs": theirs,
        "effort": [_effort(ours, our_tasks), _effort(theirs, their_tasks)],
        "tasks": rows, "overall": _overall(rows),
    }


def _effort(name: str, tasks: dict[str, list[Record]]) -> str:
    """What was done to find an algorithm's settings; of a variant (``cc+replay=3``) those were
    found without what it changes."""
    every = [record for records in tasks.values() for record in records]
    words = sorted({_found(record.get("draws"), record["settings"]) for record in every})
    _, _, changed = name.partition("+")
    return " and ".join(words) + (f", searched without {changed}" if changed else "")


def _found(draws: int | None, settings: dict[str, Any]) -> str:
    if draws is not None:
        return f"the best of {draws} draws"
    return "settings that this suite's search did not choose" if settings else "its defaults"


def verdict(gain: float, p: float | None, least: float) -> str:
    """What a corrected p-value allows to say.

    Args:
        gain: above 0 where ours is ahead.
        p: corrected; None: no test.
        least: the smallest p that so many runs can give, corrected for all tests: what is left
            for a test that Holm corrects for fewer may be below it.
    """
    if p is None or (p >= ALPHA and least > ALPHA):
        return FEW
    if p >= ALPHA or gain == 0:
        return NONE
    return BETTER if gain > 0 else WORSE


def _compared(task: Task, ours: Sequence[Record], theirs: Sequence[Record]) -> dict[str, Any]:
    scores = scores_of(ours), scores_of(theirs)
    noise = math.sqrt((_noise(ours) ** 2 + _noise(theirs) ** 2) / 2)
    score = compare(*scores, **_range(task, [*scores[0], *scores[1]]), noise=noise)
    needed = samples_of(task, ours), samples_of(task, theirs)
    ratio = sample_ratio(*needed)
    return {
        "task": task.id, "n": list(score.n),
        "score": {
            "difference": score.difference, "low": score.low, "high": score.high,
            "gain": score.difference, "p_value": score.p_value, "effect": effect(*scores),
            "improvement": _improvement(score),
        },
        "samples": {
            "ratio": ratio.value, "low": ratio.low, "high": ratio.high,
            "gain": -math.log(ratio.value), "p_value": ratio.p_value if any(ratio.reached)
            else None, "reached": list(ratio.reached),
            "logrank_p_value": ratio.logrank_p,
        },
    }


def _improvement(score: Comparison) -> dict[str, Any] | None:
    return None if score.improvement is None else score.improvement.to_dict()


def effect(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Hedges' g: the difference in pooled standard deviations, corrected for few runs (Hedges
    1981). None where nothing varies, or with a single run on a side."""
    m, n = len(ours), len(theirs)
    if min(m, n) < 2:
        return None
    freedom = m + n - 2
    spread = ((m - 1) * np.var(ours, ddof=1) + (n - 1) * np.var(theirs, ddof=1)) / freedom
    if spread == 0:
        return None
    correction = 1 - 3 / (4 * freedom - 1)
    return float((np.mean(ours) - np.mean(theirs)) / math.sqrt(spread) * correction)


def _overall(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Means over the tasks, each of equal weight, with intervals (squares of the tasks' half
    widths add up: MOVER, Donner and Zou 2012), and how many tasks had which verdict. Ratios are
    of the ``ratio_tasks`` that a run got to the threshold of: the others say nothing of samples.
    It stands below its parts, and ranks nothing by itself."""
    if not rows:
        return None
    scores = _mover([row["score"] for row in rows], "difference")
    timed = [row["samples"] for row in rows if any(row["samples"]["reached"])]
    ratios = _mover(
        [{k: each[k] and math.log(each[k]) for k in ("ratio", "low", "high")} for each in timed],
        "ratio",
    )
    counts = {
        what: {
            word: sum(row[what]["verdict"] == word for row in rows)
            for word in (BETTER, WORSE, NONE, FEW, NOBODY)
        }
        for what in ("score", "samples")
    }
    return {
        "difference": scores[0], "low": scores[1], "high": scores[2],
        "verdicts": counts, "ratio_tasks": len(timed),
        **{
            key: None if value is None else math.exp(value)
            for key, value in zip(("ratio", "ratio_low", "ratio_high"), ratios, strict=True)
        },
    }


def _mover(
    entries: Sequence[dict[str, Any]], key: str
) -> tuple[float | None, float | None, float | None]:
    if not entries:
        return None, None, None
    point = sum(entry[key] for entry in entries) / len(entries)
    if any(entry["low"] is None for entry in entries):
        return point, None, None
    down = math.sqrt(sum((e[key] - e["low"]) ** 2 for e in entries)) / len(entries)
    up = math.sqrt(sum((e["high"] - e[key]) ** 2 for e in entries)) / len(entries)
    return point, point - down, point + up
