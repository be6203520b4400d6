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


def sequential_gae(
    rewards: Sequence[float],
    values: Sequence[Sequence[float]],
    gamma: float,
    lam: float,
    agent_lam: float,
    bootstrap: float = 0.0,
) -> list[list[float]]:
    """GAE along the micro-steps of T turns, in each of which the agents present act in an order.

    ``delta_{t,k} = [k last] r_t + gamma_k v_next - v_{t,k}`` (k from 0) and ``A_{t,k} =
    delta_{t,k} + gamma_k lambda_k A_next``, with gamma_k, lambda_k = 1, ``agent_lam`` within a
    turn and ``gamma``, ``lam`` at its end.

    Args:
        rewards: [T].
        values: of each turn v_{t,0}, ..., one for each agent: before its action and after those
            of the agents before it.
        bootstrap: the value after the last turn; 0 after a termination.

    Returns:
        The advantages, shaped as ``values``.
    """
    out: list[list[float]] = [[] for _ in rewards]
    running, following = 0.0, bootstrap
    for t in range(len(rewards) - 1, -1, -1):
        found = []
        for k in range(len(values[t]) - 1, -1, -1):
            last = k == len(values[t]) - 1
            step, keep = (gamma, gamma * lam) if last else (1.0, agent_lam)
            delta = last * rewards[t] + step * following - values[t][k]
            running = delta + keep * running
            following = values[t][k]
            found.append(running)
        out[t] = found[::-1]
    return out
