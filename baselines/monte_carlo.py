"""Monte-Carlo fine-tuning: the return that followed, against a baseline from the same start.

With ``baseline="group"`` this is MAGRPO (arXiv 2508.04652): no critic; a group of episodes
starts from one state, and a turn's advantage is its return-to-go minus the group's mean.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from colllm_bench.baselines.algorithm import Algorithm
from colllm_bench.objectives.returns import baselines, discounted
from colllm_bench.types import Episode


class MonteCarlo(Algorithm):
    """``A_t = G_t - b_t`` with ``G_t`` the discounted return-to-go of the team's reward."""

    defaults = {"lr": 3e-3, "epochs": 1, "group": 8}
    options = frozenset({"baseline", "group"})

    def credit(self, episodes: Sequence[Episode]) -> dict[str, float]:
        groups: dict[int, list[Episode]] = defaultdict(list)
        for episode in episodes:
            groups[episode.group].append(episode)
        for members in groups.values():
            returns = [discounted(member.rewards, self.config.gamma) for member in members]
            for t in range(max(map(len, returns))):
                # An episode that is over has nothing to come: its return-to-go is 0.
                to_go = [own[t] if t < len(own) else 0.0 for own in returns]
                baseline = baselines(to_go, self.config.baseline)
                for member, own, base in zip(members, to_go, baseline, strict=True):
                    for trajectory in member.trajectories:
                        if t < len(trajectory.turns):
                            turn = trajectory.turns[t]
                            turn.return_, turn.advantage = own, own - base
        return {}
