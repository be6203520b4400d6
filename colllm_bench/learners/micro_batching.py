"""How many episodes fit into one forward and backward pass, told before memory runs out.

Activations dominate a training step: weights are shared and adapters small. Their size follows
from the architecture and the number of tokens, so a batch is cut into micro-batches that fit,
and a model that cannot fit at all is refused before the first step.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from colllm_bench import processes
from colllm_bench.errors import ConfigError
from colllm_bench.models.model_shape import shape_of
from colllm_bench.objectives.batches import (
    TokenBatch,
    action_tokens,
    collate,
    padded_tokens,
    shared_prefixes,
)
from colllm_bench.types import Episode

CPU_TOKENS = 4_096
"""On a CPU a larger micro-batch only falls out of the caches: with 1.1M parameters one episode at
a time is as fast as sixteen and takes 300 MiB less, with the built-in model pieces of four
episodes cost 5% of the time (results/benchmarks)."""

CPU_BYTES = 2**30
"""On a CPU more activations than these save no time, once weights are read for hundreds of
tokens at a time."""


def activation_bytes_per_token(model: Any, checkpointing: bool) -> int:
    """Bytes that the backward pass keeps for each token of a transcript.

    A block keeps about 8 tensors of the model's width, 4 of the attention's (all heads together)
    and 4 of the feed-forward width: the inputs of its linear layers and norms, queries, keys,
    values, the attention's output, and both sides of the gate. With checkpointing it keeps its
    input, and one block all the rest.
    """
    layers, width, attention, _, inner = shape_of(model)
    block = 8 * width + 4 * attention + 4 * inner
    kept = layers * width + block if checkpointing else layers * block
    return kept * model.dtype.itemsize


LOGIT_BYTES = 16
"""Bytes that a loss takes for each action token and entry of the vocabulary: logits as computed
and in float32, and their gradients (of the gathered entry, of the normalizer, as passed on)."""


@dataclass(frozen=True)
class MicroBatchSizer:
    """Chooses how many episodes go through the model at once.

    Attributes:
        bytes_per_token: see :func:`activation_bytes_per_token`.
        budget: bytes that activations may take.
        tokens: most tokens at once, whatever the budget; None for no limit.
        fixed: the user's own choice of episodes, or None.
        bytes_per_action: what the logits of an action token take (:data:`LOGIT_BYTES`).
    """

    bytes_per_token: int
    budget: int
    tokens: int | None = None
    fixed: int | None = None
    bytes_per_action: int = 0

    @classmethod
    def for_model(
        cls, model: Any, config: Any, device: torch.device, learns: bool = True
    ) -> MicroBatchSizer:
        """The choice for ``model`` on ``device``: half of what the device has, weights aside.
        Where ``model`` does not learn, no activations are kept for gradients.

        Decided by the machine's total memory, never by what is free at the moment: a run that
        is resumed must be cut as it was.
        """
        bytes_ = activation_bytes_per_token(model, config.gradient_checkpointing)
        weights = sum(p.numel() * p.element_size() for p in model.parameters())
        total = total_memory(device)
        if weights > total:
            raise ConfigError(
                f"the model's weights take {weights / 2**30:.1f} GiB and {device} has "
                f"{total / 2**30:.1f} GiB",
                fix="a smaller --model, or --dtype bfloat16",
            )
        most = min(CPU_TOKENS, CPU_BYTES // bytes_) if learns else CPU_TOKENS
        return cls(
            bytes_per_token=bytes_,
            budget=(total - weights) // 2,
            tokens=most if device.type == "cpu" else None,
            fixed=config.micro_batch,
            bytes_per_action=LOGIT_BYTES * model.get_output_embeddings().weight.shape[0],
        )

    def episodes(self, tokens_per_episode: int, actions_per_episode: int = 0) -> int:
        """How many episodes of that many tokens (all agents together, padding included).

        Args:
            actions_per_episode: tokens whose logits are computed; 0 for a critic.

        Raises:
            ConfigError: not even one fits.
        """
        if self.fixed is not None:
            return self.fixed
        need = tokens_per_episode * self.bytes_per_token
        need += actions_per_episode * self.bytes_per_action
        if need > self.budget:
            raise ConfigError(
                f"one episode of {tokens_per_episode} tokens needs about {need / 2**30:.1f} GiB of "
                f"activations, and {self.budget / 2**30:.1f} GiB are left for them",
                fix="--gradient-checkpointing, fewer agents or turns, or --micro-batch 1 to try",
            )
        size = self.budget // need
        if self.tokens is not None:
            size = min(size, self.tokens // tokens_per_episode)
        return max(1, size)


def micro_batches(
    episodes: Sequence[Episode], sizes: MicroBatchSizer, team: Any
) -> list[TokenBatch]:
    """The transcripts of ``episodes`` in pieces that fit.

    Where ``team`` (a :class:`colllm_bench.models.team_policy.TeamPolicy`) shares what rows begin
    with alike, all pieces have the same ``prefixes``, and episodes of like lengths stand
    together, which leaves little padding.
    """
    if not episodes:
        return []
    count, agents = len(episodes), len(episodes[0].trajectories)
    shared = shared_prefixes(episodes) if team.shares_prefixes else None
    tokens, order = padded_tokens(episodes), list(range(count))
    if shared is not None:
        rests = shared.rests  # row a * count + e is agent a's in episode e
        longest = [max(rests[e::count]) for e in range(count)]
        tokens = agents * max(longest)
        order.sort(key=lambda e: -longest[e])
    size = sizes.episodes(tokens, action_tokens(episodes))
    pieces, pad = [], team.prompts.pad_id
    for part in (order[i : i + size] for i in range(0, count, size)):
        rows = [a * count + e for a in range(agents) for e in part]
        own = None if shared is None else shared.of(rows)
        pieces.append(collate([episodes[e] for e in part], pad, team.device, own))
    return pieces


def total_memory(device: torch.device) -> int:
    """Bytes of memory that ``device`` has in all; of the machine's, this process's part."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return whole // processes.on_this_machine()
