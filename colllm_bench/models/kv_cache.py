"""Keys and values of whole transcripts, kept from turn to turn.

Column equals position: row r's token at position p lies in column p, whatever the other rows
do. Rows of different lengths leave no holes; what a short row has behind its end is junk that
the causal mask hides until real tokens overwrite it. Writing is in place into buffers that
grow by half, where ``DynamicCache`` copies everything at every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

_FIRST_COLUMNS = 64
_KNOWN = {
    "sliding_window",
    "sliding_window_pattern",
    "_sliding_window_pattern",
    "max_window_layers",
    "use_sliding_window",
    "chunk_size_feed_forward",
}
"""Configuration fields about windows that are accounted for, or are not about attention."""


class _WritePlan:
    """Where the next forward call's tokens go; shared by a cache and its layers.

    The layers do not point at their cache: a cycle would keep the buffers of a finished
    rollout alive until the garbage collector happens to run.
    """

    def __init__(self, multiple: int):
        self.columns = self.start = self.stop = 0
        self._multiple = multiple

    def set(self, starts: torch.Tensor, tokens: int, longest: int, uniform: bool) -> None:
        self.start, self.stop = longest, longest + tokens
        self._starts, self._uniform, self._flat = starts, uniform, {}
        if self.stop > self.columns:
            self.reserve(max(self.stop, _FIRST_COLUMNS, self.columns * 3 // 2))

    def reserve(self, columns: int) -> None:
        """Buffers have ``columns`` from now on, rounded up."""
        self.columns = -(-columns // self._multiple) * self._multiple

    def write(self, buffer: torch.Tensor, new: torch.Tensor) -> None:
        """Put ``new`` [rows, heads, tokens, d] into its places in ``buffer``."""
        rows, heads, tokens, width = new.shape
        if self._uniform:
            buffer[:, :, self.start : self.stop] = new
            return
        flat = self._flat.get(heads)
        if flat is None:
            device = new.device
            lines = torch.arange(rows * heads, device=device).view(rows, heads, 1) * self.columns
            steps = torch.arange(tokens, device=device)
            flat = (lines + self._starts.view(-1, 1, 1) + steps).reshape(-1)
            self._flat[heads] = flat
        buffer.view(-1, width).index_copy_(0, flat, new.reshape(-1, width))


class RaggedCacheLayer(CacheLayerMixin):
    """One attention layer of a :class:`RaggedKVCache`; ``keys`` is [rows, heads, columns, d]."""

    is_sliding = False
    is_croppable = False

    def __init__(self, places: _WritePlan):
        super().__init__()
        self.places = places

    def take(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Hold ``keys`` and ``values``."""
        self.dtype, self.device = keys.dtype, keys.device
        self.keys, self.values, self.is_initialized = keys, values, True

    def lazy_initialization(self, key_states, value_states):
        self.dtype, self.device = key_states.dtype, key_states.device
        self.keys, self.values = (
            x.new_zeros(*x.shape[:2], self.places.columns, x.shape[3])
            for x in (key_states, value_states)
        )
        self.is_initialized = True

    def update(self, key_states, value_states, *args, **kwargs):
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        places = self.places
        self.grow()
        places.write(self.keys, key_states)
        places.write(self.values, value_states)
        return self.keys[:, :, : places.stop], self.values[:, :, : places.stop]

    def grow(self) -> None:
        """As many columns as are planned."""
        if self.keys.shape[2] < self.places.columns:
            self.keys = _wider(self.keys, self.places.columns)
            self.values = _wider(self.values, self.places.columns)

    def get_mask_sizes(self, query_length):
        return self.places.stop, 0

    def get_seq_length(self):
        return self.places.start

    def get_max_length(self):
        return -1


