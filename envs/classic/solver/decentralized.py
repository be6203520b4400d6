"""The optimal decentralized team for a small horizon, exactly.

Branch and bound over joint decision rules, stage by stage, as multi-agent A* does (Szer,
Charpillet, Zilberstein, UAI 2005); the bound of a stage's rules is the value if all observations
were shared from the next stage on (Oliehoek, Spaan, Vlassis, JAIR 32, 2008: Q_POMDP). Histories of
an agent after which all else is distributed alike are one (lossless clustering: Oliehoek, Whiteson,
Spaan, AAMAS 2009). The last stage is solved as it stands: for each rule of agent 1, agent 2's best
response.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from colllm_bench.envs.classic.controllers import NOWHERE, Controller
from colllm_bench.envs.classic.model import DecPOMDP
from colllm_bench.envs.classic.solver.bounds import JointValues

EPSILON = 1e-9
"""Values that differ by less are the same."""
SAME = 10
"""Decimals to which distributions are told apart."""

Rule = tuple[int, ...]
"""An agent's action at each of its nodes of a stage."""


@dataclass(frozen=True)
class Solution:
    """An optimal team: its expected return, and each agent's policy."""

    value: float
    controllers: tuple[Controller, Controller]


def solve(model: DecPOMDP, horizon: int) -> Solution:
    """The optimal decentralized policy. Time and memory grow doubly exponentially with the
    horizon in the worst case; Dec-Tiger takes seconds at 4 turns."""
    return _Search(model, horizon).run()


def cluster(weights: np.ndarray) -> tuple[np.ndarray, list[int], list[int]]:
    """Merge rows, then columns, that are multiples of each other, until none is left.

    Args:
        weights: [N1, N2, S], joint probabilities of both agents' histories and the state.

    Returns:
        merged [M1, M2, S]; for each row and for each column of ``weights`` the one that it went to,
        or ``NOWHERE`` where it has no probability.
    """
    maps = [list(range(size)) for size in weights.shape[:2]]
    while True:
        before = weights.shape
        for agent in (0, 1):
            weights, merged = _merge(weights if agent == 0 else weights.swapaxes(0, 1))
            weights = weights if agent == 0 else weights.swapaxes(0, 1)
            maps[agent] = [NOWHERE if old == NOWHERE else merged[old] for old in maps[agent]]
        if weights.shape == before:
            return weights, maps[0], maps[1]


