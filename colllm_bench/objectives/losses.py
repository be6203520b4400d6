"""Losses of actors and critics: pure functions of tensors.

Each sums ``weight * loss`` over its K units (tokens, or turns). The harness chooses the
weights so that they sum to 1 for every policy over a whole optimizer step; gradients are
then the same however the step is cut into micro-batches.
"""

from __future__ import annotations

import torch


def log_ratios(
    logprobs: torch.Tensor, old: torch.Tensor, turn: torch.Tensor, per: str
) -> torch.Tensor:
    """[K] log importance ratio of each action token, new policy over the sampling one.

    Args:
        logprobs, old: [K] log-probabilities of the action tokens.
        turn: [K] the number of the turn of each token.
        per: ``token``, or ``turn``: the whole turn's ratio (the sum of its tokens' logs) on
            each of its tokens.
    """
    difference = logprobs - old
    if per == "token":
        return difference
    sums = torch.zeros(int(turn.max()) + 1, dtype=difference.dtype, device=difference.device)
    return sums.index_add(0, turn, difference)[turn]


def clipped_surrogate(
    log_ratio: torch.Tensor, advantages: torch.Tensor, weight: torch.Tensor, clip: float
) -> torch.Tensor:
    """PPO's actor loss ``-min(rho A, clip(rho, 1-eps, 1+eps) A)`` (Schulman et al. 2017, eq. 7).

    Args:
        log_ratio, advantages, weight: [K].
        clip: eps, half the width of the trust region.

    Returns:
        A scalar.
    """
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1.0 - clip, 1.0 + clip)
    return -(weight * torch.minimum(ratio * advantages, clipped * advantages)).sum()


def clip_fraction(log_ratio: torch.Tensor, advantages: torch.Tensor, clip: float) -> torch.Tensor:
    """Share of units whose gradient the clip removed."""
    ratio = log_ratio.exp()
    stopped = ((ratio > 1 + clip) & (advantages > 0)) | ((ratio < 1 - clip) & (advantages < 0))
    return stopped.float().mean()


def approximate_kl(log_ratio: torch.Tensor) -> torch.Tensor:
    """[K] nonnegative, unbiased estimate of KL(old || new) from samples of old:
    ``rho - 1 - log rho`` (Schulman 2020, "Approximating KL Divergence", k3)."""
    return log_ratio.exp() - 1.0 - log_ratio


def value_loss(values: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean squared error of the critic to its bootstrapped returns. All [V]; a scalar."""
    return (weight * (values - targets) ** 2).sum()


def explained_variance(values: torch.Tensor, targets: torch.Tensor) -> float:
    """``1 - Var(targets - values) / Var(targets)``; NaN where the targets do not vary
    (every episode of a batch won or lost: there is nothing to explain)."""
    spread = targets.var(unbiased=False)
    if not spread > 1e-8:
        return float("nan")
    return float(1.0 - (targets - values).var(unbiased=False) / spread)