class RaggedKVCache(Cache):
    """A cache whose rows have lengths of their own.

    Before every forward call :meth:`place` says where each row's new tokens go.

    Args:
        layers: of the model.
        multiple: buffers have a multiple of so many columns.
    """

    def __init__(self, layers: int, multiple: int = 1):
        super().__init__(layers=[])
        self.places = _WritePlan(multiple)
        self.layers = [RaggedCacheLayer(self.places) for _ in range(layers)]

    @property
    def stop(self) -> int:
        """Columns in use after the placed tokens."""
        return self.places.stop

    def place(self, starts: torch.Tensor, tokens: int, longest: int, uniform: bool) -> None:
        """The next forward call writes ``tokens`` columns of each row from ``starts`` [rows].

        Args:
            longest: the largest of ``starts``.
            uniform: whether all of ``starts`` are equal.
        """
        self.places.set(starts, tokens, longest, uniform)

    def begin(self, tensors: Sequence[torch.Tensor], index: torch.Tensor, dtype: torch.dtype):
        """Start an empty cache: row r begins with entry ``index[r]`` of ``tensors``, each layer's
        keys and values [F, heads, P, d] in turn. What a row does not begin with is junk behind
        its length, as everywhere here."""
        longest = tensors[0].shape[2]
        self.places.reserve(max(longest, _FIRST_COLUMNS))
        for layer, keys, values in zip(self.layers, tensors[::2], tensors[1::2], strict=True):
            first = (x.to(dtype)[index] for x in (keys, values))
            layer.take(*(_wider(x, self.places.columns) for x in first))

    def some(self, rows: torch.Tensor) -> RaggedKVCache:
        """A cache of ``rows`` alone, to go on with; see :meth:`put_back`."""
        fewer = RaggedKVCache(len(self.layers))
        fewer.places.columns = self.places.columns
        for layer, whole in zip(fewer.layers, self.layers, strict=True):
            layer.take(whole.keys.index_select(0, rows), whole.values.index_select(0, rows))
        return fewer

    def put_back(self, fewer: RaggedKVCache, rows: torch.Tensor) -> None:
        """Write what :meth:`some` gave, with what was written since, over ``rows``."""
        self.places.columns = fewer.places.columns
        for whole, layer in zip(self.layers, fewer.layers, strict=True):
            whole.grow()
            width = layer.keys.shape[2]
            whole.keys[rows, :, :width] = layer.keys
            whole.values[rows, :, :width] = layer.values

    def keep(self, rows: torch.Tensor) -> None:
        """Only ``rows`` go on."""
        for layer in self.layers:
            if layer.is_initialized:
                layer.keys = layer.keys.index_select(0, rows)
                layer.values = layer.values.index_select(0, rows)


@dataclass(frozen=True)
class AttentionWindows:
    """What a model's layers may look back at: ``{"full_attention": None}``, a window, or both.

    Attributes:
        windows: for each kind of layer, how many tokens it sees (None: all before it).
    """

    windows: dict[str, int | None]

    @classmethod
    def of(cls, config: Any) -> AttentionWindows | None:
        """The layout of a configuration; None if it has layers that are no attention, or
        attention of another shape (chunks, other windows, linear attention, state spaces)."""
        for name, value in config.to_dict().items():
            other = "window" in name or "chunk" in name
            if other and name not in _KNOWN and isinstance(value, int) and value > 0:
                return None
        window = getattr(config, "sliding_window", None)
        kinds = set(getattr(config, "layer_types", None) or ())
        if not kinds:
            kinds = {"sliding_attention" if window else "full_attention"}
        if not kinds <= {"full_attention", "sliding_attention"}:
            return None
        windows = {k: window if k == "sliding_attention" else None for k in sorted(kinds)}
        return cls(windows)

    def mask(
        self,
        positions: torch.Tensor,
        start: int | None,
        stop: int,
        dtype: torch.dtype,
        columns: torch.Tensor | None = None,
    ) -> torch.Tensor | dict[str, torch.Tensor] | None:
        """The additive mask of new tokens against the columns of a :class:`RaggedKVCache`.

        Args:
            positions: [rows, T] of the new tokens.
            start: where they start, if all rows start alike, else None.
            stop: columns in all.
            columns: [rows, stop] the position of what stands in each; None: its number.

        Returns:
            [rows or 1, 1, T, stop]; one of each kind for models that mix kinds; None where
            transformers' own causal default is the same and faster.
        """
        narrow = any(w is not None and w < stop for w in self.windows.values())
        if start is not None:
            if start == 0 or (positions.shape[1] == 1 and not narrow):
                return None
            positions = positions[:1]
        if columns is None:
            columns = torch.arange(stop, device=positions.device)
        else:
            columns = columns[:, None, None, :]
        masks = {}
        for kind, window in self.windows.items():
            here = positions[:, None, :, None]
            hidden = columns > here
            if window is not None and window < stop:
                hidden |= columns <= here - window
            mask = torch.zeros(hidden.shape, dtype=dtype, device=positions.device)
            masks[kind] = mask.masked_fill_(hidden, torch.finfo(dtype).min)
        return masks if len(masks) > 1 else mask


def _wider(x: torch.Tensor, columns: int) -> torch.Tensor:
    wider = x.new_zeros(*x.shape[:2], columns, x.shape[3])
    wider[:, :, : x.shape[2]] = x
    return wider
