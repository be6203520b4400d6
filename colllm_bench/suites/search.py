"""The search for settings, the same for every algorithm: random draws, then successive halving.

Random search over ranges that the suite states (Bergstra and Bengio 2012), with the budget going
to what does well at a part of it (successive halving: Jamieson and Talwalkar 2016). Draw k is the
same for every algorithm and on every machine; an algorithm takes of it the settings that it has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from colllm_bench.errors import ConfigError
from colllm_bench.seeding import derive


@dataclass(frozen=True)
class Range:
    """The values of one setting: ``choices``, or numbers from ``low`` to ``high``.

    Attributes:
        log: draw the logarithm uniformly.
    """

    name: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False

    def draw(self, rng: Random) -> Any:
        """A value; numbers in three digits, so that files and folders show what was used."""
        if self.choices:
            return rng.choice(self.choices)
        if self.log:
            value = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = rng.uniform(self.low, self.high)
        return float(f"{value:.3g}")


def _range(name: str, entry: dict[str, Any]) -> Range:
    known = {"choices": list, "low": (int, float), "high": (int, float), "log": bool}
    for key, value in entry.items():
        if key not in known or not isinstance(value, known[key]):
            raise ConfigError(
                f"search.ranges.{name}: {key} = {value!r:.60}",
                allowed="choices = [...], or numbers low and high, and log = true or false",
            )
    return Range(name, **{**entry, "choices": tuple(entry.get("choices", ()))})


@dataclass(frozen=True)
class Search:
    """How settings are chosen.

    Attributes:
        draws: how many, the algorithm's defaults among them (draw 0).
        rungs: shares of a task's budget, growing to 1; every rung trains anew.
        keep: share of a rung's draws that go on to the next.
        seeds: of the runs; none that is reported.
        seed: of the draws.
        ranges: what is drawn.
        tasks: ids of the tasks that the runs are of; empty: all of the suite.
        rung_seeds: how many of ``seeds`` each rung has, the first ones; empty: all of them.
    """

    draws: int
    rungs: tuple[float, ...]
    keep: float
    seeds: tuple[int, ...]
    seed: int
    ranges: tuple[Range, ...]
    tasks: tuple[str, ...] = ()
    rung_seeds: tuple[int, ...] = ()

    @classmethod
    def of(cls, table: dict[str, Any]) -> Search:
        """From a suite file's ``[search]``.

        Raises:
            ConfigError: rungs that do not grow to 1, a share or a number out of its range, seeds
                of rungs that there are not.
        """
        ranges = tuple(_range(name, entry) for name, entry in table["ranges"].items())
        search = cls(
            table["draws"], tuple(table["rungs"]), table["keep"], tuple(table["seeds"]),
            table["seed"], ranges, tuple(table.get("tasks", ())),
            tuple(table.get("rung_seeds", ())),
        )
        grows = list(search.rungs) == sorted(set(search.rungs)) and search.rungs[-1:] == (1,)
        if not grows or search.rungs[0] <= 0:
            raise ConfigError(f"search.rungs={search.rungs}", allowed="growing shares up to 1")
        if not 0 < search.keep < 1 or search.draws < 1 or not search.seeds:
            raise ConfigError(
                f"search: keep={search.keep}, draws={search.draws}, seeds={search.seeds}",
                allowed="keep between 0 and 1, draws of 1 or more, at least one seed",
            )
        counts = search.rung_seeds
        if counts and (len(counts) != len(search.rungs)
                       or not all(1 <= n <= len(search.seeds) for n in counts)):
            raise ConfigError(
                f"search.rung_seeds={counts} with {len(search.rungs)} rungs and "
                f"{len(search.seeds)} seeds", allowed="for each rung 1 to all of the seeds",
            )
        for one in ranges:
            if not one.choices and not (one.low < one.high and (one.low > 0 or not one.log)):
                raise ConfigError(
                    f"search.ranges.{one.name}: {one.low} to {one.high}",
                    allowed="low below high, and above 0 with log",
                )
        return search

    def draw(self, k: int, known: Sequence[str]) -> dict[str, Any]:
        """Draw number k, of the settings that an algorithm has; {} (its defaults) for 0.

        Args:
            known: names of settings and of the algorithm's options.
        """
        if k == 0:
            return {}
        # A generator for each setting: what one algorithm lacks must not shift the others.
        return {
            one.name: one.draw(Random(derive(self.seed, "draw", k, one.name)))
            for one in self.ranges if one.name in known
        }

    def survivors(self, scores: dict[int, float]) -> list[int]:
        """Draws that go on, best first; of equals the earlier.

        Args:
            scores: of the draws of a rung, by number.
        """
        count = max(1, math.ceil(len(scores) * self.keep))
        return sorted(scores, key=lambda k: (-scores[k], k))[:count]

    def seeds_of(self, rung: int) -> tuple[int, ...]:
        """Seeds that the draws of a rung, the first being 0, are trained with."""
        return self.seeds[: self.rung_seeds[rung]] if self.rung_seeds else self.seeds

    def runs_of_budget(self, draws: int) -> float:
        """How many whole budgets a search of so many draws costs, on one task."""
        cost, left = 0.0, draws
        for rung, share in enumerate(self.rungs):
            cost += share * left * len(self.seeds_of(rung))
            left = max(1, math.ceil(left * self.keep))
        return cost


def best_of(scores: Sequence[float]) -> list[float]:
    """[n] the expected best score of k draws, k = 1..n: how much an algorithm gains from search.

    Over all subsets of k of the n scores (without replacement): with scores in ascending order
    the i-th is the best of ``C(i - 1, k - 1)`` of the ``C(n, k)`` subsets (Dodge et al. 2019,
    "Show your work", eq. 7, has the form with replacement).
    """
    ordered, n = sorted(scores), len(scores)
    return [
        sum(math.comb(i, k - 1) * score for i, score in enumerate(ordered)) / math.comb(n, k)
        for k in range(1, n + 1)
    ]
