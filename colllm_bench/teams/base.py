"""What a team is to the rollout loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence

from colllm_bench.types import Episode, Trajectory, Turn


class Team(ABC):
    """Writes the actions of all agents of all running episodes, in order.

    :func:`colllm_bench.rollout.rollout` calls :meth:`reset` once, then :meth:`act` for every
    turn, :meth:`keep_running` when episodes have ended, and :meth:`observe_final` for every
    trajectory that was truncated. Whoever loaded the team calls :meth:`close`.
    """

    @abstractmethod
    def reset(self, episodes: Sequence[Episode]) -> None:
        """Start new episodes; their trajectories hold the instructions and no turns."""

    @abstractmethod
    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        """Write ``action_text`` (language models also ids and log-probabilities) into each turn.
        An episode whose turns get no ``action_text`` is truncated before them.

        Args:
            turns: [running episode][agent]; None where the agent has left. A turn is already
                the last one of its trajectory.
        """

    def keep_running(self, running: Sequence[int]) -> None:  # noqa: B027
        """Drop all running episodes except those at these positions, which stay in order.

        A team without state per episode need not do anything.
        """

    def observe_final(self, trajectory: Trajectory, observation: str) -> None:  # noqa: B027
        """Receive the observation that follows the last turn of a truncated trajectory."""

    def close(self) -> None:  # noqa: B027
        """Release processes, connections and files. Most teams hold none."""


def replicas(episodes: Sequence[Episode]) -> list[int]:
    """For each episode, how many before it start from the same seed: tells equal starts apart.

    Returns:
        [episodes].
    """
    counts: Counter[int] = Counter()
    numbers = []
    for episode in episodes:
        numbers.append(counts[episode.seed])
        counts[episode.seed] += 1
    return numbers
