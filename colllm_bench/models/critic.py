"""Critics: a transformer that reads histories, and a head that values what it read.

By default the transformer is the team's own base, frozen: its hidden states are computed once
an iteration, and only the heads learn, so a critic costs kilobytes and can make many passes.
Adapters of the critic's own on that base, a whole copy, or a separate backbone are options.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.models.activation_checkpointing import enable_checkpointing, training_mode
from colllm_bench.models.adapters import LoRAAdapters, add_adapters
from colllm_bench.models.critic_backbone import backbone_parameters, load_backbone
from colllm_bench.models.forward import hidden_states
from colllm_bench.models.shared_prefix import PrefixReader
from colllm_bench.models.token_counts import add_token_counts
from colllm_bench.models.value_head import ValueHead, ValueTable, pool_spans
from colllm_bench.objectives.batches import pad
from colllm_bench.objectives.critic_inputs import CriticReading
from colllm_bench.seeding import torch_generator

CPU_TOKENS_READ = 1_024
"""Tokens that a frozen backbone reads at once on a CPU, a row at least: more is no faster there and
takes memory. Teams whose histories are read apart (``hier``, ``dc``) need that of some agents."""


class Critic:
    """One or several value functions. Build with :meth:`build`.

    Args:
        models: the backbone of each critic, or a single one that serves all.
        adapters: the adapters of a single backbone, or None.
        slots: the adapter slot of each critic; None: the backbones are read as they are.
        trained: whether backbones (or their adapters) learn.
        heads: one for each critic.
        last_token: read a span at its last token, not at the mean of its tokens.
        embeddings: read the tokens' embeddings beside the hidden states: words that a small
            base no longer tells apart in a context that it has never seen.
        counts: into how many places the counts of a span's tokens are hashed, which are read
            beside (:mod:`colllm_bench.models.token_counts`); 0: none.
        checkpointing: recompute activations in the backward pass.
        shares_prefixes: compute once what rows begin with alike.
    """

    def __init__(
        self,
        models: list[nn.Module],
        adapters: LoRAAdapters | None,
        slots: list[int] | None,
        heads: Sequence[ValueHead],
        *,
        trained: bool,
        last_token: bool = False,
        embeddings: bool = False,
        counts: int = 0,
        checkpointing: bool = False,
        shares_prefixes: bool = False,
        pad_id: int = 0,
    ):
        self.models, self.adapters, self.slots = models, adapters, slots
        self.heads, self.trained, self.last_token = list(heads), trained, last_token
        self.embeddings, self.counts = embeddings, counts
        self.checkpointing, self.pad_id = checkpointing, pad_id
        self.shares_prefixes = shares_prefixes

    @classmethod
    def build(cls, config: RunConfig, team: Any, critics: int, options: Any) -> Critic:
        """``critics`` critics, as ``options``
        (:class:`colllm_bench.baselines.options.CriticOptions`) ask.

        Args:
            team: lends its base, and adapter slots when it was built with ``critic_slots``.
        """
        kind, again = options.critic_backbone, config.gradient_checkpointing
        models, adapters, slots = [team.model], team.adapters, None
        if options.critic_model is not None or kind == "full" or (
            kind == "adapters" and len(team.critic_slots) < critics
        ):
            loaded = load_backbone(config, team, options.critic_model)
            models, adapters = [loaded.model.requires_grad_(kind == "full")], None
        if kind == "adapters" and adapters is None:
            generator = torch_generator(config.seed, "critic adapters", device=team.device)
            adapters = add_adapters(
                models[0], critics, config.lora_rank, config.lora_alpha, generator
            )
            slots = list(range(critics))
        elif kind == "adapters":
            slots = team.critic_slots[:critics]
        if kind == "full":
            models = [models[0], *(copy.deepcopy(models[0]) for _ in range(critics - 1))]
        if again and models[0] is not team.model:
            for model in models:
                enable_checkpointing(model, adapters)
        width = models[0].get_output_embeddings().weight.shape[1]
        if options.critic_embeddings:
            width += models[0].get_input_embeddings().weight.shape[1]
        heads = [
            ValueHead(
                width, options.critic_width, options.critic_history,
                torch_generator(config.seed, "critic head", i), team.device,
                counts=options.critic_counts,
            )
            for i in range(critics)
        ]
        return cls(
            models, adapters, slots, heads, trained=kind != "frozen",
            last_token=options.critic_readout == "last", embeddings=options.critic_embeddings,
            counts=options.critic_counts, checkpointing=again, pad_id=team.prompts.pad_id,
            shares_prefixes=models[0] is team.model and team.shares_prefixes,
        )

    def features(self, readings: Sequence[CriticReading]) -> tuple[torch.Tensor, torch.Tensor]:
        """([C, width], [C, width]) float32: what was read of each cell's observation and action
        (zero where no action is read), the cells of all readings one after the other."""
        rows = [(row.critic, r, k) for r, reading in enumerate(readings)
                for k, row in enumerate(reading.rows)]
        rows.sort(key=lambda row: row[0])  # the rows of one critic together
        place = {(r, k): i for i, (_, r, k) in enumerate(rows)}
        ids = [readings[r].rows[k].ids for _, r, k in rows]
        tokens, _ = pad(ids, self.pad_id, self._device())
        critic = torch.tensor([row[0] for row in rows], device=tokens.device)
        cells = [(r, cell) for r, reading in enumerate(readings) for cell in reading.cells]
        spans = [
            [(c, place[r, span.row], span) for c, (r, cell) in enumerate(cells)
             if (span := getattr(cell, name))]
            for name in ("observed", "acted")
        ]
        # Before the large tensors, so that what is kept does not lie above what is freed.
        shape = len(cells), len(self.heads[0].observed_mean)
        found = [torch.zeros(shape, device=tokens.device) for _ in spans]
        shared = self._shared(ids, [row[0] for row in rows])
        size = self._rows_at_once(tokens)
        for i in range(0, len(rows), size):
            hidden = self._hidden(tokens[i : i + size], critic[i : i + size], shared, i)
            for own, pooled_here in zip(spans, found, strict=True):
                here = [(c, row - i, span) for c, row, span in own if i <= row < i + size]
                if not here:  # rows of which nothing reads an action
                    continue
                where = torch.tensor([c for c, _, _ in here], dtype=torch.long)
                pooled = pool_spans(hidden, [(row, span) for _, row, span in here], self.last_token)
                pooled_here[:, : pooled.shape[1]].index_copy_(0, where.to(pooled.device), pooled)
        for own, name in zip(found, ("observed", "acted"), strict=True):
            if self.counts:
                add_token_counts(own, readings, name, self.counts)
        return found[0], found[1]

    def _rows_at_once(self, tokens: torch.Tensor) -> int:
        """How many rows [R, L] run through the backbone together. A backbone that learns keeps
        all activations anyway; of one that does not, each row is done with once it is pooled."""
        rows, longest = tokens.shape
        if self.trained or tokens.device.type != "cpu":
            return rows
        return max(1, CPU_TOKENS_READ // max(1, longest))

    def _device(self) -> torch.device:
        return next(self.models[0].parameters()).device

    def _learns(self) -> AbstractContextManager:
        return torch.set_grad_enabled(self.trained and torch.is_grad_enabled())

    def _shared(self, ids: list[list[int]], critic: list[int]) -> PrefixReader | None:
        """What rows begin with alike, read once; None: each row is read whole."""
        if not self.shares_prefixes:
            return None
        model = self.models[0]
        read = functools.partial(self._forward, model)
        with self._learns():
            return PrefixReader.of(ids, critic, read, self._using, model, self.pad_id)

    def _hidden(
        self, tokens: torch.Tensor, critic: torch.Tensor, shared: PrefixReader | None, first: int
    ) -> torch.Tensor:
        """[R, L, width] what is read of rows [R, L], the ``first`` and on, each by its critic's
        backbone."""
        with self._learns():
            if shared is not None:
                hidden = shared.hidden(tokens, critic, first)
                return self._with_words(self.models[0], tokens, hidden)
            if len(self.models) == 1:
                with self._using(critic):
                    hidden = self._forward(self.models[0], input_ids=tokens)
                return self._with_words(self.models[0], tokens, hidden)
            parts = [
                self._with_words(model, own, self._forward(model, input_ids=own))
                for c, model in enumerate(self.models)
                if len(own := tokens[critic == c])
            ]
            return torch.cat(parts)  # rows stand critic by critic

    def _using(self, critic: torch.Tensor) -> AbstractContextManager:
        """A context in which rows [R] are read by their critics' adapters."""
        if self.adapters is None:
            return nullcontext()
        slots = self.slots and torch.tensor(self.slots, device=critic.device)[critic]
        return self.adapters.use(slots)

    def _forward(self, model: nn.Module, **inputs: Any) -> torch.Tensor:
        # Right padding lies behind every place that is read: causal attention needs no mask.
        with training_mode(model, self.checkpointing and self.trained):
            return hidden_states(model, **inputs)

    def _with_words(self, model: nn.Module, ids: torch.Tensor, hidden: torch.Tensor):
        if not self.embeddings:
            return hidden
        words = model.get_input_embeddings()(ids)
        return torch.cat([words.to(hidden.dtype), hidden], -1)

    def tables(self, readings: Sequence[CriticReading]) -> list[ValueTable]:
        """Of each critic, which cells its positions read."""
        return [ValueTable.of(readings, c, self._device()) for c in range(len(self.heads))]

    def values(
        self,
        features: tuple[torch.Tensor, torch.Tensor],
        tables: Sequence[ValueTable],
        heads: Sequence[ValueHead] | None = None,
    ) -> torch.Tensor:
        """[V] float32: the values of all positions, in their order. ``heads``: others than the
        critic's own."""
        total = sum(len(table.index) for table in tables)
        values = features[0].new_zeros(total)
        for head, table in zip(heads or self.heads, tables, strict=True):
            if len(table.index):
                values = values.index_copy(0, table.index, head(*features, table))
        return values

    def parameters(self) -> dict[int, list[nn.Parameter]]:
        """The trainable tensors of each critic."""
        groups = {}
        for i, head in enumerate(self.heads):
            backbone: list[nn.Parameter] = []
            if self.trained and self.adapters is not None and self.slots is not None:
                backbone = self.adapters.parameters(self.slots[i])
            elif self.trained:
                backbone = backbone_parameters(self.models[i])
            groups[i] = [*backbone, *head.parameters()]
        return groups

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Every trainable tensor by critic and place, and the heads' units."""
        state = {
            f"{i}.{k}": tensor.detach().clone()
            for i, tensors in self.parameters().items()
            for k, tensor in enumerate(tensors)
        }
        for i, head in enumerate(self.heads):
            state |= {f"{i}.{name}": x.detach().clone() for name, x in head.named_buffers()}
        return state

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Copy a state of :meth:`state_dict`.

        Raises:
            ConfigError: it is of another kind of critic.
        """
        here = self.state_dict()
        if here.keys() != state.keys() or any(here[k].shape != state[k].shape for k in here):
            raise ConfigError(
                "the saved critic has other parameters than this run's",
                allowed="the same critics, backbone, width and history",
                fix="the --critic-* options that it was trained with",
            )
        for i, tensors in self.parameters().items():
            for k, tensor in enumerate(tensors):
                tensor.copy_(state[f"{i}.{k}"])
            for name, buffer in self.heads[i].named_buffers():
                buffer.copy_(state[f"{i}.{name}"])
