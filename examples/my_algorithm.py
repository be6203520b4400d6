"""An algorithm of your own: compute the advantages, the harness does the rest.

    python -m colllm_bench.run --env strategy --algo ./examples/my_algorithm.py:LuckFree
    python -m colllm_bench.run --algo ./examples/my_algorithm.py:LuckFree --algo-option memory=0.5

REINFORCE with PPO's clipping, where an agent's turn is compared with what the *same turn* led
to in all other episodes of the batch: a baseline over tasks, where ``mc`` has one per task.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from colllm_bench.baselines.algorithm import Algorithm
from colllm_bench.objectives.returns import discounted_returns
from colllm_bench.options import option
from colllm_bench.types import Episode, Turn


class LuckFree(Algorithm):
    defaults = {"lr": 3e-3, "epochs": 2}  # fields of RunConfig that --help calls the algorithm's

    class Options(Algorithm.Options):
        memory: float = option(0.0, "weight of earlier iterations in the baseline", low=0, high=1)

    def __init__(self, config):
        super().__init__(config)
        self.baseline: dict[int, float] = {}

    def compute_advantages(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Write ``return_`` and ``advantage`` into every turn; return metrics."""
        by_number: dict[int, list[Turn]] = defaultdict(list)
        for episode in episodes:
            to_go = discounted_returns(episode.rewards, self.options.gamma)
            for trajectory in episode.trajectories:
                for number, turn in enumerate(trajectory.turns):
                    turn.return_ = to_go[number]
                    by_number[number].append(turn)
        for number, turns in by_number.items():
            mean, keep = fmean(turn.return_ for turn in turns), self.options.memory
            before = self.baseline.get(number, mean)
            self.baseline[number] = keep * before + (1 - keep) * mean
            for turn in turns:
                turn.advantage = turn.return_ - self.baseline[number]
        return {"first_return": fmean(turn.return_ for turn in by_number[0])}

    # def loss(self, batch): PPO's clipped surrogate, unless you write another.
    # critic_input = colllm_bench.objectives.critic_inputs.JOINT or LOCAL: gives every turn a
    # value before compute_advantages is called (baselines/collm_cc.py); build_critic brings a
    # network of your own.

    def state_dict(self):  # what a resumed run must know beside the parameters
        return {"baseline": [[number, value] for number, value in self.baseline.items()]}

    def load_state_dict(self, state):
        self.baseline = {number: value for number, value in state["baseline"]}
