"""The one-token step of decoding through torch.compile, on CUDA with CUDA graphs.

A step launches some 75 kernels a layer, and on a GPU that is what it costs. Compiled code and
CUDA graphs want shapes and addresses that come again, and a ragged cache that grows has neither:
here buffers grow in steps of 64 columns at least, a step reads them whole (a mask hides what no row
has written yet), rows are dropped by halves, and on CUDA keys and values lie where those of the
rollout before lay.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.nn import functional as F
from transformers.cache_utils import Cache, CacheLayerMixin
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from colllm_bench.errors import ConfigError
from colllm_bench.models.decoding import DecodingSession
from colllm_bench.models.forward import RowGroup
from colllm_bench.models.kv_cache import RaggedKVCache
from colllm_bench.models.multi_lora import SteadyRouting

COLUMNS = 64
"""Buffers of keys and values have a multiple of so many columns."""
BACKEND = "inductor"
"""Of torch.compile."""
_PACKED = "colllm_bench_packed_sdpa"


class _StepLayer(CacheLayerMixin):
    """Keys and values [rows, heads, columns, d] of one layer; row r's token goes to column
    ``first[r]``."""

    is_sliding = False

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, first: torch.Tensor):
        super().__init__()
        self.keys, self.values, self.is_initialized = keys, values, True
        self.first, self.rows = first, torch.arange(len(first), device=first.device)

    def lazy_initialization(self, key_states, value_states):
        raise RuntimeError("a step's layer has its keys and values from the start")

    def update(self, key_states, value_states, *args, **kwargs):
        self.keys[self.rows, :, self.first] = key_states[:, :, 0]
        self.values[self.rows, :, self.first] = value_states[:, :, 0]
        return self.keys, self.values

    def get_mask_sizes(self, query_length):
        return self.keys.shape[2], 0

    def get_seq_length(self):
        return self.keys.shape[2]

    def get_max_length(self):
        return -1


def packed_attention(module, query, key, value, attention_mask, scaling=None, **options):
    """transformers' ``sdpa`` for one query a row: heads that share keys stand as queries of one
    head. Under torch.compile transformers would copy the keys for each of them."""
    rows, heads, tokens, _ = query.shape
    plain = tokens == 1 and attention_mask is not None and attention_mask.shape[1] == 1
    if not plain or options.get("position_bias") is not None or options.get("softcap") is not None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **options
        )
    packed = query.reshape(rows, key.shape[1], heads // key.shape[1], -1)
    found = F.scaled_dot_product_attention(packed, key, value, attention_mask, scale=scaling)
    return found.reshape(rows, 1, heads, -1), None


ALL_ATTENTION_FUNCTIONS.register(_PACKED, packed_attention)


class CompiledDecoding:
    """The compiled step of a team, made once.

    Args:
        team: a :class:`colllm_bench.models.team_policy.TeamPolicy`.

    Raises:
        ConfigError: a copy of the model for each agent, or a model whose cache cannot hold rows of
            different lengths.
    """

    def __init__(self, team: Any):
        if team.adapters is None:
            raise ConfigError(
                f"--compile-decoding with tuning {team.config.tuning!r}", allowed="lora"
            )
        if not team.supports_kv_cache:
            raise ConfigError(
                f"--compile-decoding with {type(team.model).__name__}, whose cache cannot hold "
                "rows of different lengths",
                fix="leave it out",
            )
        self.team, self._routing = team, None
        self._weights_of: Any = None
        on_cuda = team.device.type == "cuda"
        self.steady = SteadyBuffers() if on_cuda else None
        graphs = on_cuda and BACKEND == "inductor"
        options = {"mode": "reduce-overhead"} if graphs else {}
        self._call = torch.compile(self._step(), backend=BACKEND, **options)

    def session(self, episodes: int, **options: Any) -> CompiledSession:
        """See :meth:`colllm_bench.models.team_policy.TeamPolicy.session`."""
        return CompiledSession(self.team, episodes, compiled=self, **options)

    def _step(self):
        model, layout, dtype = self.team.model, self.team.layout, self.team.model.dtype
        most = self.team.prompts.context_length

        def step(tokens, first, *buffers):
            layers = [
                _StepLayer(keys, values, first) for keys, values in zip(buffers[::2], buffers[1::2])
            ]
            positions = first[:, None]
            mask = layout.mask(positions, None, buffers[0].shape[2], dtype)
            if most is not None:
                positions = positions.clamp(max=most - 1)
            return model(
                input_ids=tokens, position_ids=positions, attention_mask=mask,
                past_key_values=Cache(layers=layers), use_cache=True,
            ).logits[:, 0]

        return step

    def logits(
        self, group: RowGroup, cache: RaggedKVCache, tokens: torch.Tensor, first: torch.Tensor,
        longest: int,
    ) -> torch.Tensor:
        """[rows, vocabulary] logits after one more of ``tokens`` [rows, 1] in each row.

        Args:
            first: [rows] each row's length so far.
            longest: the largest of them.

        Raises:
            ConfigError: torch.compile cannot: no compiler, or a model that it does not take.
        """
        cache.place(first, 1, longest, uniform=False)
        for layer in cache.layers:
            layer.grow()
        if self.steady is not None:
            self.steady.settle(cache)
        self._read_weights(group)
        buffers = [x for layer in cache.layers for x in (layer.keys, layer.values)]
        for tensor in (tokens, first, *buffers):
            torch._dynamo.maybe_mark_dynamic(tensor, 0)
        for tensor in buffers:
            torch._dynamo.maybe_mark_dynamic(tensor, 2)
        torch.compiler.cudagraph_mark_step_begin()
        with group.adapters.using(self._routing), packed_heads(group.model.config):
            try:
                return self._call(tokens, first, *buffers)
            except torch._dynamo.exc.TorchDynamoException as error:
                raise ConfigError(
                    f"torch.compile cannot compile {type(group.model).__name__} here: "
                    f"{_first_line(error)}",
                    fix="leave out --compile-decoding; on a CPU it needs a C++ compiler (g++)",
                ) from error

    def _read_weights(self, group: RowGroup) -> None:
        if self._weights_of is group.routing:
            return
        if self._routing is None:
            self._routing = SteadyRouting(group.routing.slots)
        self._routing.read(group.routing, group.adapters.layers.values())
        self._weights_of = group.routing


class SteadyBuffers:
    """Memory for keys and values that stays where it is from rollout to rollout: CUDA graphs have
    addresses in them. The caches of two sessions at a time have it in turn."""

    def __init__(self):
        self._storage: list[torch.Tensor] = []
        self._owner: weakref.ref | None = None

    def settle(self, cache: RaggedKVCache) -> None:
        """Move keys and values of ``cache`` here, where they are not yet."""
        owner = self._owner() if self._owner is not None else None
        if owner is not cache:
            if owner is not None:  # it goes on: leave it what it has
                self._storage = []
            self._owner = weakref.ref(cache)
        for number, layer in enumerate(cache.layers):
            layer.keys = self._place(2 * number, layer.keys)
            layer.values = self._place(2 * number + 1, layer.values)

    def _place(self, number: int, tensor: torch.Tensor) -> torch.Tensor:
        if number == len(self._storage):
            self._storage.append(tensor.new_empty(0))
        flat = self._storage[number]
        if flat.numel() and tensor.data_ptr() == flat.data_ptr():
            return tensor
        if flat.numel() < tensor.numel():
            flat = self._storage[number] = tensor.new_empty(tensor.numel())
        placed = flat[: tensor.numel()].view(tensor.shape).copy_(tensor)
        torch._dynamo.mark_static_address(placed)
        return placed


class CompiledSession(DecodingSession):
    """A :class:`DecodingSession` whose one-token steps are compiled.

    Its cache has rows for E, E/2, E/4, ... episodes: where fewer are left, the last of each
    agent's stands in several rows.
    """

    column_multiple = COLUMNS
    leaves_out_rows = False

    def __init__(self, team: Any, episodes: int, *, compiled: CompiledDecoding, **options: Any):
        self._compiled, self._size = compiled, episodes  # rows of each agent in the cache
        self._index: torch.Tensor | None = None  # [cache rows] the row that stands there
        self._index_on_host: list[int] = []
        super().__init__(team, episodes, **options)

    def _agent_of_row(self) -> torch.Tensor:
        return torch.arange(self.agents, device=self.device).repeat_interleave(self._size)

    def _keep_caches(self, rows: Sequence[int]) -> None:
        left, before = self.episodes, self._size
        kept = rows[:left]  # agent 0's: the episodes
        while self._size // 2 >= left:
            self._size //= 2
        fill = self._size - left
        super()._keep_caches([a * before + e for a in range(self.agents)
                              for e in (*kept, *kept[-1:] * fill)])
        own = [*range(left), *[left - 1] * fill]
        self._index_on_host = [a * left + e for a in range(self.agents) for e in own]
        self._index = torch.tensor(self._index_on_host, device=self.device) if fill else None

    def _begin(self, feeds: list[list[int]]) -> list[list[int]]:
        left = super()._begin(feeds)
        if self._index is not None:
            self._caches[0].keep(self._index)
        return left

    def _cached_logits(
        self, ids: torch.Tensor, first: torch.Tensor, starts: list[int], counts: list[int] | None
    ) -> torch.Tensor:
        index = self._index
        if index is not None:
            host = self._index_on_host
            ids, first, starts = ids[index], first[index], [starts[row] for row in host]
            counts = None if counts is None else [counts[row] for row in host]
        if counts is None:
            logits = self._compiled.logits(
                self._groups[0], self._caches[0], ids, first, max(starts)
            )
        else:
            logits = super()._cached_logits(ids, first, starts, counts)
        if index is None:
            return logits
        rows = logits.view(self.agents, self._size, -1)  # the first of each agent's are its own
        return rows[:, : self.episodes].flatten(0, 1)


@contextlib.contextmanager
def packed_heads(config: Any) -> Iterator[None]:
    """Attention of ``config``'s model is :func:`packed_attention` where it is ``sdpa``."""
    config, before = config.get_text_config(), config._attn_implementation
    if before != "sdpa":
        yield
        return
    config._attn_implementation = _PACKED
    try:
        yield
    finally:
        config._attn_implementation = before


def _first_line(error: BaseException) -> str:
    """What went wrong, without the trace that torch appends."""
    error = getattr(error, "inner_exception", error)
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
