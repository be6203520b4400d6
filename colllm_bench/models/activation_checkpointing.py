"""Activation checkpointing that really engages, whatever the mode a model was left in."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from colllm_bench.models.adapters import LoRAAdapters


def enable_checkpointing(model: Any, adapters: LoRAAdapters | None) -> None:
    """Recompute each block's activations in the backward pass, under the adapters that the
    forward pass chose. Takes effect inside :func:`training_mode` only."""
    options = {"context_fn": adapters.checkpoint_contexts} if adapters is not None else {}
    function = functools.partial(checkpoint, use_reentrant=False, **options)
    model._set_gradient_checkpointing(enable=True, gradient_checkpointing_func=function)


@contextmanager
def training_mode(model: torch.nn.Module, checkpointing: bool) -> Iterator[None]:
    """``train`` mode of the checkpointed blocks, where checkpointing is wanted and gradients are
    taken.

    transformers checkpoints in ``train`` mode only, and there drops the cache that a rollout
    needs. What is inside a block stays in ``eval`` mode: dropout, jitter and the like would make
    the recomputation, and the distribution that is trained, another one.
    """
    if not (checkpointing and torch.is_grad_enabled()):
        yield
        return
    blocks = [x for x in model.modules() if getattr(x, "gradient_checkpointing", False) is True]
    for block in blocks:
        block.training = True
    try:
        yield
    finally:
        for block in blocks:
            block.training = False
