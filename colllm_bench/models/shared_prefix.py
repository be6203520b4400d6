"""Rows that begin alike run through a model from where they part.

A beginning ("prefix") runs through the model once, and the rows that have it run from there on,
seeing its keys and values: the prompt caching of inference engines, here with gradients too.
Which rows begin alike: :mod:`colllm_bench.objectives.prefixes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

from colllm_bench.models.kv_cache import AttentionWindows
from colllm_bench.models.loading import context_length
from colllm_bench.objectives.batches import pad
from colllm_bench.objectives.prefixes import Prefixes, find_prefixes
from colllm_bench.types import written

LEAST_PARAMETERS = 5_000_000
"""Of a model whose rows share prefixes. With the built-in models (0.04 to 0.4 million) what a
second pass costs in calls is what it saves in arithmetic."""
_NOWHERE = 1 << 30
"""The position of a column that holds no token: behind every query."""


class _PrefixLayer(CacheLayerMixin):
    """Keys and values [F, heads, P, d] of one layer, and how rows see them.

    Kept in float32: gradients of many micro-batches add up in them.
    """

    is_sliding = False
    is_croppable = False

    def __init__(self):
        super().__init__()
        self.index: torch.Tensor | None = None

    def lazy_initialization(self, key_states, value_states):
        self.is_initialized = True

    def update(self, key_states, value_states, *args, **kwargs):
        if self.index is None:  # the prefixes themselves
            self.keys, self.values = key_states.float(), value_states.float()
            self.lazy_initialization(key_states, value_states)
            return key_states, value_states
        kind = key_states.dtype
        return (
            torch.cat([self.keys[self.index].to(kind), key_states], 2),
            torch.cat([self.values[self.index].to(kind), value_states], 2),
        )

    def get_mask_sizes(self, query_length):
        before = self.get_seq_length()
        return before + query_length, 0

    def get_seq_length(self):
        return 0 if self.index is None else self.keys.shape[2]

    def get_max_length(self):
        return -1


class PrefixStates(Cache):
    """What prefixes look like to the rows that begin with them: a cache for a forward pass.

    Args:
        prefixes: F of them, padded to the longest, P.
        layers: of the model.
    """

    def __init__(self, prefixes: Prefixes, layers: int, device: torch.device):
        super().__init__(layers=[])
        self.layers = [_PrefixLayer() for _ in range(layers)]
        self.longest = max(map(len, prefixes.ids))
        self.device = device

    def tensors(self) -> list[torch.Tensor]:
        """Keys and values, layer by layer."""
        return [x for layer in self.layers for x in (layer.keys, layer.values)]

    def collect_gradients(self) -> None:
        """Let rows' gradients add up in the keys and values; see :func:`spread_gradients`."""
        for tensor in self.tensors():
            tensor.requires_grad_()

    def rest(
        self, ids: torch.Tensor, prefixes: Prefixes, layout: AttentionWindows, model: Any
    ) -> tuple[dict[str, Any], torch.Tensor]:
        """Inputs of ``model``'s forward pass over what follows the prefixes in ``ids`` [R, L], and
        [R] how many tokens those hold."""
        start = torch.tensor(prefixes.lengths, device=self.device)  # [R]
        positions = start[:, None] + torch.arange(max(prefixes.rests), device=self.device)
        own = ids.gather(1, positions.clamp(max=ids.shape[1] - 1))  # [R, S]
        before = torch.arange(self.longest, device=self.device).expand(len(ids), -1)
        before = before.masked_fill(before >= start[:, None], _NOWHERE)
        columns = torch.cat([before, positions], 1)  # [R, P + S]
        mask = layout.mask(positions, None, columns.shape[1], model.dtype, columns=columns)
        most = context_length(model.config)
        if most is not None:  # padding may lie beyond the positions that the model knows
            positions = positions.clamp(max=most - 1)
        index = torch.tensor(prefixes.of_row, device=self.device).clamp(min=0)
        for layer in self.layers:
            layer.index = index
        inputs = {"input_ids": own, "position_ids": positions, "attention_mask": mask,
                  "past_key_values": self, "use_cache": True}
        return inputs, start


def read_prefixes(
    prefixes: Prefixes, run: Callable[..., Any], model: Any, pad_id: int
) -> tuple[PrefixStates, Any]:
    """Run prefixes through ``model``; their states, and what ``run``, which takes the model's
    keyword arguments, returned for the ids [F, P] of all of them."""
    layers = model.config.get_text_config().num_hidden_layers
    states = PrefixStates(prefixes, layers, model.device)
    ids, _ = pad(prefixes.ids, pad_id, model.device)
    return states, run(input_ids=ids, past_key_values=states, use_cache=True)


def spread_gradients(collected: PrefixStates, again: PrefixStates) -> None:
    """Add to the parameters' gradients what rows left in ``collected``; ``again`` has the same
    prefixes, read with gradients."""
    pairs = [
        (new, old.grad) for new, old in zip(again.tensors(), collected.tensors(), strict=True)
        if old.grad is not None and new.requires_grad
    ]
    if pairs:
        torch.autograd.backward([x for x, _ in pairs], [g for _, g in pairs])


Using = Callable[[torch.Tensor], AbstractContextManager]
"""Rows' owners [R] to a context in which a model reads them with their adapters."""


class PrefixReader:
    """Hidden states of rows that begin alike, some rows at a time. Made by :meth:`of`.

    Args:
        prefixes: of all rows; they are read at once.
        read: ``model``'s keyword arguments to hidden states [rows, tokens, width].
    """

    def __init__(
        self, prefixes: Prefixes, read: Callable[..., torch.Tensor], using: Using, model: Any,
        pad_id: int,
    ):
        self.prefixes, self._read, self._using, self._model = prefixes, read, using, model
        with using(torch.tensor(prefixes.owner, device=model.device)):
            self._states, self._first = read_prefixes(prefixes, read, model, pad_id)  # [F, P, w]

    @classmethod
    def of(
        cls, rows: Sequence[Sequence[int]], owners: Sequence[int], *args: Any
    ) -> PrefixReader | None:
        """A reader of ``rows`` [R] of token ids, each with an owner; None where sharing does not
        pay. ``args`` are those behind ``prefixes``."""
        prefixes = find_prefixes(rows, owners, [len(row) - 1 for row in rows])
        return None if prefixes is None else cls(prefixes, *args)

    def hidden(self, ids: torch.Tensor, owners: torch.Tensor, first: int) -> torch.Tensor:
        """[R, L, width] hidden states of rows ``first`` and on: ``ids`` [R, L], right-padded, of
        ``owners`` [R]."""
        own = self.prefixes.of(range(first, first + len(ids)))
        layout = written(AttentionWindows.of(self._model.config.get_text_config()))
        inputs, start = self._states.rest(ids, own, layout, self._model)
        with self._using(owners):
            rest = self._read(**inputs)  # [R, S, width]
        before = self._first[self._states.layers[0].index]  # [R, P, width]
        columns = torch.arange(ids.shape[1], device=ids.device).expand(len(ids), -1)  # [R, L]
        behind = (columns - start[:, None]).clamp(max=rest.shape[1] - 1) + self._states.longest
        place = torch.where(columns < start[:, None], columns, behind)
        both = torch.cat([before, rest], 1)  # [R, P + S, width]
        return both.gather(1, place[:, :, None].expand(-1, -1, rest.shape[2]))
