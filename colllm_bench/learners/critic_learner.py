"""Critic learning: values into episodes, and regression on their returns."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any, Protocol

import torch

from colllm_bench import processes
from colllm_bench.config import RunConfig
from colllm_bench.learners.critic_parts import Features, Part, fit_inputs, values_of
from colllm_bench.learners.gradients import clip_gradients, per_owner_weights
from colllm_bench.learners.micro_batching import MicroBatchSizer
from colllm_bench.learners.value_metrics import SilenceWatch, fit_metrics
from colllm_bench.models.critic import Critic
from colllm_bench.models.loading import context_length
from colllm_bench.objectives import critic_inputs, losses
from colllm_bench.objectives.batches import padded_tokens
from colllm_bench.objectives.critic_inputs import (
    CriticInput,
    CriticReading,
    ValuePosition,
    targets_of,
)
from colllm_bench.types import Episode


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

    Values are those of the heads averaged over their last steps (Polyak and Juditsky 1992),
    which takes the optimizer's noise out of them.

    Args:
        critic: a :class:`colllm_bench.models.critic.Critic`.
        critic_input: what it reads.
        team: the team's :class:`colllm_bench.models.team_policy.TeamPolicy`.
        config: the run's, resolved.
        options: a :class:`colllm_bench.baselines.options.CriticOptions`.
    """

    def __init__(
        self, critic: Critic, critic_input: CriticInput, team: Any, config: RunConfig, options: Any
    ):
        self.critic, self.critic_input, self.team = critic, critic_input, team
        self.config, self.options = config, options
        model, device = critic.models[0], team.device
        self.micro_batch = MicroBatchSizer.for_model(model, config, device, critic.trained)
        self.context = context_length(model.config)
        self.averaged = copy.deepcopy(critic.heads)
        self.steps, self.silence = 0, SilenceWatch()
        self.carried = False
        """Its heads are another run's, and have learned nothing here yet."""
        self.groups = critic.parameters()
        flat = [tensor for tensors in self.groups.values() for tensor in tensors]
        self.optimizer = torch.optim.Adam(flat, lr=options.critic_lr)
        self._cache: dict[int, tuple[Episode, CriticReading, Features | None]] = {}

    @classmethod
    def build(
        cls, critic_input: CriticInput, team: Any, config: RunConfig, options: Any
    ) -> CriticLearner:
        """Critics on the team's base, or on the backbone ``options.critic_model``."""
        critic = Critic.build(config, team, critic_input.critics(len(team.agents)), options)
        return cls(critic, critic_input, team, config, options)

    # -- reading

    def _read(self, episodes: Sequence[Episode]) -> None:
        """Read episodes that were not read yet; a frozen backbone's hidden states are kept."""
        new = [e for e in episodes if id(e) not in self._cache]
        readings = [self._within_context(self.critic_input.read(e)) for e in new]
        kept: Sequence[Features | None] = [None] * len(new)
        if new and not self.critic.trained:
            kept = self._features(readings, self.micro_batch.episodes(padded_tokens(new)))
        for episode, reading, own in zip(new, readings, kept, strict=True):
            self._cache[id(episode)] = (episode, reading, own)

    def _features(self, readings: Sequence[CriticReading], size: int) -> list[Features]:
        """The hidden states of each reading's cells, ``size`` readings at a time; every process
        computes those of its share."""
        mine, found = processes.own(readings), []
        for i in range(0, len(mine), size):
            part = mine[i : i + size]
            counts = [len(reading.cells) for reading in part]
            observed, acted = self.critic.features(part)
            found += zip(observed.split(counts), acted.split(counts), strict=True)
        return processes.gather(found)

    def _within_context(self, reading: CriticReading) -> CriticReading:
        fitting = critic_inputs.within_context(reading, self.context)
        if fitting is not reading:
            warnings.warn(
                f"a critic's history is longer than its model's context of {self.context} "
                "tokens: values of later turns are read from the last tokens only; fewer "
                "agents or turns, style=brief, algorithm dc or hier or a --critic-model with a "
                "longer context avoid it",
                stacklevel=2,
            )
        return fitting

    def _micro_batch(self, episodes: Sequence[Episode]) -> int:
        """Episodes that are read at once in a step; all where hidden states are kept."""
        if not (self.critic.trained and episodes):
            return max(1, len(episodes))
        return self.micro_batch.episodes(padded_tokens(episodes))

    @torch.no_grad()
    def write_values(self, episodes: Sequence[Episode]) -> None:
        """Write V(h_t) into every turn, and the bootstrap value of every cut transcript."""
        self._cache = {k: v for k, v in self._cache.items() if any(v[0] is e for e in episodes)}
        for episode in episodes:
            for trajectory in episode.trajectories:
                for turn in trajectory.turns:
                    turn.values = None
        self._read(episodes)
        _, readings, found = zip(*(self._cache[id(e)] for e in episodes), strict=True)
        if self.critic.trained:
            found = self._features(readings, self._micro_batch(episodes))
        fit_inputs(self.critic, self.averaged, readings, found)
        values = values_of(self.critic, self.averaged, readings, found)
        positions = [position for reading in readings for position in reading.positions]
        for position, value in zip(positions, values, strict=True):
            for turn in position.turns:
                turn.value = value
            for turn in position.also:
                turn.values = [*(turn.values or ()), value]
            for trajectory in position.finals:
                trajectory.final_value = value

    def recall(self, groups: Sequence[Sequence[Episode]]) -> None:
        """Read episodes of earlier iterations once more, each iteration's together as they were
        read first: sums depend on how rows are padded."""
        for episodes in groups:
            self._read(episodes)

    # -- learning

    def update(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Regress every value on its target (:func:`targets_of`): ``options.critic_epochs`` passes
        over the episodes, each of ``options.critic_minibatches`` optimizer steps.

        Returns:
            Metrics; those of :func:`fit_metrics` are of the fresh episodes and of the values that
            credit was given by, from before any step: the honest, out-of-sample fit.
        """
        self._read(episodes)
        parts = min(self.options.critic_minibatches, len(episodes))
        orders = [episodes[k::parts] for k in range(parts)]
        # Kept hidden states are everybody's, and heads are small: each process takes the whole
        # step. Of one of a backbone that learns it takes its share.
        steps = [self._prepare(processes.own(o) if self.critic.trained else o) for o in orders]
        readings = [self._cache[id(episode)][1] for own in orders for episode in own]
        positions = [position for reading in readings for position in reading.positions]
        self._fit_targets(positions)
        norms, last = [], []
        for _ in range(self.options.critic_epochs):
            last = []
            for step in steps:
                loss, norm = self._step(step)
                last.append(loss)
                norms.append(norm)
        positions = [position for position in positions if position.turns]
        # What was learned from before is no test of the fit.
        fresh = [episode for episode in episodes if not episode.replayed]
        own = {id(turn) for e in fresh for x in e.trajectories for turn in x.turns}
        turns = [p.turns[0] for p in positions if id(p.turns[0]) in own]
        metrics = fit_metrics(turns, fresh, self.options.gamma)
        self.silence.note(metrics)
        return metrics | {
            "value_loss_last": sum(last) / len(last),
            "critic_grad_norm": sum(norms) / len(norms),
        }

    def _fit_targets(self, positions: Sequence[ValuePosition]) -> None:
        _, targets, owner = self._targets(positions)
        for k in range(len(self.critic.heads)):
            for head in (self.critic.heads[k], self.averaged[k]):
                head.fit_targets(targets[owner == k])
                if self.carried:
                    head.rescale_targets(targets[owner == k])
        self.carried = False

    def _prepare(self, episodes: Sequence[Episode]) -> list[Part]:
        """The micro-batches of one optimizer step; one for all where hidden states are kept."""
        size, prepared = self._micro_batch(episodes), []
        for i in range(0, len(episodes), size):
            _, readings, kept = zip(*(self._cache[id(e)] for e in episodes[i : i + size]))
            positions = [position for reading in readings for position in reading.positions]
            tables = self.critic.tables(readings)
            own = None if self.critic.trained else list(kept)
            prepared.append(Part(readings, own, tables, *self._targets(positions)))
        return prepared

    def _targets(self, positions: Sequence[ValuePosition]) -> tuple[torch.Tensor, ...]:
        """``positions``, ``targets`` and ``owner`` of :class:`Part`."""
        kept = [i for i, position in enumerate(positions) if position.target is not None]
        device = self.team.device
        targets = targets_of([positions[i] for i in kept])
        return (
            torch.tensor(kept, device=device),
            torch.tensor(targets, dtype=torch.float32, device=device),
            torch.tensor([positions[i].critic for i in kept], device=device),
        )

    def _step(self, parts: list[Part]) -> tuple[float, float]:
        """One optimizer step; (mean loss of the critics, mean norm of their gradients)."""
        critics = len(self.groups)
        totals = torch.zeros(critics, dtype=torch.long, device=self.team.device)
        for part in parts:
            totals += torch.bincount(part.owner, minlength=critics)
        if self.critic.trained:
            totals = processes.total(totals)
        scale = torch.cat([head.target_std for head in self.critic.heads])  # [critics]
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for part in parts:
            # Not kept by a name: the backward pass needs what heads made of them, no more.
            values = self.critic.values(part.features(self.critic), part.tables)[part.positions]
            weight = per_owner_weights(part.owner, totals)
            # In units of the targets' deviation, so that clipping means the same everywhere.
            loss = losses.value_loss(values, part.targets, weight / scale[part.owner] ** 2)
            loss.backward()
            with torch.no_grad():
                total += float(losses.value_loss(values, part.targets, weight)) / critics
        if self.critic.trained:
            processes.total_gradients(t for own in self.groups.values() for t in own)
            (total,) = processes.total_numbers({"loss": total}).values()
        norm = clip_gradients(self.groups, self.config.max_grad_norm)
        self.optimizer.step()
        self._average()
        return total, norm

    @torch.no_grad()
    def _average(self) -> None:
        """Move the averaged heads towards the present ones; the first steps at once."""
        self.steps += 1
        keep = min(self.options.critic_average, self.steps / (10.0 + self.steps))
        for mean, head in zip(self.averaged, self.critic.heads, strict=True):
            for old, new in zip(mean.parameters(), head.parameters(), strict=True):
                old.lerp_(new, 1.0 - keep)

    def state_dict(self) -> dict[str, Any]:
        return {
            "optimizer": self.optimizer.state_dict(),
            "critic": self.critic.state_dict(),
            "averaged": [
                {name: x.detach().clone() for name, x in head.state_dict().items()}
                for head in self.averaged
            ],
            "steps": self.steps,
            "silent": self.silence.iterations,
            **({"carried": True} if self.carried else {}),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.critic.load_state_dict(state["critic"])
        for head, own in zip(self.averaged, state["averaged"], strict=True):
            head.load_state_dict(own)
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps, self.silence.iterations = state["steps"], state["silent"]
        self.carried = state.get("carried", False)
