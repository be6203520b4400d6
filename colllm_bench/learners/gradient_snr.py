"""Signal and noise of a gradient, from independent parts of a batch at frozen parameters.

With M parts of equal weight and gradients g_1..g_M, their mean is the batch's gradient and

    noise  = sum_m |g_m - mean|^2 / (M (M - 1))     the trace of the mean's covariance
    signal = |mean|^2 - noise                       the squared norm of the expected gradient

Both are unbiased for independent parts (|mean|^2 alone counts the noise as signal), so the
signal may come out negative where there is none. ``snr = signal / noise``; to average over
iterations, average signal and noise apart and divide then.

Simple and gradient-noise scale: McCandlish et al. 2018, appendix A; SNR of policy gradients:
Roberts and Tedrake 2009.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from colllm_bench.types import Episode

PARTS = 8
"""Parts of a batch; fewer where it has fewer groups."""


def parts_of(episodes: Sequence[Episode], parts: int = PARTS) -> list[list[Episode]]:
    """The episodes in up to ``parts`` parts of as many groups each (within one), none of them
    cut: episodes of a group share a baseline, so only whole groups are independent."""
    groups: dict[int, list[Episode]] = {}
    for episode in episodes:
        groups.setdefault(episode.group, []).append(episode)
    whole = list(groups.values())
    parts = min(parts, len(whole))
    return [[episode for group in whole[k::parts] for episode in group] for k in range(parts)]


def signal_and_noise(gradients: Iterable[Sequence[torch.Tensor]]) -> dict[str, float]:
    """``gradient_signal``, ``gradient_noise`` and ``gradient_snr`` (NaN where there is no noise).

    Args:
        gradients: of each part, all parameters; read once, one part in memory at a time.
            The mean over parts must be the batch's gradient.

    Raises:
        ValueError: fewer than two parts.
    """
    total: list[torch.Tensor] | None = None
    squares, count = 0.0, 0
    for part in gradients:
        part = [tensor.double() for tensor in part]
        squares += float(sum((tensor**2).sum() for tensor in part))
        total = part if total is None else [a + b for a, b in zip(total, part, strict=True)]
        count += 1
    if count < 2:
        raise ValueError(f"{count} part has no variance")
    mean = float(sum(((tensor / count) ** 2).sum() for tensor in total))
    # Rounding may leave less than nothing where all parts are equal.
    noise = max(0.0, squares - count * mean) / (count * (count - 1))
    signal = mean - noise
    snr = signal / noise if noise > 0 else float("nan")
    return {"gradient_signal": signal, "gradient_noise": noise, "gradient_snr": snr}


def measure(actor: Any, episodes: Sequence[Episode]) -> dict[str, float]:
    """Signal and noise of a batch's gradient at the actors' present parameters.

    Args:
        actor: an :class:`colllm_bench.learners.actor_learner.ActorLearner`.
        episodes: one iteration's, with advantages.

    Returns:
        As :func:`signal_and_noise`; empty where the batch is a single group.
    """
    parts = parts_of(episodes)
    return signal_and_noise(actor.gradients(parts)) if len(parts) > 1 else {}
