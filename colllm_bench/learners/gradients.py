"""Gradients of one optimizer step: whose they are, how they are weighed and clipped."""

from __future__ import annotations

import math
from typing import Any

import torch

from colllm_bench.errors import RunError


def per_owner_weights(owner: torch.Tensor, totals: torch.Tensor) -> torch.Tensor:
    """[K] weight of each unit such that those of one owner sum to 1 over an optimizer step.

    Args:
        owner: [K] whose unit it is (a policy's or a critic's slot).
        totals: [owners] units of each in the whole step, all micro-batches together.
    """
    return 1.0 / totals.clamp(min=1)[owner].float()


def clip_gradients(groups: dict[Any, list[torch.Tensor]], limit: float) -> float:
    """Clip each owner's gradient to norm ``limit`` on its own; the mean norm before clipping.

    One policy's outlier must not shrink its teammates' steps.

    Raises:
        RunError: a gradient is infinite or no number: a step would destroy the weights.
    """
    norms = [torch.nn.utils.clip_grad_norm_(tensors, limit) for tensors in groups.values()]
    norm = float(torch.stack(norms).mean())
    if not math.isfinite(norm):
        raise RunError(
            f"the norm of a gradient is {norm}, and no step was made of it; fix: a smaller --lr "
            "(or --critic-lr), or in an algorithm of your own a loss and returns that are finite"
        )
    return norm
