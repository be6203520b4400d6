"""What a team is to the rollout loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from colllm_bench.types import Episode, Trajectory, Turn


class Team(Protocol):
    """Who answers for the team. All methods work on the running episodes, in order."""

    def reset(self, episodes: Sequence[Episode]) -> None:
        """New episodes start; their transcripts hold the instructions and no turns."""

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        """Write ``action_text`` (and ids and log-probabilities) into each turn. An episode whose
        turns get no ``action_text`` is truncated before them.

        Args:
            turns: [running episode][agent]; None where the agent has left. A turn is already
                the last one of its transcript.
        """

    def keep_running(self, running: Sequence[int]) -> None:
        """Only these positions of the running episodes go on."""

    def observe_final(self, trajectory: Trajectory, observation: str) -> None:
        """A transcript was truncated; this is what its agent would have seen next."""


def replicas(episodes: Sequence[Episode]) -> list[int]:
    """[episodes] how many before it start from the same seed: tells equal starts apart."""
    seen: Counter[int] = Counter()
    numbers = []
    for episode in episodes:
        numbers.append(seen[episode.seed])
        seen[episode.seed] += 1
    return numbers


def close(player: Team) -> None:
    """Let go of what a player holds (processes, connections); most hold nothing."""
    if hasattr(player, "close"):
        player.close()