def _merge(weights: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Rows of [N1, N2, S] that are multiples of each other, added up."""
    totals = weights.sum((1, 2))
    groups: dict[bytes, int] = {}
    rows: list[np.ndarray] = []
    places = []
    for row, total in zip(weights, totals, strict=True):
        if total <= 1e-14:
            places.append(NOWHERE)
            continue
        key = ((row / total).round(SAME) + 0.0).tobytes()
        place = groups.setdefault(key, len(rows))
        if place == len(rows):
            rows.append(row)
        else:
            rows[place] = rows[place] + row
        places.append(place)
    return np.array(rows), places


class _Search:
    def __init__(self, model: DecPOMDP, horizon: int):
        self.model, self.horizon = model, horizon
        self.joint = JointValues(model)
        self.best, self.stages = -np.inf, []

    def run(self) -> Solution:
        model = self.model
        if model.first is None:
            weights, self.first = model.start[None, None], ([0], [0])
        else:
            weights, *first = cluster(
                (model.start[:, None, None] * model.first).transpose(1, 2, 0)
            )
            self.first = tuple(first)
        self._extend(weights, 0.0, [])
        return Solution(self.best, (self._controller(0), self._controller(1)))

    def _extend(self, weights: np.ndarray, value: float, stages: list) -> None:
        """Try every continuation of a partial policy that may still beat the best."""
        hopes = self._hopes(weights, self.horizon - len(stages))
        if len(stages) == self.horizon - 1:
            for rules, hope in _responses(hopes):
                if value + hope > self.best + EPSILON:
                    self.best, self.stages = value + hope, [*stages, (rules, None)]
            return
        floor = self.best + EPSILON - value
        candidates = sorted(_candidates(hopes, floor), key=lambda pair: -pair[0])
        for hope, rules in candidates:
            if value + hope <= self.best + EPSILON:
                return
            gain, after, maps = self._step(weights, rules)
            self._extend(after, value + gain, [*stages, (rules, maps)])

    def _hopes(self, weights: np.ndarray, turns: int) -> np.ndarray:
        """[N1, N2, A1, A2]: probability of the histories times the value of the actions there, if
        all were shared afterwards."""
        sizes = weights.shape[:2]
        hopes = np.zeros((*sizes, *map(len, self.model.actions)))
        for one, two in np.ndindex(*sizes):
            total = weights[one, two].sum()
            if total > 1e-14:
                belief = weights[one, two] / total
                hopes[one, two] = total * self.joint.action_values(belief, turns)
        return hopes

    def _step(self, weights: np.ndarray, rules: tuple[Rule, Rule]):
        """(reward, next weights, maps of (node, observation) to next nodes) under rules."""
        model = self.model
        sizes, seen = weights.shape[:2], [len(names) for names in model.observations]
        after = np.zeros((sizes[0], seen[0], sizes[1], seen[1], len(model.states)))
        gain = 0.0
        for one, two in np.ndindex(*sizes):
            a, b = rules[0][one], rules[1][two]
            weight = weights[one, two]
            gain += float(weight @ model.expected_reward[:, a, b])
            reached = (weight @ model.T[:, a, b])[:, None, None] * model.O[a, b]
            after[one, :, two] = reached.transpose(1, 2, 0)
        flat = after.reshape(sizes[0] * seen[0], sizes[1] * seen[1], -1)
        merged, *maps = cluster(flat)
        nodes = tuple(
            tuple(tuple(places[n * k : (n + 1) * k]) for n in range(size))
            for places, size, k in zip(maps, sizes, seen, strict=True)
        )
        return gain, merged, nodes

    def _controller(self, agent: int) -> Controller:
        return Controller(
            first=tuple(self.first[agent]),
            actions=tuple(rules[agent] for rules, _ in self.stages),
            after=tuple(maps[agent] for _, maps in self.stages[:-1]),
            sees_first=self.model.first is not None,
            choices=len(self.model.actions[agent]),
        )


def _rules_of_one(hopes: np.ndarray) -> Iterator[tuple[Rule, np.ndarray]]:
    """(rule of agent 1, [N2, A2] what each answer of agent 2 is worth with it)."""
    nodes = range(hopes.shape[0])
    for rule in itertools.product(range(hopes.shape[2]), repeat=hopes.shape[0]):
        yield rule, hopes[nodes, :, rule].sum(0)


def _responses(hopes: np.ndarray) -> Iterator[tuple[tuple[Rule, Rule], float]]:
    """((rule of agent 1, agent 2's best response), value)."""
    for rule, worth in _rules_of_one(hopes):
        yield (rule, tuple(int(a) for a in worth.argmax(1))), float(worth.max(1).sum())


def _candidates(hopes: np.ndarray, floor: float) -> Iterator[tuple[float, tuple[Rule, Rule]]]:
    """(bound, rules) of all joint rules whose bound is above ``floor``."""
    for rule, worth in _rules_of_one(hopes):
        best_left = np.append(worth.max(1)[::-1].cumsum()[::-1][1:], 0.0)
        partial: list[tuple[float, Rule]] = [(0.0, ())]
        for node, left in enumerate(best_left):
            partial = [
                (value + float(worth[node, action]), (*answer, action))
                for value, answer in partial
                for action in range(worth.shape[1])
                if value + worth[node, action] + left > floor
            ]
        for value, answer in partial:
            yield value, (rule, answer)
