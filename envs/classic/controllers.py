"""Deterministic policies as finite-state controllers, one a stage: small enough for a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from colllm_bench.envs.classic.model import DecPOMDP

NOWHERE = -1
"""The next node after an observation that cannot come up while all keep to their policies."""


@dataclass(frozen=True)
class Controller:
    """One agent's deterministic policy.

    Attributes:
        first: node of the first stage for each first observation; ``[0]`` where there is none.
        actions: ``actions[t][node]``, the action at stage t.
        after: ``after[t][node][observation]``, the node of stage t + 1, or :data:`NOWHERE`.
        sees_first: whether the game shows something before the first action.
    """

    first: tuple[int, ...]
    actions: tuple[tuple[int, ...], ...]
    after: tuple[tuple[tuple[int, ...], ...], ...]
    sees_first: bool

    def act(self, observations: Sequence[int]) -> int:
        """The action after all observations so far; action 0 where they cannot come up."""
        seen = list(observations)
        node = self.first[seen.pop(0)] if self.sees_first else self.first[0]
        for stage, observation in enumerate(seen):
            if node == NOWHERE:
                return 0
            node = self.after[stage][node][observation]
        return 0 if node == NOWHERE else self.actions[len(seen)][node]

    def __call__(self, history: Sequence[int]) -> list[float]:
        """[len of actions] probabilities, as :func:`.solver.evaluation.policy_value` asks."""
        first = int(self.sees_first)
        seen = [*history[:first], *history[first + 1 :: 2]]
        chances = [0.0] * self.choices
        chances[self.act(seen)] = 1.0
        return chances

    choices: int = 0
    """Number of the agent's actions."""

    def to_json(self) -> dict[str, Any]:
        """The controller as JSON can say it."""
        return {"first": self.first, "actions": self.actions, "after": self.after}


def from_json(data: dict[str, Any], model: DecPOMDP, agent: int) -> Controller:
    """The controller of agent 0 or 1 that :meth:`Controller.to_json` wrote."""
    return Controller(
        first=tuple(data["first"]),
        actions=tuple(map(tuple, data["actions"])),
        after=tuple(tuple(map(tuple, stage)) for stage in data["after"]),
        sees_first=model.first is not None,
        choices=len(model.actions[agent]),
    )


def blind(plan: Sequence[int], model: DecPOMDP, agent: int) -> Controller:
    """The controller of an agent that plays ``plan`` whatever it sees."""
    seen = len(model.observations[agent])
    return Controller(
        first=(0,) * (seen if model.first is not None else 1),
        actions=tuple((action,) for action in plan),
        after=tuple(((0,) * seen,) for _ in plan[1:]),
        sees_first=model.first is not None,
        choices=len(model.actions[agent]),
    )
