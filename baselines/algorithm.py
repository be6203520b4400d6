"""What an algorithm is: who gets which credit, and what loss follows from it.

An algorithm of your own is a subclass with a ``credit`` of its own, and, where it departs from
PPO, a ``loss``. It never sees the trainer: rollouts, batches, optimizers, evaluation, records
and resuming are the harness's (:mod:`colllm_bench.training.trainer`,
:mod:`colllm_bench.learners.actor_learner`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from colllm_bench.config import RunConfig
from colllm_bench.objectives import communication, losses
from colllm_bench.objectives.batches import TokenBatch
from colllm_bench.objectives.critic_inputs import View
from colllm_bench.objectives.returns import discounted, gae
from colllm_bench.types import Episode, Trajectory, Turn


@dataclass
class ActionBatch:
    """What an actor's loss reads. K action tokens, row by row.

    Attributes:
        tokens: the transcripts; ``tokens.turn`` [K] numbers each token's turn.
        old_logprobs: [K] log-probabilities as sampled.
        advantages: [K] the turn's advantage on each of its tokens, normalized if asked.
        weight: [K] sums to 1 over each policy's tokens in an optimizer step.
        logprobs: [K] log-probabilities under the policy of now; carries the gradient.
        entropy: [K] of the policy at each token, or None when no coefficient asks for it.
        reference_logprobs: [K] under the frozen reference, or None likewise.
    """

    tokens: TokenBatch
    old_logprobs: torch.Tensor
    advantages: torch.Tensor
    weight: torch.Tensor
    logprobs: torch.Tensor
    entropy: torch.Tensor | None = None
    reference_logprobs: torch.Tensor | None = None


class Algorithm:
    """Base of all algorithms: PPO's clipped loss around a ``credit`` that subclasses give.

    Args:
        config: the run's configuration, resolved.
        critic: a :class:`colllm_bench.learners.critic_learner.CriticLearner`, or None where
            ``view`` is None.
    """

    view: ClassVar[View | None] = None
    """What the critic sees (:mod:`colllm_bench.objectives.critic_inputs`); None: the algorithm has
    no critic."""
    centralized_execution: ClassVar[bool] = False
    """One master writes every agent's action (the environment is wrapped accordingly)."""
    defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3, "epochs": 1, "group": 1}
    """Values of :class:`RunConfig` fields whose own default is None."""
    options: ClassVar[frozenset[str]] = frozenset()
    """Names of the algorithm-specific fields of :class:`RunConfig` that it reads, beside those
    of the actor's loss; setting another one is refused, not ignored."""

    def __init__(self, config: RunConfig, critic: Any = None):
        self.config = config
        self.critic = critic

    def credit(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Write ``value``, ``return_`` and ``advantage`` into every turn; return metrics."""
        raise TypeError(f"{type(self).__name__} must define credit(episodes)")

    def bytes_exchanged(self, episodes: Sequence[Episode]) -> int:
        """Bytes that credit for these episodes would take, were every agent's learner on a
        machine of its own (:mod:`colllm_bench.objectives.communication`; a metric, it changes
        nothing).

        This follows from ``view`` and ``centralized_execution``: give your own where your
        algorithm's learners tell each other something else.
        """
        if self.centralized_execution:
            return communication.with_master(episodes)
        agents = len(episodes[0].trajectories)
        sent = communication.with_critics(self.view, episodes) if self.view else 0
        central = self.view is not None and self.view.critics(agents) == 1
        if self.config.normalize_advantages and not central:
            sent += communication.of_normalization(agents)  # a central critic sees them all anyway
        return sent

    def loss(self, batch: ActionBatch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The actor's loss (a scalar, to be minimized) and metrics: PPO with optional KL to
        the reference and entropy bonus.

        A step may see its units in several micro-batches: losses add up (metrics whose name
        ends with ``loss`` likewise), other metrics must be means over the batch's tokens.
        """
        c = self.config
        ratio = losses.log_ratios(batch.logprobs, batch.old_logprobs, batch.tokens.turn, c.ratio)
        loss = losses.clipped_surrogate(ratio, batch.advantages, batch.weight, c.clip)
        metrics = {
            "policy_loss": loss.detach(),
            "clip_fraction": losses.clip_fraction(ratio.detach(), batch.advantages, c.clip),
            "kl": losses.approximate_kl(ratio.detach()).mean(),
        }
        if batch.entropy is not None:
            loss = loss - c.entropy * (batch.weight * batch.entropy).sum()
            metrics["entropy"] = batch.entropy.detach().mean()
        if batch.reference_logprobs is not None:
            # k3 with samples of the policy: KL(policy || reference), gradient through log pi.
            toward = batch.reference_logprobs - batch.logprobs
            penalty = (batch.weight * losses.approximate_kl(toward)).sum()
            loss = loss + c.kl * penalty
            metrics["reference_kl"] = losses.approximate_kl(toward.detach()).mean()
        return loss, metrics

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold of the algorithm itself (parameters are the harness's)."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state_dict` gave."""


class ActorCritic(Algorithm):
    """GAE over turns with a critic; what the critic sees (``view``) is all that is left open."""

    defaults = {"lr": 3e-3, "critic_lr": 3e-3, "epochs": 1, "critic_epochs": 1, "group": 1}
    options = frozenset({"lam", "critic_lam", "critic_lr", "critic_epochs", "critic_minibatches",
                         "critic_warmup", "critic_model"})

    def credit(self, episodes: Sequence[Episode]) -> dict[str, float]:
        c = self.config
        self.critic.write_values(episodes)
        for episode in episodes:
            for trajectory in episode.trajectories:
                line, bootstrap = self._line(episode, trajectory)
                rewards = [turn.reward for turn in line]
                values = [turn.value for turn in line]
                actor = gae(rewards, values, c.gamma, c.lam, bootstrap)
                critic = gae(rewards, values, c.gamma, c.critic_lam, bootstrap)
                for turn, advantage, error in zip(trajectory.turns, actor, critic, strict=False):
                    turn.advantage = advantage
                    turn.return_ = turn.value + error
        return {}

    def _line(self, episode: Episode, trajectory: Trajectory) -> tuple[list[Turn], float]:
        """The turns over which a transcript's credit runs, and the value of what follows them.

        An agent that leaves early shares in what its team gets afterwards: a centralized
        critic goes on along the team's turns; a critic of its own sees nothing more, so
        the rewards that followed stand in for its value.
        """
        turns, last = trajectory.turns, trajectory
        longest = max(episode.trajectories, key=lambda other: len(other.turns))
        after = longest.turns[len(turns) :]
        if after and self.view.critics(len(episode.trajectories)) == 1:
            turns, last, after = [*turns, *after], longest, []
        if turns[-1].truncated:
            return turns, last.final_value
        # After a termination nothing follows but what the team still got.
        rewards = [turn.reward for turn in after]
        return turns, discounted(rewards, self.config.gamma)[0] if after else 0.0
