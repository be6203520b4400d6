"""The map's numbers from the committed rows alone: samples, ratios, predictions, explained
variance."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cells import CELLS
from learn import BATCH, EPISODES, LEARNERS, SEEDS, read

from colllm_bench.leaderboard.statistics import (
    Comparison,
    Ratio,
    compare,
    holm,
    restricted_mean_ratio,
)
from colllm_bench.leaderboard.statistics.samples import crossing

LEVEL = 0.5
"""Share of right answers that samples are counted to."""
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
COUNTERPART = {"cc": "cc", "dc": "dc", "hier": "hier", "cc oracle": "cc", "dc oracle": "dc"}
"""The estimator of exact.json that a learner's updates are, once its critic is perfect."""


class Map:
    """All rows of a folder.

    Args:
        folder: with ``learn.jsonl`` and ``exact.json``.

    Attributes:
        names: cells of which every learner has every seed, in the map's order.
        tests: of each of :data:`TESTS` whose cell is there, its ratio and the p of its
            permutation test after Holm's correction.
    """

    def __init__(self, folder: Path):
        self.rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in read(folder / "learn.jsonl"):
            self.rows.setdefault((row["cell"], row["learner"]), []).append(row)
        for rows in self.rows.values():
            rows.sort(key=lambda row: row["seed"])
        self.names = [own.name for own in CELLS if all(map(self._whole, [own.name] * len(
            LEARNERS), LEARNERS))]
        report = json.loads((folder / "exact.json").read_text())
        self.exact = {(row["cell"], row["policy"]): row for row in report["rows"]}
        made = [test for test in TESTS if test[0] in self.names]
        ratios = [self.ratio(*test) for test in made]
        adjusted = holm([ratio.p_value for ratio in ratios])
        self.tests = dict(zip(made, zip(ratios, adjusted, strict=True), strict=True))

    def _whole(self, name: str, learner: str) -> bool:
        return {row["seed"] for row in self.rows.get((name, learner), [])} >= set(SEEDS)

    def needed(self, name: str, learner: str) -> list[float]:
        """Training episodes of each seed until half of the answers are right; infinite where
        they never were."""
        return [samples(row["curve"]) for row in self.rows[name, learner]]

    def ratio(self, name: str, ours: str, theirs: str) -> Ratio:
        """Episodes to half right, ours over theirs."""
        sides = self.needed(name, ours), self.needed(name, theirs)
        return restricted_mean_ratio(*sides, EPISODES, grid=BATCH)

    def final(self, name: str, ours: str, theirs: str) -> Comparison:
        """Held-out share of right answers after all episodes, ours less theirs."""
        sides = ([row["right"] for row in self.rows[name, own]] for own in (ours, theirs))
        return compare(*sides)

    def mean(self, name: str, learner: str, key: str) -> float:
        """Mean over seeds of a number of the rows."""
        return float(np.mean([row[key] for row in self.rows[name, learner]]))

    def signal(self, name: str, estimator: str, policy: str = "untrained") -> float:
        """Signal-to-noise ratio of the policy gradient over that of Monte-Carlo (group of 8), at a
        frozen policy with exact values."""
        rows = self.exact[name, policy]["estimators"]
        return rows[estimator]["snr"] / rows["mc group"]["snr"]

    def predicted(self, name: str, estimator: str, policy: str = "untrained") -> float | None:
        """Theory's ratio of the variances of the advantage, Monte-Carlo's (group of 8, its
        scale of 7/8 taken off) over the estimator's; None where there is no closed form."""
        theory = self.exact[name, policy]["theory"]
        if theory is None:
            return None
        return theory["mc group"] / (7 / 8) ** 2 / theory[estimator]

    def explained(self, name: str, learner: str, iterations: Sequence[int]) -> float | None:
        """Mean over seeds and iterations of a run's explained variance."""
        found = [
            row["explained_variance"][k] for row in self.rows[name, learner] for k in iterations
        ]
        return float(np.mean(found)) if found and None not in found else None


def samples(curve: Sequence[float]) -> float:
    """Episodes until a curve is at :data:`LEVEL`; infinite if never."""
    episodes = BATCH * np.arange(1, len(curve) + 1)
    place = crossing(episodes, np.array(curve), LEVEL, look_back=LOOK_BACK, least=LOOK_BACK)
    if place is None:
        return math.inf
    return float(np.interp(place, np.arange(len(episodes)), episodes))
