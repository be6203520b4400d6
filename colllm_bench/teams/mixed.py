"""A team whose agents belong to several teams."""

from __future__ import annotations

from collections.abc import Sequence

from colllm_bench.teams.base import Team
from colllm_bench.types import Episode, Trajectory, Turn


class MixedTeam(Team):
    """Several teams in one game, each with some of the seats and blind to the others'.

    Args:
        parts: (team, seats) pairs; ``seats`` are indices in ``possible_agents``, and all pairs
            together have every seat once.
    """

    def __init__(self, parts: Sequence[tuple[Team, Sequence[int]]]):
        self.parts = [(team, list(seats)) for team, seats in parts]
        self._team_of_seat = {seat: team for team, seats in self.parts for seat in seats}

    def reset(self, episodes: Sequence[Episode]) -> None:
        for team, seats in self.parts:
            # The same trajectory objects, fewer of them: what a team writes reaches the episode.
            team.reset([
                Episode(e.seed, e.group, [e.trajectories[seat] for seat in seats]) for e in episodes
            ])

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        for team, seats in self.parts:
            team.act([[episode_turns[seat] for seat in seats] for episode_turns in turns])

    def keep_running(self, running: Sequence[int]) -> None:
        for team, _ in self.parts:
            team.keep_running(running)

    def observe_final(self, trajectory: Trajectory, observation: str) -> None:
        self._team_of_seat[trajectory.index].observe_final(trajectory, observation)

    def close(self) -> None:
        for team, _ in self.parts:
            team.close()
