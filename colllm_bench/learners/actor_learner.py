"""From episodes with advantages to optimizer steps of the actors.

The algorithm is known here by its ``loss`` alone.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import pvariance
from typing import Any

import torch

from colllm_bench.config import RunConfig
from colllm_bench.errors import RunError
from colllm_bench.learners.gradients import clip_gradients, per_owner_weights
from colllm_bench.learners.micro_batching import MicroBatchSizer
from colllm_bench.models.shared_prefix import PrefixStates, spread_gradients
from colllm_bench.objectives.batches import (
    ActionBatch,
    TokenBatch,
    action_tokens,
    collate,
    padded_tokens,
    shared_prefixes,
)
from colllm_bench.seeding import torch_generator
from colllm_bench.types import Episode, written


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
        shift, divisor, self.running = self._scale(advantages)
        return shift, divisor

    def preview(self, advantages: list[float]) -> tuple[float, float]:
        """(shift, divisor) that the next call would give; moves nothing."""
        return self._scale(advantages)[:2]

    def _scale(self, advantages: list[float]) -> tuple[float, float, float | None]:
        if not self.enabled or not advantages:
            return 0.0, 1.0, self.running
        n = len(advantages)
        mean = sum(advantages) / n
        spread = math.sqrt(sum((a - mean) ** 2 for a in advantages) / n)
        before = spread if self.running is None else self.running
        running = self.memory * before + (1 - self.memory) * spread
        return mean, max(spread, running, 1e-8), running


def turn_advantages(episodes: Sequence[Episode]) -> list[float]:
    """The advantage of every turn, episode by episode."""
    return [turn.advantage for e in episodes for x in e.trajectories for turn in x.turns]


def _checked(algorithm: Any, result: Any) -> tuple[torch.Tensor, dict[str, Any]]:
    """What an algorithm's ``loss`` returned, if a step can be made of it."""
    loss, metrics = result if isinstance(result, tuple) and len(result) == 2 else (None, None)
    if not (
        isinstance(loss, torch.Tensor) and loss.numel() == 1 and loss.requires_grad
        and isinstance(metrics, dict)
    ):
        raise RunError(
            f"{type(algorithm).__name__}.loss returned {result!r:.80}; allowed: (loss, metrics), "
            "a scalar tensor computed from batch.logprobs and a dict"
        )
    return loss, metrics


