"""A team whose seats are played by several teams."""

from __future__ import annotations

from collections.abc import Sequence

from colllm_bench.teams.base import Team, close
from colllm_bench.types import Episode, Trajectory, Turn


class MixedTeam:
    """A team whose seats are played by several players, each seeing its own seats only.

    Args:
        parts: (player, seats) pairs; ``seats`` are places in ``possible_agents``, and all
            pairs together have every seat once.
    """

    def __init__(self, parts: Sequence[tuple[Team, Sequence[int]]]):
        self.parts = [(player, list(seats)) for player, seats in parts]
        self._of_seat = {seat: player for player, seats in self.parts for seat in seats}

    def reset(self, episodes: Sequence[Episode]) -> None:
        for player, seats in self.parts:
            # The same transcripts, fewer of them: what a player writes is the episode's.
            player.reset([
                Episode(e.seed, e.group, [e.trajectories[seat] for seat in seats]) for e in episodes
            ])

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        for player, seats in self.parts:
            player.act([[own[seat] for seat in seats] for own in turns])

    def keep_running(self, running: Sequence[int]) -> None:
        for player, _ in self.parts:
            player.keep_running(running)

    def observe_final(self, trajectory: Trajectory, observation: str) -> None:
        self._of_seat[trajectory.index].observe_final(trajectory, observation)

    def close(self) -> None:
        for player, _ in self.parts:
            close(player)
