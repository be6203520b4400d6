"""A Dec-POMDP of two agents as arrays.

Definition: Oliehoek and Amato, *A Concise Introduction to Decentralized POMDPs*, 2016, chapter 2.
The horizon is no part of it; returns are not discounted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class DecPOMDP:
    """Two agents, finite sets, one reward for the team.

    Attributes:
        states: names.
        actions: names of each agent's actions: (agent 1's, agent 2's).
        observations: names of each agent's observations.
        start: [S], probabilities of the first state.
        T: [S, A1, A2, S], probabilities of the next state.
        O: [A1, A2, S, O1, O2], probabilities of what the agents observe in the next state.
        R: [S, A1, A2, S], reward of a transition.
        first: [S, O1, O2], probabilities of what is observed before the first action; None:
            nothing is.
        terminal: [S], whether an episode ends in a state (the arrays then stay there, for 0).

    Raises:
        ValueError: arrays of other shapes, or rows that do not sum to 1.
    """

    states: tuple[str, ...]
    actions: tuple[tuple[str, ...], tuple[str, ...]]
    observations: tuple[tuple[str, ...], tuple[str, ...]]
    start: np.ndarray
    T: np.ndarray
    O: np.ndarray  # noqa: E741  the literature's letter
    R: np.ndarray
    first: np.ndarray | None = None
    terminal: np.ndarray | None = None
    expected_reward: np.ndarray = field(init=False, repr=False)
    """[S, A1, A2], the mean reward of a joint action in a state."""

    def __post_init__(self) -> None:
        s = len(self.states)
        a, o = ([len(names) for names in sets] for sets in (self.actions, self.observations))
        shapes = {"start": (s,), "T": (s, *a, s), "O": (*a, s, *o), "R": (s, *a, s)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, not {shape}")
        sums = [self.start.sum(), self.T.sum(-1), self.O.sum((-1, -2))]
        if self.first is not None:
            sums.append(self.first.sum((-1, -2)))
        if not all(np.allclose(total, 1.0) for total in sums):
            raise ValueError("probabilities do not sum to 1")
        object.__setattr__(self, "expected_reward", (self.T * self.R).sum(-1))

    def ends(self, state: int) -> bool:
        """Whether an episode ends in ``state``."""
        return self.terminal is not None and bool(self.terminal[state])


def independent(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """[S1*S2, A1, A2, S1*S2] of two chains that do not disturb each other.

    Args:
        one, two: [S1, A1, S1] and [S2, A2, S2]; state (i, j) has the number ``i * S2 + j``.
    """
    joint = np.einsum("iax,jby->ijabxy", one, two)
    size = one.shape[0] * two.shape[0]
    return joint.reshape(size, one.shape[1], two.shape[1], size)
