"""Critic learning: values into episodes, and regression on their returns."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from colllm_bench.config import RunConfig
from colllm_bench.models.loading import context_length
from colllm_bench.objectives import critic_inputs, losses
from colllm_bench.objectives.batches import ValueBatch, padded_tokens
from colllm_bench.training.gradients import clip_gradients, per_owner_weights
from colllm_bench.training.micro_batching import MicroBatchSizer
from colllm_bench.types import Episode


@dataclass
class _ValueStep:
    """A micro-batch of a critic's step: V places that are regressed, of those that are read.

    Attributes:
        batch: the histories.
        reads: [V] where the values are read, see
            :class:`colllm_bench.objectives.critic_inputs.Read`.
        kept: [V] their numbers among all reads (bootstrap values have no target).
        targets: [V].
        owner: [V] whose value it is.
    """

    batch: ValueBatch
    reads: list[critic_inputs.Read]
    kept: torch.Tensor
    targets: torch.Tensor
    owner: torch.Tensor


class CriticLearner:
    """A critic behind a view: writes values into episodes, and learns from their returns."""

    def __init__(self, critic: Any, view: critic_inputs.View, team: Any, config: RunConfig):
        self.critic, self.view, self.team, self.config = critic, view, team, config
        self.micro_batch = MicroBatchSizer.for_model(critic.models[0], config, team.device)
        self.context = context_length(critic.models[0].config)
        self.groups = critic.parameters()
        flat = [tensor for tensors in self.groups.values() for tensor in tensors]
        self.optimizer = torch.optim.Adam(flat, lr=config.critic_lr)

    def _batches(self, episodes: Sequence[Episode]):
        """(histories, their ValueBatch) for each micro-batch."""
        size = self.micro_batch.episodes(padded_tokens(episodes))
        for i in range(0, len(episodes), size):
            whole = self.view.histories(episodes[i : i + size])
            histories = critic_inputs.within_context(whole, self.context)
            if len(histories) > len(whole):
                warnings.warn(
                    f"a critic's history is longer than its model's context of {self.context} "
                    "tokens: values of later turns are read from the last tokens only; fewer "
                    "agents or turns, style=brief, algorithm dc or a --critic-model with a longer "
                    "context avoid it",
                    stacklevel=2,
                )
            batch = critic_inputs.collate(histories, self.team.prompts.pad_id, self.team.device)
            yield histories, batch

    @torch.no_grad()
    def write_values(self, episodes: Sequence[Episode]) -> None:
        """Write V(h_t) into every turn, and the bootstrap value of every cut transcript."""
        for histories, batch in self._batches(episodes):
            reads = [read for history in histories for read in history.reads]
            values = self.critic.values(batch).tolist()
            for read, value in zip(reads, values, strict=True):
                for turn in read.turns:
                    turn.value = value
                for trajectory in read.finals:
                    trajectory.final_value = value

    def update(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Regress V(h_t) on ``Turn.return_``: ``config.critic_epochs`` passes over the episodes,
        each of ``config.critic_minibatches`` optimizer steps.

        Returns:
            Metrics. ``explained_variance`` and ``value_loss`` are those of the values that
            credit was given by, from before any step: the honest, out-of-sample fit.
        """
        parts = min(self.config.critic_minibatches, len(episodes))
        steps = [self._prepare(episodes[k::parts]) for k in range(parts)]
        norms, last = [], []
        for _ in range(self.config.critic_epochs):
            last = []
            for step in steps:
                loss, norm = self._step(step)
                last.append(loss)
                norms.append(norm)
        reads = [read for step in steps for micro in step for read in micro.reads]
        values = torch.tensor([read.turns[0].value for read in reads])
        targets = torch.tensor([read.turns[0].return_ for read in reads])
        return {
            "explained_variance": losses.explained_variance(values, targets),
            "value_loss": float(((values - targets) ** 2).mean()),
            "value_loss_last": sum(last) / len(last),
            "critic_grad_norm": sum(norms) / len(norms),
        }

    def _prepare(self, episodes: Sequence[Episode]) -> list[_ValueStep]:
        """The micro-batches of one optimizer step."""
        prepared = []
        for histories, batch in self._batches(episodes):
            reads = [(h.critic, read) for h in histories for read in h.reads]
            kept = [i for i, (_, read) in enumerate(reads) if read.turns]
            device = batch.ids.device
            prepared.append(_ValueStep(
                batch=batch,
                reads=[reads[i][1] for i in kept],
                kept=torch.tensor(kept, device=device),
                targets=torch.tensor([reads[i][1].turns[0].return_ for i in kept], device=device),
                owner=torch.tensor([reads[i][0] for i in kept], device=device),
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
