"""Monte-Carlo fine-tuning: the return that followed, against a baseline from the same start.

With ``baseline="group"`` this is MAGRPO (arXiv 2508.04652): no critic; a group of episodes
starts from one state, and a turn's advantage is its return-to-go minus the group's mean.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from colllm_bench.baselines.algorithm import Algorithm
from colllm_bench.baselines.options import MonteCarloOptions
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.objectives.returns import discounted_returns, group_baselines
from colllm_bench.types import Episode


class MonteCarlo(Algorithm):
    """``A_t = G_t - b_t`` with ``G_t`` the discounted return-to-go of the team's reward."""

    Options = MonteCarloOptions
    defaults = {"lr": 3e-3, "epochs": 1, "group": 8}

    def compute_advantages(self, episodes: Sequence[Episode]) -> dict[str, float]:
        groups: dict[int, list[Episode]] = defaultdict(list)
        for episode in episodes:
            groups[episode.group].append(episode)
        for members in groups.values():
            returns = [discounted_returns(member.rewards, self.options.gamma) for member in members]
            for t in range(max(map(len, returns))):
                # An episode that is over has nothing to come: its return-to-go is 0.
                to_go = [own[t] if t < len(own) else 0.0 for own in returns]
                baseline = group_baselines(to_go, self.options.baseline)
                for member, g, base in zip(members, to_go, baseline, strict=True):
                    for trajectory in member.trajectories:
                        if t < len(trajectory.turns):
                            turn = trajectory.turns[t]
                            turn.return_, turn.advantage = g, g - base
        return {}

    @classmethod
    def check(cls, config: RunConfig, options: Any) -> None:
        super().check(config, options)
        if options.baseline != "none" and config.group == 1:
            raise ConfigError(
                f"baseline {options.baseline!r} compares episodes of a group, and group is 1",
                allowed="a group of 2 or more; baseline none",
                fix="--group 8",
            )
