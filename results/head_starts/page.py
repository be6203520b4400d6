"""Writes README.md beside it: about.md, and the tables of rows.jsonl.

    python results/head_starts/page.py

The statistics are the package's own: Welch's interval and the exact permutation test of
``leaderboard.statistics.differences``, episodes to a threshold by
``leaderboard.statistics.samples`` (a run that never gets there counts as its whole budget).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from learn import HERE, STUDIES, rows

from colllm_bench.leaderboard.statistics.differences import compare
from colllm_bench.leaderboard.statistics.samples import (
    Samples,
    episodes_to,
    followed,
    restricted_mean_ratio,
)

THRESHOLDS = (0.4, 0.6)
"""Shares of right answers in training: a team that knows nothing has about .23."""
PAIRS = (
    ("carried over", "as usual"),
    ("carried over", "as usual, no warm-up"),
    ("carried over, warm-up", "as usual"),
    ("as usual, no warm-up", "as usual"),
)
"""The first is the documented use against the default; then one thing at a time."""
STAGES = {"levels": 4, "backward": 5}

Rows = list[dict[str, Any]]


def samples(own: Rows, threshold: float) -> Samples:
    """What each run needed until its smoothed training curve was at the threshold."""
    needed = []
    for row in own:
        used = row["batch"] * np.arange(1, 1 + len(row["curve"]))
        needed.append(episodes_to(used, row["curve"], threshold))
    budgets = tuple(float(row["episodes"]) for row in own)
    return Samples(
        tuple(b if x is None else x for x, b in zip(needed, budgets, strict=True)),
        tuple(x is not None for x in needed), budgets, own[0]["batch"],
    )


def each_seed(values: list[float]) -> str:
    """Mean, and every seed's value, in the order of seeds."""
    each = " ".join(f"{value:.2f}".replace("0.", ".") for value in values)
    return f"{sum(values) / len(values):.3f} ({each})"


def tested(value: str, found: Any, ends: str) -> str:
    """A value with its interval and p; without them where a side has one run."""
    if found.low is None:
        return value
    return f"{value} ({found.low:{ends}} to {found.high:{ends}}), p = {found.p_value:.3f}"


def difference(ours: Rows, theirs: Rows) -> str:
    found = compare([row["held_out"] for row in ours], [row["held_out"] for row in theirs])
    return tested(f"{found.difference:+.3f}", found, "+.3f")


def ratio(ours: Rows, theirs: Rows, threshold: float) -> str:
    """How many times the episodes of theirs ours need."""
    a, b = samples(ours, threshold), samples(theirs, threshold)
    if not any((*a.reached, *b.reached)):
        return "none got there"
    grid = max(a.grid, b.grid)
    found = restricted_mean_ratio(a.needed, b.needed, followed(a, b), grid=grid)
    return tested(f"x {found.value:.2f}", found, ".2f")


def needed(own: Rows, threshold: float) -> str:
    """The geometric mean of episodes, and how many runs got there unless all did."""
    found = samples(own, threshold)
    short = "" if all(found.reached) else f" ({sum(found.reached)} of {len(found.reached)})"
    return f"{found.estimate().value:,.0f}{short}"


def explained(own: Rows, iterations: slice) -> str:
    """Median over runs and iterations of the critic's explained variance."""
    found = [v for row in own for v in row["explained_variance"][iterations]
             if v is not None and math.isfinite(v)]
    return f"{np.median(found):.2f}"


def table(heads: list[str], lines: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads),
            *("| " + " | ".join(cells) + " |" for cells in lines), ""]


def carried(found: dict[str, Rows]) -> list[str]:
    """What each condition came to, and the comparisons."""
    to = [f"episodes to {threshold}" for threshold in THRESHOLDS]
    conditions = [
        [name, str(len(own)), explained(own, slice(0, 1)), explained(own, slice(2, 6)),
         *(needed(own, threshold) for threshold in THRESHOLDS),
         each_seed([row["held_out"] for row in own])]
        for name, own in found.items()
    ]
    pairs = [
        [f"{ours} / {theirs}", f"{len(found[ours])}, {len(found[theirs])}",
         *(ratio(found[ours], found[theirs], threshold) for threshold in THRESHOLDS),
         difference(found[ours], found[theirs])]
        for ours, theirs in PAIRS if ours in found and theirs in found
    ]
    heads = ["critic", "n", "explains at iteration 0", "at 2 to 5", *to, "held out (each seed)"]
    compared = ["compared", "n", *to, "held out, difference"]
    return [*table(heads, conditions), *table(compared, pairs)]


def curricula(found: dict[str, Rows]) -> list[str]:
    several = "," in next(iter(found))
    heads = ["algorithm, curriculum" if several else "curriculum", "n",
             "stage at the end (each seed)", "episodes on the full task", "held out (each seed)",
             "difference"]
    first = next(iter(found.values()))
    lines = []
    for name, own in found.items():
        stages = [row["curriculum_stage"] for row in own if "curriculum_stage" in row]
        full = [row["batch"] * full_task(row) for row in own]
        lines.append([
            name, str(len(own)), " ".join(str(1 + int(each[-1])) for each in stages),
            " ".join(f"{count:,}" for count in full), each_seed([row["held_out"] for row in own]),
            "" if own is first else difference(own, first),
        ])
    return table(heads, lines)


def full_task(row: dict[str, Any]) -> int:
    """Iterations that were played on the task as it is evaluated."""
    if "curriculum_weight" in row:
        return sum(weight == 0 for weight in row["curriculum_weight"])
    if "curriculum_stage" not in row:
        return len(row["curve"])
    last = STAGES[row["condition"].split(", ")[-1]] - 1
    return sum(stage == last for stage in row["curriculum_stage"])


def text() -> str:
    """The page."""
    lines = [(HERE / "about.md").read_text().rstrip(), ""]
    for name, study in STUDIES.items():
        found = {}
        for condition in study.conditions:
            own = [r for r in rows() if (r["study"], r["condition"]) == (name, condition)]
            if own:
                found[condition] = sorted(own, key=lambda row: row["seed"])
        if found:
            lines += [f"## {name}", "", *(carried if study.source else curricula)(found)]
    return "\n".join(lines)


if __name__ == "__main__":
    (HERE / "README.md").write_text(text())
