"""The report's numbers recomputed from raw files: json, math and nothing of ours."""

from __future__ import annotations

import json
import math
from pathlib import Path
from statistics import fmean, stdev


def raw(folder: Path):
    summary = json.loads((folder / "summary.json").read_text())
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    timing = [json.loads(line) for line in (folder / "timing.jsonl").read_text().splitlines()]
    return summary, rows, timing


def score_of(summary, returns):
    floor, ceiling = (fmean(summary["held_out"][t]["returns"]) for t in ("random", "scripted"))
    return (fmean(returns) - floor) / (ceiling - floor)


T = {1: 12.7062, 2: 4.30265, 3: 3.18245}
"""Student's t, 97.5%, from a printed table."""


def student(values, low=-math.inf, high=math.inf, noise=0.0):
    """Mean and interval: Student's t, widened, or what runs that were not seen may do."""
    n, mean = len(values), fmean(values)
    half = T[n - 1] * (1 + 1.5 / (n + 2)) * max(stdev(values), noise) / math.sqrt(n)
    share = 1 - 0.025 ** (1 / (n + 9)) if math.isfinite(high - low) else 0.0
    down = max(half, share * (mean - low) if share else 0.0)
    up = max(half, share * (high - mean) if share else 0.0)
    return mean, max(low, mean - down), min(high, mean + up)


def noise_of(rows):
    """What neither the run nor the task explains, of a run's mean over its tasks."""
    runs, tasks = len(rows), len(rows[0])
    by_run, by_task = [fmean(row) for row in rows], [fmean(column) for column in zip(*rows)]
    middle = fmean(by_run)
    squares = sum(
        (rows[i][k] - by_run[i] - by_task[k] + middle) ** 2
        for i in range(runs) for k in range(tasks)
    )
    return math.sqrt(squares / ((runs - 1) * (tasks - 1)) / tasks)


def episodes_to(summary, rows, threshold):
    """Where the mean of the last three iterations (160 episodes are two and a half) comes to it,
    by a straight line between iterations."""
    scores = [score_of(summary, [row["return"]]) for row in rows]
    before = None
    for i in range(len(rows)):
        level = fmean(scores[max(0, i - 2) : i + 1])
        if level >= threshold:
            if before is None:
                return rows[i]["episodes"], True
            part = (threshold - before) / (level - before)
            return rows[i]["episodes"] - (1 - part) * 64, True
        before = level
    return rows[-1]["episodes"], False
