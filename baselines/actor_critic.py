"""Advantages by GAE over turns with a critic; what the critic reads is left to subclasses.

With ``replay`` above 1 a batch holds episodes of earlier iterations, too, and GAE is V-trace
(:mod:`colllm_bench.objectives.vtrace`): the ratio pi/mu of a turn is that of all agents' actions
together for a critic of the team, and the agent's own for a critic of its own, to which teammates
are part of the world. Agent i's advantage is weighted by the truncated ratio of its teammates'
actions of the turn, likewise for a critic of the team alone. Its own ratio is in the loss: PPO's is
relative to the policy that *sampled*, however old, so a token's gradient ends where the present
policy is ``clip_range`` away from that one in the advantage's direction. Old episodes hence never
push the policy further than fresh ones may; they push it less, the older they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from colllm_bench.baselines.algorithm import Algorithm
from colllm_bench.baselines.options import ActorCriticOptions
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.learners.critic_learner import CriticProtocol
from colllm_bench.learners.oracle_critic import OracleCritic
from colllm_bench.objectives import vtrace
from colllm_bench.objectives.returns import discounted_returns, gae
from colllm_bench.types import Episode, Trajectory, Turn


def joint_log_ratio(episode: Episode, t: int) -> float:
    """Log of pi/mu of all agents' actions in turn t."""
    return sum(x.turns[t].log_ratio or 0.0 for x in episode.trajectories if t < len(x.turns))


class ActorCritic(Algorithm):
    """GAE over turns; ``critic_input`` is all that a subclass must name."""

    Options = ActorCriticOptions
    defaults: dict[str, Any] = {"lr": 3e-3, "epochs": 1, "group": 1}
    values_know_actions: ClassVar[bool] = False
    """Advantages are made of ``Turn.values``: they know some of a turn's actions, which of the
    oracles the joint one alone does."""

    @classmethod
    def check(cls, config: RunConfig, options: Any) -> None:
        super().check(config, options)
        if cls.values_know_actions and options.critic not in ("learned", "oracle:joint"):
            raise ConfigError(
                f"--critic {options.critic}: --algo {config.algo} needs values that know some of "
                "all agents' actions",
                allowed="--critic learned, --critic oracle:joint",
                fix="one of these, or choose --algo cc",
            )

    def compute_advantages(self, episodes: Sequence[Episode]) -> dict[str, float]:
        o = self.options
        for episode in episodes:
            for trajectory in episode.trajectories:
                line, bootstrap = self._line(episode, trajectory)
                rewards = [turn.reward for turn in line]
                values = [turn.value for turn in line]
                if o.replay == 1:
                    actor = gae(rewards, values, o.gamma, o.gae_lambda, bootstrap)
                    critic = gae(rewards, values, o.gamma, o.critic_gae_lambda, bootstrap)
                else:
                    found = self._log_ratios(episode, line), o.gamma
                    end = o.rho_bar, bootstrap
                    actor = vtrace.advantages(rewards, values, *found, o.gae_lambda, *end)
                    critic = vtrace.errors(rewards, values, *found, o.critic_gae_lambda, *end)
                for t, turn in enumerate(trajectory.turns):
                    turn.advantage = self.weight_of_others(episode, trajectory, t) * actor[t]
                    turn.return_ = turn.value + critic[t]
        return self.replay_metrics(episodes)

    def weight_of_others(self, episode: Episode, trajectory: Trajectory, t: int) -> float:
        """The truncated ratio of what the teammates did in turn t; 1 of a fresh episode."""
        own = trajectory.turns[t].log_ratio
        if own is None or not self._one_critic(len(episode.trajectories)):
            return 1.0
        return vtrace.ratio(joint_log_ratio(episode, t) - own, self.options.rho_bar)

    def _log_ratios(self, episode: Episode, line: Sequence[Turn]) -> list[float]:
        """Of each turn of a line, as its critic sees it."""
        if self._one_critic(len(episode.trajectories)):
            return [joint_log_ratio(episode, t) for t in range(len(line))]
        return [turn.log_ratio or 0.0 for turn in line]

    def replay_metrics(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """``effective_sample_size``: what share of the replayed turns tells as much as fresh ones,
        and ``replayed`` episodes; {} without any."""
        old = [episode for episode in episodes if episode.replayed]
        lines = [(e, max((x.turns for x in e.trajectories), key=len)) for e in old]
        if old and not self._one_critic(len(old[0].trajectories)):
            lines = [(e, x.turns) for e in old for x in e.trajectories]
        logs = [log for episode, line in lines for log in self._log_ratios(episode, line)]
        if not logs:
            return {}
        return {
            "replayed": len(old), "effective_sample_size": vtrace.effective_sample_size(logs),
        }

    def build_critic(self, policy: Any, env: Any) -> CriticProtocol | None:
        """As the option ``critic`` says: learned, or the environment's own true values."""
        kind, _, knows = self.options.critic.partition(":")
        if kind == "oracle":
            return OracleCritic.build(
                knows, policy, env, self.config, self.options.gamma, self.critic_input
            )
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
