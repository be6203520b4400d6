"""A team that sees only the clock: what can be had without reading a word.

A task whose score such a team reaches is solved without observations (SMAC was one: Ellis et al.
2023, "SMACv2"). Every task of a suite says what it scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from colllm_bench.teams.base import Team
from colllm_bench.types import Episode, Turn, written


class ClockTeam(Team):
    """Each agent does at each turn what agents in its place most often did there.

    Args:
        episodes: one or more to learn from, the expert's, say. Of equally frequent actions the
            first seen is taken; after the last turn seen its action is repeated.
    """

    def __init__(self, episodes: Sequence[Episode]):
        counts: list[list[Counter[str]]] = [[] for _ in episodes[0].trajectories]
        for episode in episodes:
            for plan, trajectory in zip(counts, episode.trajectories, strict=True):
                for number, turn in enumerate(trajectory.turns):
                    if number == len(plan):
                        plan.append(Counter())
                    plan[number][written(turn.action_text)] += 1
        self.plans = [[turn.most_common(1)[0][0] for turn in plan] for plan in counts]

    def reset(self, episodes: Sequence[Episode]) -> None:
        self.clocks = [0] * len(episodes)

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        for place, row in enumerate(turns):
            now = self.clocks[place]
            for plan, turn in zip(self.plans, row, strict=True):
                if turn is not None:
                    turn.action_text = plan[min(now, len(plan) - 1)]
            self.clocks[place] = now + 1

    def keep_running(self, running: Sequence[int]) -> None:
        self.clocks = [self.clocks[place] for place in running]
