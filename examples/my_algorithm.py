"""An algorithm of your own: say who gets which credit, the harness does the rest.

    python -m colllm_bench.run --env strategy --algo ./examples/my_algorithm.py:LuckFree

REINFORCE with PPO's clipping, where an agent's turn is compared with what the *same turn* led
to in all other episodes of the batch: a baseline over tasks, where ``mc`` has one per task.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from colllm_bench.baselines.algorithm import Algorithm
from colllm_bench.objectives.returns import discounted
from colllm_bench.types import Episode, Turn


class LuckFree(Algorithm):
    defaults = {"lr": 3e-3, "epochs": 2}  # fields of RunConfig that --help calls the algorithm's

    def credit(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Write ``return_`` and ``advantage`` into every turn; return metrics."""
        by_number: dict[int, list[Turn]] = defaultdict(list)
        for episode in episodes:
            to_go = discounted(episode.rewards, self.config.gamma)
            for trajectory in episode.trajectories:
                for number, turn in enumerate(trajectory.turns):
                    turn.return_ = to_go[number]
                    by_number[number].append(turn)
        for turns in by_number.values():
            mean = fmean(turn.return_ for turn in turns)
            for turn in turns:
                turn.advantage = turn.return_ - mean
        return {"first_return": fmean(turn.return_ for turn in by_number[0])}

    # def loss(self, batch): PPO's clipped surrogate, unless you write another.
    # view = colllm_bench.objectives.critic_inputs.JOINT or LOCAL: gives you self.critic
    # (see baselines/collm_cc.py).
