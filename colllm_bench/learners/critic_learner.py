"""Critic learning: values into episodes, and regression on their returns."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from colllm_bench.config import RunConfig
from colllm_bench.learners.gradients import clip_gradients, per_owner_weights
from colllm_bench.learners.micro_batching import MicroBatchSizer
from colllm_bench.models.critic import Critic
from colllm_bench.models.loading import context_length
from colllm_bench.objectives import critic_inputs, losses
from colllm_bench.objectives.batches import ValueBatch, padded_tokens
from colllm_bench.types import Episode


@dataclass
class _ValueStep:
    """A micro-batch of a critic's step: V places that are regressed, of those that are position.

    Attributes:
        batch: the sequences.
        positions: [V] where the values are read, see
            :class:`colllm_bench.objectives.critic_inputs.ValuePosition`.
        kept: [V] their numbers among all positions (bootstrap values have no target).
        targets: [V].
        owner: [V] whose value it is.
    """

    batch: ValueBatch
    positions: list[critic_inputs.ValuePosition]
    kept: torch.Tensor
    targets: torch.Tensor
    owner: torch.Tensor


class CriticProtocol(Protocol):
    """What the trainer asks of a critic."""

    def write_values(self, episodes: Sequence[Episode]) -> None:
        """Write ``value`` into every turn, and ``final_value`` into truncated trajectories
        (``values`` too, for a critic with several values a turn)."""

    def update(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Learn from ``Turn.return_``; metrics."""

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs of it: tensors, numbers, texts, lists and dicts."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state_dict` gave."""


class CriticLearner:
    """Value heads on a transformer: writes values into episodes, and learns from their returns.

    Args:
        critic: a :class:`colllm_bench.models.critic.Critic`.
        critic_input: what it reads.
        team: the team's :class:`colllm_bench.models.team_policy.TeamPolicy`.
        config: the run's, resolved.
        options: a :class:`colllm_bench.baselines.options.CriticOptions`.
    """

    def __init__(
        self, critic: Any, critic_input: critic_inputs.CriticInput, team: Any, config: RunConfig,
        options: Any,
    ):
        self.critic, self.critic_input, self.team = critic, critic_input, team
        self.config, self.options = config, options
        self.micro_batch = MicroBatchSizer.for_model(critic.models[0], config, team.device)
        self.context = context_length(critic.models[0].config)
        self.groups = critic.parameters()
        flat = [tensor for tensors in self.groups.values() for tensor in tensors]
        self.optimizer = torch.optim.Adam(flat, lr=options.critic_lr)

    @classmethod
    def build(
        cls, critic_input: critic_inputs.CriticInput, team: Any, config: RunConfig, options: Any
    ) -> CriticLearner:
        """Critics on the team's base, or on the backbone ``options.critic_model``."""
        count = critic_input.critics(len(team.agents))
        critic = Critic.build(config, team, count, backbone=options.critic_model)
        return cls(critic, critic_input, team, config, options)

    def _batches(self, episodes: Sequence[Episode]):
        """(sequences, their ValueBatch) for each micro-batch."""
        size = self.micro_batch.episodes(padded_tokens(episodes))
        for i in range(0, len(episodes), size):
            whole = self.critic_input.sequences(episodes[i : i + size])
            sequences = critic_inputs.within_context(whole, self.context)
            if len(sequences) > len(whole):
                warnings.warn(
                    f"a critic's history is longer than its model's context of {self.context} "
                    "tokens: values of later turns are read from the last tokens only; fewer "
                    "agents or turns, style=brief, algorithm dc or a --critic-model with a longer "
                    "context avoid it",
                    stacklevel=2,
                )
            batch = critic_inputs.collate(sequences, self.team.prompts.pad_id, self.team.device)
            yield sequences, batch

    @torch.no_grad()
    def write_values(self, episodes: Sequence[Episode]) -> None:
        """Write V(h_t) into every turn, and the bootstrap value of every cut transcript."""
        for sequences, batch in self._batches(episodes):
            positions = [position for history in sequences for position in history.positions]
            values = self.critic.values(batch).tolist()
            for position, value in zip(positions, values, strict=True):
                for turn in position.turns:
                    turn.value = value
                for trajectory in position.finals:
                    trajectory.final_value = value

    def update(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Regress V(h_t) on ``Turn.return_``: ``options.critic_epochs`` passes over the episodes,
        each of ``options.critic_minibatches`` optimizer steps.

        Returns:
            Metrics. ``explained_variance`` and ``value_loss`` are those of the values that
            credit was given by, from before any step: the honest, out-of-sample fit.
        """
        parts = min(self.options.critic_minibatches, len(episodes))
        steps = [self._prepare(episodes[k::parts]) for k in range(parts)]
        norms, last = [], []
        for _ in range(self.options.critic_epochs):
            last = []
            for step in steps:
                loss, norm = self._step(step)
                last.append(loss)
                norms.append(norm)
        positions = [position for step in steps for micro in step for position in micro.positions]
        values = torch.tensor([position.turns[0].value for position in positions])
        targets = torch.tensor([position.turns[0].return_ for position in positions])
        return {
            "explained_variance": losses.explained_variance(values, targets),
            "value_loss": float(((values - targets) ** 2).mean()),
            "value_loss_last": sum(last) / len(last),
            "critic_grad_norm": sum(norms) / len(norms),
        }

    def _prepare(self, episodes: Sequence[Episode]) -> list[_ValueStep]:
        """The micro-batches of one optimizer step."""
        prepared = []
        for sequences, batch in self._batches(episodes):
            positions = [(s.critic, position) for s in sequences for position in s.positions]
            kept = [i for i, (_, position) in enumerate(positions) if position.turns]
            device = batch.ids.device
            prepared.append(_ValueStep(
                batch=batch,
                positions=[positions[i][1] for i in kept],
                kept=torch.tensor(kept, device=device),
                targets=torch.tensor(
                    [positions[i][1].turns[0].return_ for i in kept], device=device
                ),
                owner=torch.tensor([positions[i][0] for i in kept], device=device),
            ))
        return prepared

    def _step(self, micro: list[_ValueStep]) -> tuple[float, float]:
        """One optimizer step; (mean loss of the critics, mean norm of their gradients)."""
        critics = len(self.groups)
        totals = sum(torch.bincount(m.owner, minlength=critics) for m in micro)
        self.optimizer.zero_grad(set_to_none=True)
        loss = 0.0
        for m in micro:
            values = self.critic.values(m.batch)[m.kept]
            part = losses.value_loss(values, m.targets, per_owner_weights(m.owner, totals))
            part.backward()
            loss += float(part.detach()) / critics
        norm = clip_gradients(self.groups, self.config.max_grad_norm)
        self.optimizer.step()
        return loss, norm

    def state_dict(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer.state_dict(), "critic": self.critic.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.critic.load_state_dict(state["critic"])
        self.optimizer.load_state_dict(state["optimizer"])
