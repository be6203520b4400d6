"""Advantages by GAE over turns with a critic; what the critic reads is left to subclasses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from colllm_bench.baselines.algorithm import Algorithm
from colllm_bench.baselines.options import ActorCriticOptions
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.learners.critic_learner import CriticProtocol
from colllm_bench.learners.oracle_critic import OracleCritic
from colllm_bench.objectives.returns import discounted_returns, gae
from colllm_bench.types import Episode, Trajectory, Turn


class ActorCritic(Algorithm):
    """GAE over turns; ``critic_input`` is all that a subclass must name."""

    Options = ActorCriticOptions
    defaults: dict[str, Any] = {"lr": 3e-3, "epochs": 1, "group": 1}
    values_know_actions: ClassVar[bool] = False
    """Advantages are made of ``Turn.values``, which a learned critic alone writes."""

    @classmethod
    def check(cls, config: RunConfig, options: Any) -> None:
        super().check(config, options)
        if cls.values_know_actions and options.critic != "learned":
            raise ConfigError(
                f"--critic {options.critic}: an oracle values histories, and --algo {config.algo} "
                "needs values that know some of a turn's actions",
                allowed="--critic learned", fix="leave it out, or choose --algo cc",
            )

    def compute_advantages(self, episodes: Sequence[Episode]) -> dict[str, float]:
        o = self.options
        for episode in episodes:
            for trajectory in episode.trajectories:
                line, bootstrap = self._line(episode, trajectory)
                rewards = [turn.reward for turn in line]
                values = [turn.value for turn in line]
                actor = gae(rewards, values, o.gamma, o.gae_lambda, bootstrap)
                critic = gae(rewards, values, o.gamma, o.critic_gae_lambda, bootstrap)
                for turn, advantage, error in zip(trajectory.turns, actor, critic, strict=False):
                    turn.advantage = advantage
                    turn.return_ = turn.value + error
        return {}

    def build_critic(self, policy: Any, env: Any) -> CriticProtocol | None:
        """As the option ``critic`` says: learned, or the environment's own true values."""
        kind, _, knows = self.options.critic.partition(":")
        if kind == "oracle":
            return OracleCritic.build(knows, policy, env, self.config, self.options.gamma)
        return super().build_critic(policy, env)

    def trains_actors(self, iteration: int) -> bool:
        """Not while the critic warms up: one that knows nothing yet must not steer them.
        A short trial still trains its actors, in its last iteration at least."""
        if self.options.critic != "learned":
            return True
        return iteration >= min(self.options.critic_warmup, self.config.iterations - 1)

    def _line(self, episode: Episode, trajectory: Trajectory) -> tuple[list[Turn], float]:
        """The turns over which a trajectory's GAE runs, and the value of what follows them.

        An agent that leaves early shares in what its team gets afterwards: a centralized
        critic goes on along the team's turns; a critic of its own sees nothing more, so
        the rewards that followed stand in for its value.
        """
        turns, last = trajectory.turns, trajectory
        longest = max(episode.trajectories, key=lambda other: len(other.turns))
        after = longest.turns[len(turns) :]
        if after and self._one_critic(len(episode.trajectories)):
            turns, last, after = [*turns, *after], longest, []
        if turns[-1].truncated:
            return turns, last.final_value
        # After a termination nothing follows but what the team still got.
        rewards = [turn.reward for turn in after]
        return turns, discounted_returns(rewards, self.options.gamma)[0] if after else 0.0

    def _one_critic(self, agents: int) -> bool:
        """Whether one critic serves the whole team."""
        return self.critic_input is not None and self.critic_input.critics(agents) == 1
