"""What theory predicts for a cell, in closed form.

Sparse, delayed or dense rewards, gamma 1, ``team="mean"``, a perfect critic. One answer
adds ``1 / (n T)`` if it is right, with variance ``s2 = p (1 - p) / (n T)^2`` (p: the chance of a
right answer; that p differs between cues a little is left out). The increments of a perfect value
along what its critic reads, ``delta_t = r_t + V(h_{t+1}) - V(h_t)``, are martingale differences:
not correlated, whatever the policy. With ``v_t`` their variances, GAE has

    sum_t Var(A_t) = sum_s v_s (1 + lambda^2 + ... + lambda^(2 s)),

and all that a cell and a critic decide is where the variance falls: a joint critic learns each
turn what everybody did, a local one what its agent did, and the rest when it is paid.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from colllm_bench.envs.credit.env import CreditEnv

LOCAL, JOINT = "local", "joint"


def payments(own: Any) -> tuple[int, ...]:
    """Numbers of turns after which a cell pays."""
    return CreditEnv(agents=own.agents, **own.options).game.payments


def has_theory(own: Any) -> bool:
    """Whether the closed forms hold for a cell."""
    return own.options["team"] == "mean"


def increments(own: Any, p: float, knows: str) -> np.ndarray:
    """[T] v_t, the variance of a perfect critic's increment at each turn, in the mean over
    agents.

    Args:
        own: a :class:`cells.Cell`.
        p: how often an answer is right.
        knows: ``joint`` or ``local``.
    """
    options, n = own.options, own.agents
    turns = options["turns"]
    one = p * (1 - p) / (n * turns) ** 2
    paid = payments(own)
    v = np.full(turns, one * n if knows == JOINT or options["sees"] == "all" else one)
    before = 0
    for after in paid:
        if knows == LOCAL and options["sees"] != "all":
            v[after - 1] += one * (n - 1) * (after - before)
        v[after - 1] += options["noise"] ** 2 / len(paid)
        before = after
    if knows == LOCAL:  # the last agent has seen the coin
        v[-1] += (n - 1) / n * options["luck"] ** 2 / 4
    return v


def gae_variance(own: Any, p: float, knows: str, lam: float) -> float:
    """sum_t Var(A_t) of GAE with a perfect critic."""
    v = increments(own, p, knows)
    weights = np.cumsum(lam ** (2 * np.arange(len(v))))
    return float(v @ weights)


def monte_carlo_variance(own: Any, p: float, group: int | None = None) -> float:
    """sum_t Var(A_t) of returns-to-go minus a constant; with a ``group`` minus the mean of so
    many episodes from the same start, which takes the coin out."""
    options, n = own.options, own.agents
    turns, paid = options["turns"], payments(own)
    one = p * (1 - p) / (n * turns) ** 2
    total, before = 0.0, 0
    for after in paid:
        share = sum(b <= after for b in paid) / len(paid)  # of the noise, seen from here back
        answers = n * (turns - before)
        noise = options["noise"] ** 2 * (1 - share + 1 / len(paid))
        total += (after - before) * (answers * one + noise)
        before = after
    if group is None:
        return total + turns * options["luck"] ** 2 / 4
    return total * (1 - 1 / group)


def others_variance(own: Any, p: float, lam: float) -> float:
    """sum_t Var(A_t) of GAE with a perfect joint critic and, as the baseline, the value given
    what all others did in the turn (``hier``): their answers of that turn are taken out."""
    options, n = own.options, own.agents
    one = p * (1 - p) / (n * options["turns"]) ** 2
    return gae_variance(own, p, JOINT, lam) - options["turns"] * (n - 1) * one


def explained(own: Any, p: float, knows: str) -> float:
    """Explained variance of a perfect critic at returns-to-go, all turns in one pool: what a
    turn's number alone explains counts, as in training's metric."""
    turns, paid = own.options["turns"], payments(own)
    left, spread = gae_variance(own, p, knows, 1.0), monte_carlo_variance(own, p)
    before = [max((after for after in paid if after <= t), default=0) for t in range(turns)]
    means = p * (turns - np.array(before)) / turns
    return 1 - left / (spread + turns * float(means.var()))


def cold_efficiency(own: Any, lam: float) -> float:
    """How much of Monte-Carlo's efficiency is left to GAE with a critic that is one constant:
    turn t then weighs ``lambda`` to the number of turns from it to the payment, and the share is
    ``(sum w)^2 / (T sum w^2)``. Rewards at the end."""
    turns = own.options["turns"]
    weights = lam ** np.arange(turns)[::-1]
    return float(weights.sum() ** 2 / (turns * (weights**2).sum()))
