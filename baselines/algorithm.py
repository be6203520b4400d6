"""What an algorithm is: which advantage every turn gets, and the loss that follows from it.

An algorithm of your own is a subclass with ``compute_advantages`` and, where it departs from
PPO, a ``loss``; options in a dataclass ``Options``; a critic by naming what it reads
(``critic_input``) or, for a network of your own, by ``build_critic``. It never sees the
trainer: rollouts, batches, optimizers, evaluation, records and resuming are the harness's.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import torch

from colllm_bench.baselines.options import ClippedLossOptions, CriticOptions
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.learners.critic_learner import CriticLearner, CriticProtocol
from colllm_bench.objectives import losses
from colllm_bench.objectives.batches import ActionBatch
from colllm_bench.objectives.critic_inputs import CriticInput
from colllm_bench.types import Episode

RENAMED = {"credit": "compute_advantages", "view": "critic_input"}
"""Names of version 0.1 that a subclass may still define."""


class Algorithm:
    """Base of all algorithms: PPO's clipped loss around the advantages of a subclass.

    Args:
        config: the run's configuration, resolved.

    Attributes:
        options: an instance of ``Options`` with the run's ``algo_options``.
    """

    Options: ClassVar[type] = ClippedLossOptions
    """A dataclass of settings that are this algorithm's own. A nested class in a subclass is
    enough: ``class Options(Algorithm.Options): bag_width: int = option(16, "help", low=1)``."""
    critic_input: ClassVar[CriticInput | None] = None
    """What the critics read (``objectives.critic_inputs``); None: the algorithm has none."""
    centralized_execution: ClassVar[bool] = False
    """One controller writes every agent's action (the environment is wrapped accordingly)."""
    defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3, "epochs": 1, "group": 1}
    """Values of the :class:`RunConfig` fields whose own default is None."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for old, new in RENAMED.items():
            if old in cls.__dict__ and new not in cls.__dict__:
                warnings.warn(
                    f"{cls.__name__}.{old} is now called {new}", DeprecationWarning, stacklevel=2
                )
                setattr(cls, new, cls.__dict__[old])
        own = cls.__dict__.get("Options")
        if own is not None and "__dataclass_fields__" not in own.__dict__:
            cls.Options = dataclasses.dataclass(frozen=True)(own)
        if cls.critic_input is not None and not issubclass(cls.Options, CriticOptions):
            bases = (cls.Options, CriticOptions)
            cls.Options = dataclasses.dataclass(frozen=True)(type("Options", bases, {}))

    def __init__(self, config: RunConfig):
        self.config = config
        self.options: Any = self.Options(**config.algo_options)

    def compute_advantages(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Write ``return_`` and ``advantage`` into every turn; return metrics.

        With a critic, ``value`` (and ``final_value`` of truncated trajectories) is there
        already: the trainer asks the critic first.
        """
        raise TypeError(f"{type(self).__name__} must define compute_advantages(episodes)")

    @classmethod
    def critic_slots(cls, agents: int, options: Any) -> int:
        """How many critics have adapters of their own on the team's base model.

        Args:
            options: an instance of ``Options``.
        """
        if cls.critic_input is None or options.critic_backbone != "adapters":
            return 0
        if options.critic_model is not None:  # their adapters lie on that
            return 0
        return cls.critic_input.critics(agents)

    def build_critic(self, policy: Any, env: Any) -> CriticProtocol | None:
        """The critic, or None for an algorithm without one.

        Override it for a network, a readout, a loss or a state of your own: any object with
        the four methods of :class:`colllm_bench.learners.critic_learner.CriticProtocol`. Its
        state is saved and resumed with the run.

        Args:
            policy: the team's :class:`colllm_bench.models.team_policy.TeamPolicy`: ``model``,
                ``prompts.pad_id``, ``device``.
            env: one of the run's environments.
        """
        if self.critic_input is None:
            return None
        return CriticLearner.build(self.critic_input, policy, self.config, self.options)

    def trains_actors(self, iteration: int) -> bool:
        """Whether the actors learn in this iteration; the critic always does."""
        return True

    @property
    def needs_entropy(self) -> bool:
        """Whether :meth:`loss` reads ``batch.entropy``."""
        return self.options.entropy_coef != 0.0

    @property
    def needs_reference(self) -> bool:
        """Whether :meth:`loss` reads ``batch.reference_logprobs``."""
        return self.options.kl_coef != 0.0

    def loss(self, batch: ActionBatch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The actors' loss (a scalar, to be minimized) and metrics: PPO with optional KL to
        the reference and entropy bonus.

        A step may see its tokens in several micro-batches: losses add up (metrics whose name
        ends with ``loss`` likewise), other metrics must be means over the batch's tokens.
        """
        o = self.options
        ratio = losses.log_ratios(
            batch.logprobs, batch.old_logprobs, batch.tokens.turn, o.importance_ratio
        )
        loss = losses.clipped_surrogate(ratio, batch.advantages, batch.weight, o.clip_range)
        metrics = {
            "policy_loss": loss.detach(),
            "clip_fraction": losses.clip_fraction(ratio.detach(), batch.advantages, o.clip_range),
            "kl": losses.approximate_kl(ratio.detach()).mean(),
        }
        if batch.entropy is not None:
            loss = loss - o.entropy_coef * (batch.weight * batch.entropy).sum()
            metrics["entropy"] = batch.entropy.detach().mean()
        if batch.reference_logprobs is not None:
            # k3 with samples of the policy: KL(policy || reference), gradient through log pi.
            toward = batch.reference_logprobs - batch.logprobs
            penalty = (batch.weight * losses.approximate_kl(toward)).sum()
            loss = loss + o.kl_coef * penalty
            metrics["reference_kl"] = losses.approximate_kl(toward.detach()).mean()
        return loss, metrics

    @classmethod
    def check(cls, config: RunConfig, options: Any) -> None:
        """Refuse settings that do not go together.

        Args:
            config: resolved.
            options: an instance of ``Options``, every value in its range.

        Raises:
            ConfigError: names the setting, what is allowed and the fix.
        """
        if config.group and config.batch % config.group:
            raise ConfigError(
                f"batch {config.batch} is no multiple of group {config.group}",
                fix=f"--batch {config.group * max(1, config.batch // config.group)}",
            )

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold of the algorithm itself (parameters are the harness's)."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state_dict` gave."""
