"""From credited episodes to a step of the optimizer: micro-batches, weights, clipping.

Nothing here depends on the algorithm but through ``Algorithm.loss``; nothing here plays.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import pvariance
from typing import Any

import torch

from colllm_bench import losses, snr, views
from colllm_bench.baselines.base import ActionBatch, Algorithm
from colllm_bench.batch import TokenBatch, ValueBatch, action_tokens, collate, padded_tokens
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.loading import context_length
from colllm_bench.memory import MicroBatch
from colllm_bench.seeding import torch_generator
from colllm_bench.types import Episode


def unit_weights(owner: torch.Tensor, totals: torch.Tensor) -> torch.Tensor:
    """[K] weight of each unit such that those of one owner sum to 1 over an optimizer step.

    Args:
        owner: [K] whose unit it is (a policy's or a critic's slot).
        totals: [owners] units of each in the whole step, all micro-batches together.
    """
    return 1.0 / totals.clamp(min=1)[owner].float()


def clip_gradients(groups: dict[Any, list[torch.Tensor]], limit: float) -> float:
    """Clip each owner's gradient to norm ``limit`` on its own; the mean norm before clipping.

    One policy's outlier must not shrink its teammates' steps.
    """
    norms = [torch.nn.utils.clip_grad_norm_(tensors, limit) for tensors in groups.values()]
    return float(torch.stack(norms).mean())


class AdvantageScale:
    """Divides advantages by their spread, but never by less than the running spread.

    A batch in which every episode ends alike has advantages that are all noise; dividing by
    their tiny standard deviation would make that noise as loud as a signal.
    """

    def __init__(self, enabled: bool, memory: float = 0.9):
        self.enabled = enabled
        self.memory = memory
        self.running: float | None = None

    def __call__(self, advantages: list[float]) -> tuple[float, float]:
        """(shift, divisor) for this batch; moves the running spread."""
        if not self.enabled or not advantages:
            return 0.0, 1.0
        n = len(advantages)
        mean = sum(advantages) / n
        spread = math.sqrt(sum((a - mean) ** 2 for a in advantages) / n)
        before = spread if self.running is None else self.running
        self.running = self.memory * before + (1 - self.memory) * spread
        return mean, max(spread, self.running, 1e-8)


class ActorLearner:
    """Improves a team's policies with the loss of an algorithm."""

    def __init__(self, team: Any, algorithm: Algorithm, config: RunConfig):
        self.team, self.algorithm, self.config = team, algorithm, config
        self.micro_batch = MicroBatch.for_model(team.model, config, team.device)
        self.scale = AdvantageScale(config.normalize_advantages)
        self.groups = team.parameters()
        flat = [tensor for tensors in self.groups.values() for tensor in tensors]
        self.optimizer = torch.optim.Adam(flat, lr=config.lr)
        self.slot = torch.tensor(team.slot_of_agent, device=team.device)

    def improve(self, episodes: Sequence[Episode], iteration: int) -> dict[str, float]:
        """``config.epochs`` passes over ``episodes``; mean metrics over the optimizer steps."""
        c, rows = self.config, []
        generator = torch_generator(c.seed, "minibatches", iteration)
        advantages = [turn.advantage for e in episodes for x in e.transcripts for turn in x.turns]
        shift, divisor = self.scale(advantages)
        measured = {"advantage_variance": pvariance(advantages)} if advantages else {}
        if c.snr_every and iteration % c.snr_every == 0:
            measured |= self._gradient_noise(episodes, shift, divisor)
        cached: list[list[TokenBatch]] | None = None
        for _ in range(c.epochs):
            if cached is None or c.minibatches > 1:
                cached = [self._collate(part) for part in self._split(episodes, generator)]
            for micro in cached:
                rows.append(self._step(micro, shift, divisor))
            if c.target_kl is not None and rows[-1].get("kl", 0.0) > c.target_kl:
                break
        means = {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}
        return {**means, "actor_steps": len(rows), "advantage_std": divisor, **measured}

    def _gradient_noise(
        self, episodes: Sequence[Episode], shift: float, divisor: float
    ) -> dict[str, float]:
        """Signal and noise of the batch's gradient (:mod:`colllm_bench.snr`) at the parameters
        of now; moves nothing and draws nothing. Empty where the batch is a single group."""
        parts = [self._collate(part) for part in snr.parts_of(episodes)]
        if len(parts) < 2:
            return {}
        # A part weighs its tokens as the whole batch does: the parts' mean is its gradient.
        totals = self._tokens_of_slots([tokens for micro in parts for tokens in micro]) / len(parts)
        tensors = [tensor for own in self.groups.values() for tensor in own]

        def gradients() -> Iterator[list[torch.Tensor]]:
            for micro in parts:
                self.optimizer.zero_grad(set_to_none=True)
                self._backward(micro, totals, shift, divisor)
                yield [torch.zeros_like(t) if t.grad is None else t.grad for t in tensors]

        measured = snr.signal_and_noise(gradients())
        self.optimizer.zero_grad(set_to_none=True)
        return measured

    def _split(self, episodes: Sequence[Episode], generator) -> Iterator[list[Episode]]:
        parts = min(self.config.minibatches, len(episodes))
        if parts == 1:
            yield list(episodes)
            return
        order = torch.randperm(len(episodes), generator=generator).tolist()
        for k in range(parts):
            yield [episodes[i] for i in order[k::parts]]

    def _collate(self, episodes: list[Episode]) -> list[TokenBatch]:
        pad, device = self.team.prompts.pad_id, self.team.device
        size = self.micro_batch.episodes(padded_tokens(episodes), action_tokens(episodes))
        return [collate(episodes[i : i + size], pad, device) for i in range(0, len(episodes), size)]

    def _step(self, micro: list[TokenBatch], shift: float, divisor: float) -> dict[str, float]:
        self.optimizer.zero_grad(set_to_none=True)
        metrics = self._backward(micro, self._tokens_of_slots(micro), shift, divisor)
        metrics["actor_grad_norm"] = clip_gradients(self.groups, self.config.max_grad_norm)
        self.optimizer.step()
        return metrics

    def _tokens_of_slots(self, micro: list[TokenBatch]) -> torch.Tensor:
        """[slots] action tokens of each policy."""
        slots = int(self.slot.max()) + 1
        owner = [self.slot[tokens.agent_of_token] for tokens in micro]
        return torch.stack([torch.bincount(o, minlength=slots) for o in owner]).sum(0)

    def _backward(
        self, micro: list[TokenBatch], totals: torch.Tensor, shift: float, divisor: float
    ) -> dict[str, float]:
        """Add the loss's gradient to the parameters'; the metrics of all micro-batches.

        Args:
            totals: [slots] tokens over which each policy's weights sum to 1.
        """
        c, sums = self.config, defaultdict(float)
        for tokens in micro:
            who = self.slot[tokens.agent_of_token]
            scores = self.team.action_scores(
                tokens, temperature=c.temperature, with_entropy=c.entropy != 0.0
            )
            reference = None
            if c.kl != 0.0:
                with torch.no_grad():
                    reference = self.team.action_scores(
                        tokens, temperature=c.temperature, reference=True
                    ).logprobs
            batch = ActionBatch(
                tokens=tokens,
                old_logprobs=tokens.logprobs,
                advantages=(tokens.advantages - shift) / divisor,
                weight=unit_weights(who, totals),
                logprobs=scores.logprobs,
                entropy=scores.entropy,
                reference_logprobs=reference,
            )
            loss, metrics = self.algorithm.loss(batch)
            loss.backward()
            share = len(who) / int(totals.sum())
            for key, value in metrics.items():
                # Losses are sums of weights and add up; the rest are means over tokens.
                sums[key] += float(value) * (1.0 if key.endswith("loss") else share)
        return dict(sums)

    def state_dict(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer.state_dict(), "scale": self.scale.running}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        self.scale.running = state["scale"]


