"""Returns and advantages: pure functions of plain numbers.

Every function takes one episode of T turns and returns lists of length T. Truncation
bootstraps from ``bootstrap``; at a termination the caller passes 0 (nothing follows).
"""

from __future__ import annotations

from collections.abc import Sequence


def discounted_returns(
    rewards: Sequence[float], gamma: float, bootstrap: float = 0.0
) -> list[float]:
    """Return-to-go of every turn: ``G_t = r_t + gamma * G_{t+1}``, with ``G_T = bootstrap``."""
    out, following = [0.0] * len(rewards), bootstrap
    for t in range(len(rewards) - 1, -1, -1):
        following = rewards[t] + gamma * following
        out[t] = following
    return out


def gae(
    rewards: Sequence[float],
    values: Sequence[float],
    gamma: float,
    lam: float,
    bootstrap: float = 0.0,
) -> list[float]:
    """Generalized advantage estimation (Schulman et al. 2016, eq. 16).

    ``delta_t = r_t + gamma * V(h_{t+1}) - V(h_t)`` and ``A_t = sum_l (gamma*lam)^l delta_{t+l}``,
    where ``V(h_T)`` is ``bootstrap``: 0 after a termination, the critic's value of what would
    have followed after a truncation.

    Raises:
        ValueError: ``rewards`` and ``values`` differ in length.
    """
    if len(rewards) != len(values):
        raise ValueError(f"{len(rewards)} rewards and {len(values)} values: one of each a turn")
    out, running, following = [0.0] * len(rewards), 0.0, bootstrap
    for t in range(len(rewards) - 1, -1, -1):
        delta = rewards[t] + gamma * following - values[t]
        running = delta + gamma * lam * running
        out[t] = running
        following = values[t]
    return out


def group_baselines(returns: Sequence[float], kind: str) -> list[float]:
    """A baseline for each member of a group of episodes that started from the same state.

    Args:
        returns: the members' returns from one turn on.
        kind: ``group``: the group's mean (MAGRPO, arXiv 2508.04652, eq. 4; GRPO);
            ``loo``: the mean of the others (RLOO, Ahmadian et al. 2024): unbiased;
            ``max``: the best of the others; ``none``: 0.

    Raises:
        ValueError: an unknown kind, or a kind that needs others in a group of one.
    """
    n = len(returns)
    if kind == "none":
        return [0.0] * n
    if n < 2:
        raise ValueError(f"baseline {kind!r} needs groups of at least 2 episodes, got {n}")
    if kind == "group":
        return [sum(returns) / n] * n
    if kind == "loo":
        total = sum(returns)
        return [(total - own) / (n - 1) for own in returns]
    if kind == "max":
        return [max(r for j, r in enumerate(returns) if j != i) for i in range(n)]
    raise ValueError(f"unknown baseline {kind!r}: group, loo, max or none")
