"""The map's numbers from the committed rows alone: samples, ratios, predictions, explained
variance."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cells import CORE, ROWS, cell
from learn import BATCH, EPISODES, SEEDS, read

from colllm_bench.leaderboard.statistics import (
    Ratio,
    holm,
    restricted_mean_ratio,
)
from colllm_bench.leaderboard.statistics.samples import episodes_to

LEVEL = 0.5
"""Share of right answers that samples are counted to."""
WARM_UP = 2 * BATCH
"""Episodes in which learned critics trained alone: the default when the rows were made."""
LOOK_BACK = 2 * BATCH
"""Episodes that a point of the curve looks back on."""
TESTS = (
    ("dense", "cc", "mc"), ("dense", "dc", "mc"),
    ("turns 32", "cc", "mc"), ("turns 32", "dc", "mc"),
    ("agents 8", "cc", "dc"),
    ("luck 3", "cc", "dc"),
)
"""What is tested, named beforehand: the paper's three claims and theory's one large difference.
Six tests are as many as five seeds a side can carry: the least p is 1/126."""

class Map:
    """All rows of a folder.

    Args:
        folder: with ``learn.jsonl`` and ``exact.json``.

    Attributes:
        names: cells of which the learners that every cell needs have every seed, in the page's
            order.
        tests: of each of :data:`TESTS` whose runs are there, its ratio and the p of its
            permutation test after Holm's correction.
    """

    def __init__(self, folder: Path):
        self.rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in read(folder / "learn.jsonl"):
            self.rows.setdefault((row["cell"], row["learner"]), []).append(row)
        for rows in self.rows.values():
            rows.sort(key=lambda row: row["seed"])
        self.names = [name for name in ROWS if self._whole(name)]
        report = json.loads((folder / "exact.json").read_text())
        self.exact = {(row["cell"], row["policy"]): row for row in report["rows"]}
        made = [test for test in TESTS if all(self.runs(test[0], x) for x in test[1:])]
        ratios = [self.ratio(*test) for test in made]
        adjusted = holm([ratio.p_value for ratio in ratios])
        self.tests = dict(zip(made, zip(ratios, adjusted, strict=True), strict=True))

    def _whole(self, name: str) -> bool:
        return all(self.runs(name, learner) for learner in CORE)

    def runs(self, name: str, learner: str) -> list[dict[str, Any]]:
        """A learner's rows in a cell, by seed; none where it was not run with every seed."""
        own = cell(name)
        home = own.plain if learner == "mc" and own.plain else name
        rows = self.rows.get((home, learner), [])
        return rows if {row["seed"] for row in rows} >= set(SEEDS) else []

    def needed(self, name: str, learner: str) -> list[float]:
        """Training episodes of each seed until half of the answers are right; infinite where
        they never were."""
        return [samples(row["curve"]) for row in self.runs(name, learner)]

    def ratio(self, name: str, ours: str, theirs: str, less: float = 0.0) -> Ratio | None:
        """Episodes to half right, ours over theirs; None where one was not run.

        Args:
            less: episodes that are taken off ours first, and off the budget that both have.
        """
        sides = [[n - less for n in self.needed(name, ours)], self.needed(name, theirs)]
        if not all(sides):
            return None
        return restricted_mean_ratio(*sides, EPISODES - less, grid=BATCH)

    def mean(self, name: str, learner: str, key: str) -> float:
        """Mean over seeds of a number of the rows."""
        return float(np.mean([row[key] for row in self.runs(name, learner)]))

    def signal(self, name: str, learner: str) -> float:
        """Signal-to-noise ratio of the policy gradient over Monte-Carlo's (group of 8), at the
        untrained policy with exact values."""
        rows = self._frozen(name)["estimators"]
        return rows[estimator(name, learner)]["snr"] / rows["mc group"]["snr"]

    def predicted(self, name: str, learner: str) -> float | None:
        """Theory's ratio of the variances of the advantage, Monte-Carlo's (group of 8, its
        scale of 7/8 taken off) over the learner's; None where there is no closed form."""
        theory = self._frozen(name)["theory"]
        if theory is None:
            return None
        return theory["mc group"] / (7 / 8) ** 2 / theory[estimator(name, learner)]

    def _frozen(self, name: str) -> dict[str, Any]:
        return self.exact[cell(name).plain or name, "untrained"]

    def explained(self, name: str, learner: str, iterations: Sequence[int]) -> float | None:
        """Mean over seeds and iterations of a run's explained variance."""
        found = [
            row["explained_variance"][k] for row in self.runs(name, learner) for k in iterations
        ]
        return float(np.mean(found)) if found and None not in found else None


def estimator(name: str, learner: str) -> str:
    """The estimator of exact.json that a learner's updates are, once its critic is perfect."""
    return f"{learner.removesuffix(' oracle')} {cell(name).gae_lambda:g}"


def samples(curve: Sequence[float]) -> float:
    """Episodes until a curve is at :data:`LEVEL`; infinite if never."""
    episodes = BATCH * np.arange(1, len(curve) + 1)
    found = episodes_to(episodes, curve, LEVEL, look_back=LOOK_BACK, least=LOOK_BACK)
    return math.inf if found is None else found