@dataclass
class _ValueStep:
    """A micro-batch of a critic's step: V places that are regressed, of those that are read.

    Attributes:
        batch: the histories.
        reads: [V] where the values are read, see :class:`colllm_bench.views.Read`.
        kept: [V] their numbers among all reads (bootstrap values have no target).
        targets: [V].
        owner: [V] whose value it is.
    """

    batch: ValueBatch
    reads: list[views.Read]
    kept: torch.Tensor
    targets: torch.Tensor
    owner: torch.Tensor


class CriticLearner:
    """A critic behind a view: writes values into episodes, and learns from their returns."""

    def __init__(self, critic: Any, view: views.View, team: Any, config: RunConfig):
        self.critic, self.view, self.team, self.config = critic, view, team, config
        self.micro_batch = MicroBatch.for_model(critic.models[0], config, team.device)
        self.context = context_length(critic.models[0].config)
        self.groups = critic.parameters()
        flat = [tensor for tensors in self.groups.values() for tensor in tensors]
        self.optimizer = torch.optim.Adam(flat, lr=config.critic_lr)

    def _batches(self, episodes: Sequence[Episode]):
        """(histories, their ValueBatch) for each micro-batch."""
        size = self.micro_batch.episodes(padded_tokens(episodes))
        for i in range(0, len(episodes), size):
            histories = self.view.histories(episodes[i : i + size])
            batch = views.collate(histories, self.team.prompts.pad_id, self.team.device)
            if self.context is not None and batch.ids.shape[1] > self.context:
                raise ConfigError(
                    f"the critic would read {batch.ids.shape[1]} tokens at once, and its model's "
                    f"context is {self.context}",
                    fix="fewer agents or turns, style=brief, algorithm dc, or a --critic-model "
                    "with a longer context",
                )
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
                for transcript in read.finals:
                    transcript.final_value = value

    def fit(self, episodes: Sequence[Episode]) -> dict[str, float]:
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
            part = losses.value_loss(values, m.targets, unit_weights(m.owner, totals))
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
