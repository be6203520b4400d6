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

from colllm_bench import processes
from colllm_bench.config import RunConfig
from colllm_bench.errors import RunError
from colllm_bench.learners.gradients import clip_gradients, per_owner_weights
from colllm_bench.learners.micro_batching import MicroBatchSizer, micro_batches
from colllm_bench.models.shared_prefix import PrefixStates, spread_gradients
from colllm_bench.objectives.batches import ActionBatch, TokenBatch
from colllm_bench.seeding import torch_generator
from colllm_bench.types import Episode, Turn, written


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


def _tell_turns(episodes: Sequence[Episode], field: str) -> None:
    """A field of turns that each process wrote into its own episodes, into everybody's."""
    def turns(episode: Episode) -> list[Any]:
        return [turn for x in episode.trajectories for turn in x.turns]

    def write(episode: Episode, values: list[Any]) -> None:
        for turn, value in zip(turns(episode), values, strict=True):
            setattr(turn, field, value)

    processes.fill_in(episodes, lambda e: [getattr(turn, field) for turn in turns(e)], write)


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


def learning_rate(config: RunConfig, iteration: int) -> float:
    """Of the actors in an iteration, the first being 0; of a run that goes beyond
    ``config.episodes``, the last one's."""
    if config.lr_schedule == "constant":
        return config.lr
    return config.lr * max(1, config.iterations - iteration) / config.iterations


def by_turn(tokens: TokenBatch, values: torch.Tensor) -> Iterator[tuple[Turn, list[float]]]:
    """Each turn of a batch with its tokens' part of ``values`` [K]."""
    flat = iter(values.tolist())
    for turn in tokens.turns:
        yield turn, [next(flat) for _ in written(turn.action_ids)]


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
        self.optimizer.param_groups[0]["lr"] = learning_rate(c, iteration)
        generator = torch_generator(c.seed, "minibatches", iteration)
        advantages = turn_advantages(episodes)
        shift, divisor = self.normalizer(advantages)
        gap = self.rescore(episodes)
        cached: list[list[TokenBatch]] | None = None
        for _ in range(c.epochs):
            if cached is None or c.minibatches > 1:
                parts = self._split(episodes, generator)
                cached = [self._collate(processes.own(part)) for part in parts]
            for micro in cached:
                rows.append(self._step(micro, shift, divisor))
            if c.target_kl is not None and rows[-1].get("kl", 0.0) > c.target_kl:
                break
        means = {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}
        spread = {"advantage_variance": pvariance(advantages)} if advantages else {}
        return {
            **means, "actor_steps": len(rows), "advantage_std": divisor, **spread, **gap,
        }

    def rescore(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Replace the log-probabilities of an iteration's turns by those of the loss's own forward
        pass, where they differ: in half precision. Replayed episodes keep theirs, as the policy
        that sampled them is gone.

        A token at a time from a cache rounds otherwise than whole trajectories. The importance
        ratio must not hold that: it would be clipped and learned from as if the policy had moved.

        Returns:
            ``sampling_gap``, the mean size of the change; {} where nothing is done.
        """
        if self.config.rollouts != "torch" or self.team.model.dtype == torch.float32:
            return {}
        episodes = [episode for episode in episodes if not episode.replayed]
        total, count = 0.0, 0
        for tokens, logprobs in self.scored(episodes):
            total += float((logprobs - tokens.logprobs).abs().sum())
            count += len(logprobs)
            for turn, own in by_turn(tokens, logprobs):
                turn.logprobs = own
        _tell_turns(episodes, "logprobs")
        sums = processes.total_numbers({"total": total, "count": count})
        return {"sampling_gap": sums["total"] / max(1, sums["count"])}

    @torch.no_grad()
    def scored(self, episodes: Sequence[Episode]) -> Iterator[tuple[TokenBatch, torch.Tensor]]:
        """This process's share of ``episodes``, and the log-probabilities [K] of its action
        tokens under the present policies."""
        micro = self._collate(processes.own(episodes))
        states = self._prefix_states(micro)
        for tokens in micro:
            scores = self.team.evaluate_actions(
                tokens, temperature=self.config.temperature, states=states
            )
            yield tokens, scores.logprobs

    def write_log_ratios(self, episodes: Sequence[Episode]) -> None:
        """Write into every turn how much likelier its action is to the present policy than to
        the one that sampled it."""
        for tokens, logprobs in self.scored(episodes):
            change = (logprobs - tokens.logprobs).double()  # [K]
            sums = change.new_zeros(len(tokens.turns)).index_add(0, tokens.turn, change)
            for turn, log_ratio in zip(tokens.turns, sums.tolist(), strict=True):
                turn.log_ratio = log_ratio
        _tell_turns(episodes, "log_ratio")

    def gradients(self, parts: Sequence[Sequence[Episode]]) -> Iterator[list[torch.Tensor]]:
        """The gradient of each part of a batch at the present parameters, [tensors] of each.

        Moves nothing and draws nothing. A part weighs its tokens as the whole batch does, so
        the mean over parts is the batch's gradient.
        """
        flat = [episode for part in parts for episode in part]
        shift, divisor = self.normalizer.preview(turn_advantages(flat))
        batches = [self._collate(processes.own(part)) for part in parts]
        totals = self._tokens_of_slots([b for micro in batches for b in micro]) / len(batches)
        tensors = [tensor for own in self.groups.values() for tensor in own]
        for micro in batches:
            self.optimizer.zero_grad(set_to_none=True)
            self._backward(micro, totals, shift, divisor)
            processes.total_gradients(tensors)
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

    def _collate(self, episodes: Sequence[Episode]) -> list[TokenBatch]:
        return micro_batches(episodes, self.micro_batch, self.team)

    def _prefix_states(self, micro: list[TokenBatch], **options: Any) -> PrefixStates | None:
        """What the batches' rows begin with, read once for all of them; None: nothing is shared."""
        prefixes = micro[0].prefixes if micro else None
        return None if prefixes is None else self.team.read_prefixes(prefixes, **options)

    def _step(self, micro: list[TokenBatch], shift: float, divisor: float) -> dict[str, float]:
        self.optimizer.zero_grad(set_to_none=True)
        metrics = self._backward(micro, self._tokens_of_slots(micro), shift, divisor)
        processes.total_gradients(t for own in self.groups.values() for t in own)
        metrics["actor_grad_norm"] = clip_gradients(self.groups, self.config.max_grad_norm)
        self.optimizer.step()
        return metrics

    def _tokens_of_slots(self, micro: list[TokenBatch]) -> torch.Tensor:
        """[slots] action tokens of each policy, all processes' together."""
        slots = int(self.slot.max()) + 1
        counts = torch.zeros(slots, dtype=torch.long, device=self.slot.device)
        for tokens in micro:
            counts += torch.bincount(self.slot[tokens.agent_of_token], minlength=slots)
        return processes.total(counts)

    def _backward(
        self, micro: list[TokenBatch], totals: torch.Tensor, shift: float, divisor: float
    ) -> dict[str, float]:
        """Add the loss's gradient to the parameters'; the metrics of all micro-batches, and of
        all processes.

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
            factors = tokens.sampling_factors
            advantages = (tokens.advantages - shift) / divisor
            batch = ActionBatch(
                tokens=tokens,
                old_logprobs=tokens.logprobs,
                advantages=advantages if factors is None else factors * advantages,
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
        return processes.total_numbers(sums)

    def state_dict(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer.state_dict(), "scale": self.normalizer.running}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        self.normalizer.running = state["scale"]
