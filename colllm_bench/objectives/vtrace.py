"""V-trace (Espeholt et al., IMPALA, ICML 2018, arXiv 1802.01561, eq. 1) with lambda: credit from
episodes that an older policy mu played. Pure functions of plain numbers.

``rho_t = min(rho_bar, pi(a_t|h_t) / mu(a_t|h_t))``, ``c_t = lambda * min(1, pi/mu)`` and

    v_t = V(h_t) + sum_{k>=t} gamma^{k-t} (prod_{t<=i<k} c_i) rho_k delta_k,
    delta_k = r_k + gamma V(h_{k+1}) - V(h_k).

With pi = mu, ``v_t - V(h_t)`` and :func:`advantages` are GAE, number by number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Steps = Sequence[float]


def ratio(log_ratio: float, largest: float) -> float:
    """``min(largest, exp(log_ratio))``, truncated as logarithms: no ratio overflows."""
    return math.exp(min(log_ratio, math.log(largest)))


def per_step(value: float | Steps, steps: int) -> Steps:
    """A number for every step: the same for all, or as given."""
    return [float(value)] * steps if isinstance(value, (int, float)) else value


def advantages(
    rewards: Steps,
    values: Steps,
    log_ratios: Steps,
    gamma: float | Steps,
    lam: float | Steps,
    rho_bar: float = 1.0,
    bootstrap: float = 0.0,
) -> list[float]:
    """``A_t = delta_t + gamma lambda (v_{t+1} - V(h_{t+1}))``: what an actor's loss weighs.

    Later actions are corrected; the step's own ratio is not in it, for the surrogate of the loss
    has it as a factor.

    Args:
        rewards, values: [T].
        log_ratios: [T] log pi(a_t|h_t) - log mu(a_t|h_t).
        gamma, lam: one for all steps, or [T].
        rho_bar: largest ratio of a delta.
        bootstrap: the value after the last step; 0 after a termination.

    Raises:
        ValueError: the lists differ in length.
    """
    return _run(rewards, values, log_ratios, gamma, lam, rho_bar, bootstrap)[0]


def sequential_advantages(
    rewards: Steps,
    values: Sequence[Steps],
    log_ratios: Sequence[Steps],
    gamma: float,
    lam: float,
    agent_lam: float,
    rho_bar: float = 1.0,
    bootstrap: float = 0.0,
) -> list[list[float]]:
    """:func:`advantages` along the micro-steps of T turns, in each of which agents act in an order
    (:func:`colllm_bench.objectives.returns.sequential_gae`): a micro-step's ratio is its agent's.

    Args:
        rewards: [T].
        values, log_ratios: of each turn one for each agent that acts in it, in that order.

    Returns:
        Shaped as ``values``.
    """
    ends = [k == len(turn) - 1 for turn in values for k in range(len(turn))]
    paid = [r * (k == len(turn) - 1) for r, turn in zip(rewards, values, strict=True)
            for k in range(len(turn))]
    flat = iter(advantages(
        paid, [v for turn in values for v in turn], [x for turn in log_ratios for x in turn],
        [gamma if end else 1.0 for end in ends], [lam if end else agent_lam for end in ends],
        rho_bar, bootstrap,
    ))
    return [[next(flat) for _ in turn] for turn in values]


def errors(
    rewards: Steps,
    values: Steps,
    log_ratios: Steps,
    gamma: float | Steps,
    lam: float | Steps,
    rho_bar: float = 1.0,
    bootstrap: float = 0.0,
) -> list[float]:
    """``v_t - V(h_t)``: what the critic's targets add to its values. Arguments as above."""
    return _run(rewards, values, log_ratios, gamma, lam, rho_bar, bootstrap)[1]


def _run(
    rewards: Steps, values: Steps, log_ratios: Steps,
    gamma: float | Steps, lam: float | Steps, rho_bar: float, bootstrap: float,
) -> tuple[list[float], list[float]]:
    steps = len(rewards)
    gamma, lam = per_step(gamma, steps), per_step(lam, steps)
    if any(len(each) != steps for each in (values, log_ratios, gamma, lam)):
        raise ValueError(
            f"{steps} rewards, {len(values)} values, {len(log_ratios)} ratios, {len(gamma)} "
            f"discounts and {len(lam)} lambdas: one of each a step"
        )
    found, targets = [0.0] * steps, [0.0] * steps
    error, following = 0.0, bootstrap
    for t in range(steps - 1, -1, -1):
        delta = rewards[t] + gamma[t] * following - values[t]
        found[t] = delta + gamma[t] * lam[t] * error
        # rho delta + gamma c (v_{t+1} - V(h_{t+1}))
        cut = lam[t] * ratio(log_ratios[t], 1.0)
        error = ratio(log_ratios[t], rho_bar) * delta + gamma[t] * cut * error
        targets[t], following = error, values[t]
    return found, targets


def target(
    value: float,
    reward: float,
    following: float,
    error: float,
    log_ratio: float,
    gamma: float,
    lam: float,
    rho_bar: float = 1.0,
) -> float:
    """The target of a value U that knows some of its turn's actions: ``U + rho (r_t + gamma
    V(h_{t+1}) - U) + gamma c (v_{t+1} - V(h_{t+1}))``, with the ratio of the *other* actions alone,
    for those that it knows are no chance to it. With pi = mu it is V's own target.

    Args:
        following: V(h_{t+1}), or what is bootstrapped.
        error: v_{t+1} - V(h_{t+1}), of :func:`errors`; 0 after the last turn.
        log_ratio: of the actions that U does not know.
    """
    delta = ratio(log_ratio, rho_bar) * (reward + gamma * following - value)
    return value + delta + gamma * lam * ratio(log_ratio, 1.0) * error


def effective_sample_size(log_ratios: Steps) -> float:
    """``(sum w)^2 / (n sum w^2)`` of n weights w = pi/mu (Kong 1992): the share of samples that
    tell as much as fresh ones; 1 where pi = mu.

    Raises:
        ValueError: there are no samples.
    """
    if not log_ratios:
        raise ValueError("no samples")
    largest = max(log_ratios)  # cancels, and keeps the sums finite
    weights = [math.exp(x - largest) for x in log_ratios]
    return sum(weights) ** 2 / (len(weights) * sum(w * w for w in weights))
