"""From credited episodes to a step of the optimizer: micro-batches, weights, clipping.

Nothing here depends on the algorithm but through ``Algorithm.loss``; nothing here plays.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import pvariance
from typing import Any

import torch

from colllm_bench.baselines.algorithm import ActionBatch, Algorithm
from colllm_bench.config import RunConfig
from colllm_bench.objectives.batches import TokenBatch, collate, padded_tokens
from colllm_bench.seeding import torch_generator
from colllm_bench.training import gradient_snr
from colllm_bench.training.gradients import clip_gradients, per_owner_weights
from colllm_bench.training.micro_batching import MicroBatchSizer
from colllm_bench.types import Episode


class AdvantageNormalizer:
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
        self.micro_batch = MicroBatchSizer.for_model(team.model, config, team.device)
        self.scale = AdvantageNormalizer(config.normalize_advantages)
        self.groups = team.parameters()
        flat = [tensor for tensors in self.groups.values() for tensor in tensors]
        self.optimizer = torch.optim.Adam(flat, lr=config.lr)
        self.slot = torch.tensor(team.slot_of_agent, device=team.device)

    def update(self, episodes: Sequence[Episode], iteration: int) -> dict[str, float]:
        """``config.epochs`` passes over ``episodes``; mean metrics over the optimizer steps."""
        c, rows = self.config, []
        generator = torch_generator(c.seed, "minibatches", iteration)
        advantages = [turn.advantage for e in episodes for x in e.trajectories for turn in x.turns]
        shift, divisor = self.scale(advantages)
        measured = {"advantage_variance": pvariance(advantages)} if advantages else {}
        if self.team.model.dtype != torch.float32:
            measured["sampling_gap"] = self._rescore(list(episodes))
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

    @torch.no_grad()
    def _rescore(self, episodes: list[Episode]) -> float:
        """Replace the log-probabilities of all turns by those of the loss's own forward pass; the
        mean size of the change.

        In half precision, a token at a time from a cache rounds otherwise than whole transcripts
        at once. The importance ratio must not hold that difference: it would be clipped, and
        take part in the gradient, as if the policy had moved.
        """
        total, count = 0.0, 0
        for tokens in self._collate(episodes):
            scored = self.team.evaluate_actions(tokens, temperature=self.config.temperature)
            total += float((scored.logprobs - tokens.logprobs).abs().sum())
            flat = iter(scored.logprobs.tolist())  # [K]: turn by turn
            for turn in tokens.turns:
                turn.logprobs = [next(flat) for _ in turn.action_ids]
                count += len(turn.action_ids)
        return total / max(1, count)

    def _gradient_noise(
        self, episodes: Sequence[Episode], shift: float, divisor: float
    ) -> dict[str, float]:
        """Signal and noise of the batch's gradient (:mod:`colllm_bench.training.gradient_snr`) at
        the parameters
        of now; moves nothing and draws nothing. Empty where the batch is a single group."""
        parts = [self._collate(part) for part in gradient_snr.parts_of(episodes)]
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

        measured = gradient_snr.signal_and_noise(gradients())
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
        size = self.micro_batch.episodes(padded_tokens(episodes))
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
            scores = self.team.evaluate_actions(
                tokens, temperature=c.temperature, with_entropy=c.entropy != 0.0
            )
            reference = None
            if c.kl != 0.0:
                with torch.no_grad():
                    reference = self.team.evaluate_actions(
                        tokens, temperature=c.temperature, reference=True
                    ).logprobs
            batch = ActionBatch(
                tokens=tokens,
                old_logprobs=tokens.logprobs,
                advantages=(tokens.advantages - shift) / divisor,
                weight=per_owner_weights(who, totals),
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
