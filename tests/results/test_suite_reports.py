"""Committed reports of suites, recomputed: log-rank tests and the best of k
draws by counting subsets. Nothing of what made them is imported here."""

from __future__ import annotations

import itertools
import json
import math
from fractions import Fraction
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2] / "results" / "suite"
SUITES = sorted(path.parent.name for path in ROOT.glob("*/report.md"))


def sections(name):
    """Rows of a report's tables by heading, each a list of cells."""
    found, title = {}, ""
    for line in (ROOT / name / "report.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            title = line.removeprefix("## ")
        elif line.startswith("| "):
            found.setdefault(title, []).append([cell.strip() for cell in line.split("|")[1:-1]])
    return found


def logrank(ours, theirs):
    """Two-sided p of pairs (time, whether it got there), over all splits, in whole numbers; None:
    no event, or nothing to compare."""
    runs, scores = ours + theirs, []
    for time, there in runs:
        risk = [sum(u >= t for u, _ in runs) for t, event in runs if event and t <= time]
        scores.append(there - sum(Fraction(1, n) for n in risk))
    if len(set(scores)) == 1:
        return None
    scale = math.lcm(*(score.denominator for score in scores))
    whole = [int(score * scale) for score in scores]
    sums, sizes = np.zeros(1, np.int64), np.zeros(1, np.int8)
    for value in whole:
        sums, sizes = np.concatenate([sums, sums + value]), np.concatenate([sizes, sizes + 1])
    chosen = np.abs(sums[sizes == len(ours)])
    return float((chosen >= abs(sum(whole[: len(ours)]))).mean())


def holm(values):
    made = sorted((p, k) for k, p in enumerate(values) if p is not None)
    found, largest = [None] * len(values), 0.0
    for rank, (p, k) in enumerate(made):
        largest = max(largest, min(1.0, (len(made) - rank) * p))
        found[k] = largest
    return found


@pytest.mark.parametrize("name", SUITES)
def test_log_rank_columns(name):
    data = json.loads((ROOT / name / "report.json").read_text())
    printed = sections(name)
    times = {
        (task["id"], algo): list(zip(one["samples"]["seeds"], one["samples"]["reached"]))
        for task in data["tasks"] for algo, one in task["algorithms"].items()
    }
    checked = 0
    for compared in data["comparisons"]:
        names = compared["ours"], compared["theirs"]
        heads, *rows = printed["{} against {}".format(*names)]
        sides = [[times[row["task"], algo] for algo in names] for row in compared["tasks"]]
        expected = holm([logrank(*two) if min(map(len, two)) > 1 else None for two in sides])
        for row, p in zip(rows, expected, strict=False):
            shown = dict(zip(heads, row))["samples: log-rank p"]
            if p is None:
                assert shown == ""
            else:
                assert shown == "< .001" if p < 0.001 else abs(float(shown) - p) < 6e-4
                checked += 1
    assert checked


@pytest.mark.parametrize("name", SUITES)
def test_best_of_k_draws(name):
    files = sorted((ROOT / name / "tuned").glob("*.json"))
    rows = {row[0]: row[1:] for row in sections(name).get("What the search gains", [])[1:]}
    assert sorted(rows) == [path.stem for path in files]
    for path in files:
        scores = list(json.loads(path.read_text())["rungs"][0]["scores"].values())
        expected = [
            fmean(map(max, itertools.combinations(scores, k))) for k in range(1, len(scores) + 1)
        ]
        # To half a unit of the last digit: 0.1025 may be printed either way.
        assert list(map(float, rows[path.stem])) == pytest.approx(expected, abs=5.1e-4)
