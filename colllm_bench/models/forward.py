"""How rows run through a model: groups of rows, with or without a cache, and logits at chosen
places only."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from colllm_bench.models.adapters import LoRAAdapters
from colllm_bench.models.kv_cache import AttentionWindows, RaggedKVCache
from colllm_bench.models.multi_lora import AdapterRouting
from colllm_bench.models.probes import rounding, trial_ids


class LogitsAt:
    """Lets a model compute logits at chosen places only.

    A hook on the output embedding picks hidden states before it runs, so whatever an
    architecture does to its logits afterwards (soft caps, scales) still happens.
    """

    def __init__(self, model: torch.nn.Module):
        self.places: tuple[torch.Tensor, torch.Tensor] | None = None
        self.picks = True
        model.get_output_embeddings().register_forward_pre_hook(self._pick)
        self.picks = self._agrees(model)

    def _pick(self, _module, args):
        return (args[0][self.places].unsqueeze(0),) if self.places is not None else None

    def logits(self, model: torch.nn.Module, places, **inputs: Any) -> torch.Tensor:
        """[P, vocabulary] at ``places``, a pair of row [P] and column [P]."""
        if not self.picks:
            return model(**inputs).logits[places]
        self.places = places
        try:
            return model(**inputs).logits[0]
        finally:
            self.places = None

    @torch.no_grad()
    def _agrees(self, model: torch.nn.Module) -> bool:
        """Whether the picked places get the logits that they have among all; tried, because a
        model may do what it likes with what comes out of its output embedding."""
        ids = trial_ids(model)
        rows, columns = (torch.tensor(x, device=ids.device) for x in ([1, 0, 1], [0, 2, 3]))
        whole = model(input_ids=ids, use_cache=False).logits[rows, columns].float()
        try:
            picked = self.logits(model, (rows, columns), input_ids=ids, use_cache=False).float()
        except Exception:  # a foreign architecture may fail in any way
            return False
        allowed = rounding(model) * whole.std()
        return picked.shape == whole.shape and bool((picked - whole).abs().max() <= allowed)


@dataclass
class ActionLogprobs:
    """Log-probabilities [K] of a batch's action tokens, and the policy's entropy [K] there
    (None unless asked for); float32, row by row, left to right."""

    logprobs: torch.Tensor
    entropy: torch.Tensor | None = None


@dataclass
class RowGroup:
    """Rows that run through one model together; ``rows`` None means all of them."""

    model: torch.nn.Module
    gather: LogitsAt
    rows: torch.Tensor | None
    adapters: LoRAAdapters | None = None
    routing: AdapterRouting | None = None

    def logits(self, places, **inputs: Any) -> torch.Tensor:
        """[P, vocabulary] at ``places``, with the rows' adapters on."""
        if self.adapters is None:
            return self.gather.logits(self.model, places, **inputs)
        with self.adapters.using(self.routing):
            return self.gather.logits(self.model, places, **inputs)

    def part(
        self, ids: torch.Tensor, rows: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of tokens in ``rows`` [K] of ``ids``: which are the group's [its K], the group's rows
        of ``ids``, and the tokens' rows among those [its K]."""
        if self.rows is None:
            return torch.arange(len(rows), device=rows.device), ids, rows
        place = torch.full((len(ids),), -1, device=rows.device)  # [rows]
        place[self.rows] = torch.arange(len(self.rows), device=rows.device)
        tokens = (place[rows] >= 0).nonzero()[:, 0]
        return tokens, ids[self.rows], place[rows[tokens]]

    def restrict(self, fewer: RowGroup) -> AdapterRouting | None:
        """The routing of ``fewer``, which has some of these rows."""
        if fewer.routing is None:
            return None
        return fewer.routing.reuse_weights_of(self.routing)


def hidden_states(model: torch.nn.Module, **inputs: Any) -> torch.Tensor:
    """[rows, T, width] what the output embedding of ``model`` reads, for ``input_ids``
    [rows, T] and other ``inputs`` of the model's."""
    inputs = {"use_cache": False} | inputs
    if model.base_model is not model:
        output = model.base_model(**inputs)
        if getattr(output, "last_hidden_state", None) is not None:
            return output.last_hidden_state
    seen: list[torch.Tensor] = []  # a model without a backbone of its own: read it on the way

    def keep_and_cut(_module, args):
        seen.append(args[0])
        return (args[0][:, -1:],)  # logits that nobody reads, of one token

    hook = model.get_output_embeddings().register_forward_pre_hook(keep_and_cut)
    try:
        model(**inputs)
    finally:
        hook.remove()
    return seen[0]


def score_tokens(
    logits: torch.Tensor, targets: torch.Tensor, temperature: float, with_entropy: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Log-probability [K] of ``targets`` and entropy [K] of ``softmax(logits / temperature)``,
    in float32; ``logits`` is [K, vocabulary]."""
    logits = logits.float()
    if temperature != 1.0:
        logits = logits / temperature
    total = torch.logsumexp(logits, dim=-1)
    logprobs = logits.gather(1, targets[:, None])[:, 0] - total
    if not with_entropy:
        return logprobs, None
    mean = (torch.softmax(logits, dim=-1) * logits).sum(-1)
    return logprobs, total - mean


def cached_forward(
    group: RowGroup,
    cache: RaggedKVCache,
    ids: torch.Tensor,
    first: torch.Tensor,
    starts: Sequence[int],
    last: torch.Tensor,
    layout: AttentionWindows,
    context_length: int | None,
) -> torch.Tensor:
    """Append ``ids`` [rows, T] to the rows of a cache; [rows, vocabulary] logits at ``last``.

    Args:
        first: [rows] each row's length so far: where its first new token stands.
        starts: the same numbers on the host.
        last: [rows] the column of ``ids`` whose logits are wanted.
    """
    rows, width = ids.shape
    low, high = min(starts), max(starts)  # on the host: a GPU need not be waited for
    cache.place(first, width, high, low == high)
    positions = first[:, None] + torch.arange(width, device=ids.device)  # [rows, T]
    mask = layout.mask(positions, high if low == high else None, cache.stop, group.model.dtype)
    if context_length is not None:
        # Padding behind a row's end may lie beyond the positions that the model knows.
        positions = positions.clamp(max=context_length - 1)
    return group.logits(
        (torch.arange(rows, device=ids.device), last),
        input_ids=ids,
        position_ids=positions,
        attention_mask=mask,
        past_key_values=cache,
        use_cache=True,
    )


def try_kv_cache(
    group: RowGroup, layout: AttentionWindows | None, context_length: int | None
) -> bool:
    """:func:`kv_cache_matches_full_forward` of any architecture; warns where it does not."""
    agrees = False
    if layout is not None:
        try:
            agrees = kv_cache_matches_full_forward(group, layout, context_length)
        except Exception:  # a foreign architecture may refuse the cache in any way it likes
            agrees = False
    if not agrees:
        warnings.warn(
            f"{type(group.model).__name__} cannot keep rows of different lengths in its cache: "
            "every token is computed from the whole transcript, which is slow",
            stacklevel=3,
        )
    return agrees


@torch.no_grad()
def kv_cache_matches_full_forward(
    group: RowGroup, layout: AttentionWindows, context_length: int | None
) -> bool:
    """Whether ``group`` computes the same for ragged rows in two pieces as in one; with windows,
    also when they are shorter than the pieces (some models ignore the window they name)."""
    if not _cache_agrees(group, layout, context_length):
        return False
    if all(window is None for window in layout.windows.values()):
        return True
    config = group.model.config.get_text_config()
    window, config.sliding_window = config.sliding_window, 4
    narrow = AttentionWindows({k: w and 4 for k, w in layout.windows.items()})
    try:
        return _cache_agrees(group, narrow, context_length)
    finally:
        config.sliding_window = window


def _cache_agrees(group: RowGroup, layout: AttentionWindows, context_length: int | None) -> bool:
    device = group.model.device
    ids = trial_ids(group.model, tokens=10)
    none, first, second = torch.tensor([[0, 0], [6, 3], [4, 2]], device=device)
    cache = RaggedKVCache(group.model.config.get_text_config().num_hidden_layers)
    cached_forward(group, cache, ids[:, :6], none, [0, 0], first - 1, layout, context_length)
    starts = first.tolist()
    piece = torch.stack([row[n : n + 4] for row, n in zip(ids, starts, strict=True)])
    split = cached_forward(
        group, cache, piece, first, starts, second - 1, layout, context_length
    )
    rows = torch.arange(2, device=device)
    whole = group.logits((rows, first + second - 1), input_ids=ids, use_cache=False)
    # A wrong cache is off by the logits' own spread; rounding by far less. Half precision amplifies
    # it: two pieces moved single ones of 262,144 logits of Gemma 3 270M by .29 of the spread, those
    # of one row by .16 on average (root mean square), and in float32 all by less than .00002.
    gap, spread = (split - whole).float(), whole.float().std()
    if whole.dtype == torch.float32:
        return bool(gap.abs().max() <= 1e-3 * spread)
    return bool(gap.square().mean(-1).max().sqrt() <= 0.3 * spread)
