"""The exact value of a team's policy, by forward recursion over joint histories."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from colllm_bench.envs.classic.model import DecPOMDP

History = tuple[int, ...]
"""What one agent has seen and done, as numbers: first observation (where the game has one),
action, observation, action, observation, ..."""
Policy = Callable[[History], Sequence[float]]
"""Probabilities of one agent's actions after a history, [A]; sums to 1."""


def policy_value(model: DecPOMDP, horizon: int, policies: Sequence[Policy]) -> float:
    """Expected return of a team over ``horizon`` turns.

    Work grows with the number of joint histories that the policies reach.

    Args:
        policies: one an agent; stochastic ones, tables among them, are fine.

    Raises:
        ValueError: probabilities that are not of the agent's actions, or do not sum to 1.
    """
    value = 0.0
    weights = {histories: weight for histories, weight in beginnings(model)}
    for turn in range(horizon):
        after: dict[tuple[History, History], np.ndarray] = {}
        for histories, weight in weights.items():
            chances = [
                _probabilities(policy, history, len(names))
                for policy, history, names in zip(policies, histories, model.actions, strict=True)
            ]
            for one in np.flatnonzero(chances[0]):
                for two in np.flatnonzero(chances[1]):
                    share = weight * chances[0][one] * chances[1][two]
                    value += float(share @ model.expected_reward[:, one, two])
                    if turn + 1 < horizon:
                        _advance(model, histories, share, (int(one), int(two)), after)
        weights = after
    return value


def beginnings(model: DecPOMDP) -> Iterator[tuple[tuple[History, History], np.ndarray]]:
    """(histories of both agents, weight [S]) before the first action."""
    if model.first is None:
        yield ((), ()), model.start
        return
    weights = model.start[:, None, None] * model.first
    for one, two in zip(*np.nonzero(weights.sum(0)), strict=True):
        yield ((int(one),), (int(two),)), weights[:, one, two]


def _probabilities(policy: Policy, history: History, actions: int) -> np.ndarray:
    chances = np.asarray(policy(history), dtype=float)
    if chances.shape != (actions,) or not np.isclose(chances.sum(), 1.0) or (chances < 0).any():
        raise ValueError(f"policy gives {chances} after {history}, not {actions} probabilities")
    return chances


def _advance(
    model: DecPOMDP, histories: tuple[History, History], share: np.ndarray,
    actions: tuple[int, int], after: dict[tuple[History, History], np.ndarray],
) -> None:
    """Add to ``after`` what a joint action leads to."""
    one, two = actions
    reached = (share @ model.T[:, one, two])[:, None, None] * model.O[one, two]  # [S, O1, O2]
    for seen_one, seen_two in zip(*np.nonzero(reached.sum(0)), strict=True):
        key = (
            (*histories[0], one, int(seen_one)),
            (*histories[1], two, int(seen_two)),
        )
        weight = reached[:, seen_one, seen_two]
        after[key] = after[key] + weight if key in after else weight