class ActorLearner:
    """Trains a team's policies with the loss of an algorithm.

    Args:
        team: a :class:`colllm_bench.models.team_policy.TeamPolicy`.
        algorithm: a :class:`colllm_bench.baselines.algorithm.Algorithm`; only ``loss``,
            ``needs_entropy`` and ``needs_reference`` are read.
        config: the run's, resolved.
    """

    def __init__(self, team: Any, algorithm: Any, config: RunConfig):
        self.team, self.algorithm, self.config = team, algorithm, config
        self.micro_batch = MicroBatchSizer.for_model(team.model, config, team.device)
        self.normalizer = AdvantageNormalizer(config.normalize_advantages)
        self.groups = team.parameters()
        flat = [tensor for tensors in self.groups.values() for tensor in tensors]
        self.optimizer = torch.optim.Adam(flat, lr=config.lr)
        self.slot = torch.tensor(team.slot_of_agent, device=team.device)

    def update(self, episodes: Sequence[Episode], iteration: int) -> dict[str, float]:
        """``config.epochs`` passes over ``episodes``; mean metrics over the optimizer steps."""
        c, rows = self.config, []
        generator = torch_generator(c.seed, "minibatches", iteration)
        advantages = turn_advantages(episodes)
        shift, divisor = self.normalizer(advantages)
        gap = {}
        if self.team.model.dtype != torch.float32:
            # Of replayed episodes the policy that sampled them is gone: theirs stay.
            gap["sampling_gap"] = self._rescore([e for e in episodes if not e.replayed])
        cached: list[list[TokenBatch]] | None = None
        for _ in range(c.epochs):
            if cached is None or c.minibatches > 1:
                cached = [self._collate(part) for part in self._split(episodes, generator)]
            for micro in cached:
                rows.append(self._step(micro, shift, divisor))
            if c.target_kl is not None and rows[-1].get("kl", 0.0) > c.target_kl:
                break
        means = {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}
        spread = {"advantage_variance": pvariance(advantages)} if advantages else {}
        return {
            **means, "actor_steps": len(rows), "advantage_std": divisor, **spread, **gap,
        }

    def _rescore(self, episodes: list[Episode]) -> float:
        """Replace the log-probabilities of all turns by those of the loss's own forward pass; the
        mean size of the change.

        In half precision, a token at a time from a cache rounds otherwise than whole trajectories
        at once. The importance ratio must not hold that difference: it would be clipped, and
        take part in the gradient, as if the policy had moved.
        """
        total, count = 0.0, 0
        for tokens, logprobs in self._scored(episodes):
            total += float((logprobs - tokens.logprobs).abs().sum())
            flat = iter(logprobs.tolist())  # [K]: turn by turn
            for turn in tokens.turns:
                turn.logprobs = [next(flat) for _ in turn.action_ids]
                count += len(turn.action_ids)
        return total / max(1, count)

    def _scored(self, episodes: list[Episode]) -> Iterator[tuple[TokenBatch, torch.Tensor]]:
        """Batches and the log-probabilities [K] that the present policies give their actions;
        without gradients."""
        micro = self._collate(episodes) if episodes else []
        with torch.no_grad():
            states = self._prefix_states(micro)
        for tokens in micro:
            with torch.no_grad():
                yield tokens, self.team.evaluate_actions(
                    tokens, temperature=self.config.temperature, states=states
                ).logprobs

    def write_log_ratios(self, episodes: Sequence[Episode]) -> None:
        """Write into every turn how much likelier its action is to the present policy than to
        the one that sampled it."""
        for tokens, logprobs in self._scored(list(episodes)):
            change = (logprobs - tokens.logprobs).double()  # [K]
            sums = change.new_zeros(len(tokens.turns)).index_add(0, tokens.turn, change)
            for turn, log_ratio in zip(tokens.turns, sums.tolist(), strict=True):
                turn.log_ratio = log_ratio

    def gradients(self, parts: Sequence[Sequence[Episode]]) -> Iterator[list[torch.Tensor]]:
        """The gradient of each part of a batch at the present parameters, [tensors] of each.

        Moves nothing and draws nothing. A part weighs its tokens as the whole batch does, so
        the mean over parts is the batch's gradient.
        """
        flat = [episode for part in parts for episode in part]
        shift, divisor = self.normalizer.preview(turn_advantages(flat))
        batches = [self._collate(list(part)) for part in parts]
        totals = self._tokens_of_slots([b for micro in batches for b in micro]) / len(batches)
        tensors = [tensor for own in self.groups.values() for tensor in own]
        for micro in batches:
            self.optimizer.zero_grad(set_to_none=True)
            self._backward(micro, totals, shift, divisor)
            yield [torch.zeros_like(t) if t.grad is None else t.grad for t in tensors]
        self.optimizer.zero_grad(set_to_none=True)

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
        shared = shared_prefixes(episodes) if self.team.shares_prefixes else None
        if shared is None:
            size = self.micro_batch.episodes(padded_tokens(episodes), action_tokens(episodes))
            return [
                collate(episodes[i : i + size], pad, device)
                for i in range(0, len(episodes), size)
            ]
        count, agents = len(episodes), len(episodes[0].trajectories)
        rests = shared.rests  # row a * count + e is agent a's of episode e
        longest = [max(rests[e::count]) for e in range(count)]
        size = self.micro_batch.episodes(agents * max(longest), action_tokens(episodes))
        order = sorted(range(count), key=lambda e: -longest[e])  # like lengths: little padding
        parts = [order[i : i + size] for i in range(0, count, size)]
        return [
            collate(
                [episodes[e] for e in part], pad, device,
                shared.of([a * count + e for a in range(agents) for e in part]),
            )
            for part in parts
        ]

    def _prefix_states(self, micro: list[TokenBatch], **options: Any) -> PrefixStates | None:
        """What the batches' rows begin with, read once for all of them; None: nothing is shared."""
        prefixes = micro[0].prefixes if micro else None
        return None if prefixes is None else self.team.read_prefixes(prefixes, **options)

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
        # Rows' gradients of what they begin with add up first, and go back through it once.
        with torch.no_grad():
            states = self._prefix_states(micro)
            base = None
            if self.algorithm.needs_reference:
                base = self._prefix_states(micro, reference=True)
        if states is not None:
            states.collect_gradients()
        for tokens in micro:
            who = self.slot[tokens.agent_of_token]
            scores = self.team.evaluate_actions(
                tokens, temperature=c.temperature, with_entropy=self.algorithm.needs_entropy,
                states=states,
            )
            reference = None
            if self.algorithm.needs_reference:
                with torch.no_grad():
                    reference = self.team.evaluate_actions(
                        tokens, temperature=c.temperature, reference=True, states=base
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
            loss, metrics = _checked(self.algorithm, self.algorithm.loss(batch))
            loss.backward()
            share = len(who) / int(totals.sum())
            for key, value in metrics.items():
                # Losses are sums of weights and add up; the rest are means over tokens.
                sums[key] += float(value) * (1.0 if key.endswith("loss") else share)
        if states is not None:
            spread_gradients(states, written(self._prefix_states(micro)))
        return dict(sums)

    def state_dict(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer.state_dict(), "scale": self.normalizer.running}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        self.normalizer.running = state["scale"]
