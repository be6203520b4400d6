"""Values of teams that are simpler than a decentralized one: the columns of docs/classic.md."""

from __future__ import annotations

import numpy as np

from colllm_bench.envs.classic.model import DecPOMDP

DIGITS = 12
"""Decimals to which beliefs are told apart."""


def random_value(model: DecPOMDP, horizon: int) -> float:
    """Expected return of a team whose agents draw uniformly among their actions."""
    T, r = model.T.mean((1, 2)), model.expected_reward.mean((1, 2))
    belief, value = model.start, 0.0
    for _ in range(horizon):
        value += float(belief @ r)
        belief = belief @ T
    return value


def state_values(model: DecPOMDP, horizon: int) -> np.ndarray:
    """[horizon + 1, S]: best expected return with so many turns left, if all see the state."""
    values = [np.zeros(len(model.states))]
    for _ in range(horizon):
        values.append((model.expected_reward + model.T @ values[-1]).max((1, 2)))
    return np.array(values)


def state_value(model: DecPOMDP, horizon: int) -> float:
    """Best expected return of a team that sees the state."""
    return float(model.start @ state_values(model, horizon)[horizon])


class JointValues:
    """Best expected returns of a team that shares all observations: a POMDP's, from any belief."""

    def __init__(self, model: DecPOMDP):
        self.model = model
        self._known: dict[tuple[int, bytes], float] = {}
        shape = (*map(len, model.actions), len(model.states), -1)
        self._signals = model.O.reshape(shape)  # [A1, A2, S, O1 * O2]

    def action_values(self, belief: np.ndarray, turns: int) -> np.ndarray:
        """[A1, A2]: value of each joint action with ``turns`` left (at least 1), then the best."""
        values = np.einsum("s,sab->ab", belief, self.model.expected_reward)
        if turns == 1:
            return values
        after = np.einsum("s,sabt->abt", belief, self.model.T)[..., None] * self._signals
        chances = after.sum(2)  # [A1, A2, O1 * O2]
        for one, two, seen in zip(*np.nonzero(chances > 1e-14), strict=True):
            chance = chances[one, two, seen]
            values[one, two] += chance * self.value(after[one, two, :, seen] / chance, turns - 1)
        return values

    def value(self, belief: np.ndarray, turns: int) -> float:
        """Best expected return from a belief [S] with ``turns`` left."""
        if turns == 0:
            return 0.0
        key = turns, (belief.round(DIGITS) + 0.0).tobytes()  # + 0.0: no minus zero
        if key not in self._known:
            self._known[key] = float(self.action_values(belief, turns).max())
        return self._known[key]


def joint_value(model: DecPOMDP, horizon: int) -> float:
    """Best expected return of a team that shares all observations."""
    values = JointValues(model)
    if model.first is None:
        return values.value(model.start, horizon)
    weights = (model.start[:, None, None] * model.first).reshape(len(model.states), -1)
    total = 0.0
    for weight in weights.T:
        if weight.sum() > 0:
            total += float(weight.sum()) * values.value(weight / weight.sum(), horizon)
    return total


def best_blind(model: DecPOMDP, horizon: int) -> tuple[float, list[tuple[int, int]]]:
    """(expected return, joint actions) of the best plan that looks at nothing but the clock.

    Depth-first search; the value with the state seen bounds what is left.
    """
    bound = state_values(model, horizon)
    best: tuple[float, list[tuple[int, int]]] = (-np.inf, [])

    def extend(belief: np.ndarray, value: float, plan: list[tuple[int, int]]) -> None:
        nonlocal best
        left = horizon - len(plan)
        if not left:
            if value > best[0] + 1e-9:
                best = value, plan
            return
        gains = np.einsum("s,sab->ab", belief, model.expected_reward)
        after = np.einsum("s,sabt->abt", belief, model.T)
        hopes = value + gains + after @ bound[left - 1]
        for flat in np.argsort(-hopes, axis=None, kind="stable"):
            one, two = np.unravel_index(flat, hopes.shape)
            if hopes[one, two] <= best[0] + 1e-9:
                return
            step = (int(one), int(two))
            extend(after[one, two], value + float(gains[one, two]), [*plan, step])

    extend(model.start, 0.0, [])
    return best
