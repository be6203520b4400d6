"""A team whose seats are played by several teams."""

from __future__ import annotations

from collections.abc import Sequence

from colllm_bench.teams.base import Player, close
from colllm_bench.types import Episode, Transcript, Turn


class MixedPlayer:
    """A team whose seats are played by several players, each seeing its own seats only.

    Args:
        parts: (player, seats) pairs; ``seats`` are places in ``possible_agents``, and all
            pairs together have every seat once.
    """

    def __init__(self, parts: Sequence[tuple[Player, Sequence[int]]]):
        self.parts = [(player, list(seats)) for player, seats in parts]
        self._of_seat = {seat: player for player, seats in self.parts for seat in seats}

    def begin(self, episodes: Sequence[Episode]) -> None:
        for player, seats in self.parts:
            # The same transcripts, fewer of them: what a player writes is the episode's.
            player.begin([
                Episode(e.seed, e.group, [e.transcripts[seat] for seat in seats]) for e in episodes
            ])

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        for player, seats in self.parts:
            player.act([[own[seat] for seat in seats] for own in turns])

    def keep(self, running: Sequence[int]) -> None:
        for player, _ in self.parts:
            player.keep(running)

    def observe_end(self, transcript: Transcript, observation: str) -> None:
        self._of_seat[transcript.index].observe_end(transcript, observation)

    def close(self) -> None:
        for player, _ in self.parts:
            close(player)
