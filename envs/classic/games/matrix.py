"""Matrix games: climbing and penalty (Claus and Boutilier, AAAI 1998), and the two-step game of
QMIX (Rashid et al., ICML 2018)."""

from __future__ import annotations

import numpy as np

from colllm_bench.envs.classic.model import DecPOMDP

CLIMB = np.array([[11.0, -30.0, 0.0], [-30.0, 7.0, 6.0], [0.0, 0.0, 5.0]])


def _stateless(payoff: np.ndarray) -> DecPOMDP:
    rows, columns = payoff.shape
    return DecPOMDP(
        states=("always",),
        actions=(("a", "b", "c")[:rows], ("a", "b", "c")[:columns]),
        observations=(("again",), ("again",)),
        start=np.ones(1), T=np.ones((1, rows, columns, 1)), O=np.ones((rows, columns, 1, 1, 1)),
        R=payoff[None, :, :, None],
    )


def climb() -> DecPOMDP:
    """The best joint action is surrounded by the worst: miscoordination is punished."""
    return _stateless(CLIMB)


def penalty(k: float) -> DecPOMDP:
    """Two best joint actions, a penalty ``k`` for a mix of them, and a safe one for 2."""
    return _stateless(np.array([[10.0, 0.0, k], [0.0, 2.0, 0.0], [k, 0.0, 10.0]]))


def twostep() -> DecPOMDP:
    """Agent 1's first action picks the second game: a, where all is worth 7, or b, where both
    must say b for 8. Both see which game it is."""
    T = np.zeros((3, 2, 2, 3))
    T[0, 0, :, 1] = T[0, 1, :, 2] = 1.0
    T[1, :, :, 1] = T[2, :, :, 2] = 1.0
    R = np.zeros((3, 2, 2, 3))
    R[1] = 7.0
    R[2] = np.array([[0.0, 1.0], [1.0, 8.0]])[:, :, None]
    seen = np.zeros((3, 2, 2))
    seen[0, 0, 0] = seen[1, 0, 0] = seen[2, 1, 1] = 1.0
    games = ("game=a", "game=b")
    return DecPOMDP(
        states=("start", *games), actions=(("a", "b"),) * 2, observations=(games, games),
        start=np.array([1.0, 0.0, 0.0]), T=T, O=np.broadcast_to(seen, (2, 2, 3, 2, 2)).copy(), R=R,
    )
