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
from colllm_bench.models.forward import hidden_states
from colllm_bench.models.loading import LoadedModel, load_base
from colllm_bench.models.shared_prefix import shared_hidden_states
from colllm_bench.models.value_head import ValueHead, ValueTable
from colllm_bench.objectives.batches import pad
from colllm_bench.objectives.critic_inputs import CriticReading, Span
from colllm_bench.seeding import torch_generator


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
        checkpointing: bool = False,
        shares_prefixes: bool = False,
        pad_id: int = 0,
    ):
        self.models, self.adapters, self.slots = models, adapters, slots
        self.heads, self.trained, self.last_token = list(heads), trained, last_token
        self.embeddings = embeddings
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
            loaded = _load(config, team, options.critic_model)
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
            )
            for i in range(critics)
        ]
        return cls(
            models, adapters, slots, heads, trained=kind != "frozen",
            last_token=options.critic_readout == "last", embeddings=options.critic_embeddings,
            checkpointing=again, pad_id=team.prompts.pad_id,
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
        critic = torch.tensor([row[0] for row in rows])
        hidden = self._hidden(ids, critic)
        pooled = []
        for name in ("observed", "acted"):
            spans = [
                (place[r, span.row], span) if (span := getattr(cell, name)) else (0, Span(0, 0, 0))
                for r, reading in enumerate(readings) for cell in reading.cells
            ]
            pooled.append(_pool(hidden, spans, self.last_token))
        return pooled[0], pooled[1]

    def _hidden(self, ids: list[list[int]], critic: torch.Tensor) -> torch.Tensor:
        """[R, L, width] what is read of rows, each by its critic's backbone."""
        device = next(self.models[0].parameters()).device
        tokens, _ = pad(ids, self.pad_id, device)
        critic = critic.to(device)
        with torch.set_grad_enabled(self.trained and torch.is_grad_enabled()):
            if len(self.models) == 1:
                return self._with_words(self.models[0], tokens, self._of_one(ids, tokens, critic))
            parts = [
                self._with_words(model, own, self._forward(model, input_ids=own))
                for c, model in enumerate(self.models)
                if len(own := tokens[critic == c])
            ]
            return torch.cat(parts)  # rows stand critic by critic

    def _of_one(
        self, ids: list[list[int]], tokens: torch.Tensor, critic: torch.Tensor
    ) -> torch.Tensor:
        """[R, L, width] hidden states of all rows by the one backbone."""
        model = self.models[0]
        if self.shares_prefixes:
            shared = shared_hidden_states(
                functools.partial(self._forward, model), ids, critic.tolist(), self._using, model,
                self.pad_id,
            )
            if shared is not None:
                return shared
        with self._using(critic):
            return self._forward(model, input_ids=tokens)

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

    def _with_words(
        self, model: nn.Module, ids: torch.Tensor, hidden: torch.Tensor
    ) -> torch.Tensor:
        if not self.embeddings:
            return hidden
        words = model.get_input_embeddings()(ids)
        return torch.cat([words.to(hidden.dtype), hidden], -1)

    def tables(self, readings: Sequence[CriticReading]) -> list[ValueTable]:
        """Of each critic, which cells its positions read."""
        device = next(self.models[0].parameters()).device
        return [ValueTable.of(readings, c, device) for c in range(len(self.heads))]

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


def _pool(hidden: torch.Tensor, spans: list[tuple[int, Span]], last: bool) -> torch.Tensor:
    """[C, width] float32: the mean over each span's tokens, or its last; 0 for an empty one."""
    if last:
        spans = [(row, Span(0, max(s.start, s.stop - 1), s.stop)) for row, s in spans]
    device = hidden.device
    length = torch.tensor([span.stop - span.start for _, span in spans], device=device)
    start = torch.tensor([span.start for _, span in spans], device=device)
    row = torch.tensor([row for row, _ in spans], device=device)
    first = length.cumsum(0) - length  # of each span's tokens among all K
    within = torch.arange(int(length.sum()), device=device) - first.repeat_interleave(length)
    tokens = hidden[row.repeat_interleave(length), start.repeat_interleave(length) + within]
    sums = torch.segment_reduce(tokens.float(), "sum", lengths=length, unsafe=True)
    return sums / length.clamp(min=1)[:, None]


def backbone_parameters(model: Any) -> list[nn.Parameter]:
    """All parameters that a value depends on: the output embedding only where it is tied."""
    inputs = model.get_input_embeddings().weight
    unused = [p for p in model.get_output_embeddings().parameters() if p is not inputs]
    return [p for p in model.parameters() if all(p is not other for other in unused)]


def _load(config: RunConfig, team: Any, backbone: str | None) -> LoadedModel:
    loaded = load_base(
        backbone or team.loaded.source,
        device=str(team.device),
        dtype=team.model.dtype,
        chat_template=config.chat_template,
        gradient_checkpointing=config.gradient_checkpointing,
        trust_remote_code=config.trust_remote_code,
    )
    # Critics read the actors' token ids: a backbone with another tokenizer cannot.
    if team.tokenizer.get_vocab() != loaded.tokenizer.get_vocab():
        raise ConfigError(
            f"critic model {loaded.name!r} has another vocabulary than {team.loaded.name!r}",
            allowed="a model with the actors' tokenizer",
            fix="leave out --critic-model, or choose one of the same family",
        )
    return loaded
