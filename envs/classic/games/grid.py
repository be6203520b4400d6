"""Meeting in a 2x2 grid (Bernstein, Hansen, Zilberstein, IJCAI 2005), with the two observations
of Amato, Bernstein, Zilberstein (2006): ``GridSmall.dpomdp`` of the MADP toolbox."""

from __future__ import annotations

import numpy as np

from colllm_bench.envs.classic.model import DecPOMDP, independent

CELLS = ("top-left", "top-right", "bottom-left", "bottom-right")
MOVES = ("up", "down", "left", "right", "stay")
INTENDED, SLIP = 0.6, 0.1
"""A move goes where it was meant to with .6, and each of the four other ways with .1."""


def gridsmall() -> DecPOMDP:
    """1 for each turn after which both are in one cell; each sees which column it is in.

    State ``4 * i + j``: agent 1 in cell i, agent 2 in cell j. They start in opposite corners.
    """
    to = np.array([[0, 2, 0, 1, 0], [1, 3, 0, 1, 1], [0, 2, 2, 3, 2], [1, 3, 2, 3, 3]])
    one = np.zeros((4, 5, 4))
    for cell, move in np.ndindex(4, 5):
        for way in range(5):
            share = INTENDED if way == move else SLIP
            if move == MOVES.index("stay"):
                share = float(way == move)
            one[cell, move, to[cell, way]] += share
    meet = np.array([float(state // 4 == state % 4) for state in range(16)])
    seen = np.zeros((16, 2, 2))
    for state in range(16):
        seen[state, state // 4 % 2, state % 2] = 1.0
    columns = ("column=left", "column=right")
    start = np.zeros(16)
    start[4 * 1 + 2] = 1.0
    return DecPOMDP(
        states=tuple(f"{i} {j}" for i in CELLS for j in CELLS),
        actions=(MOVES, MOVES), observations=(columns, columns), start=start,
        T=independent(one, one), O=np.broadcast_to(seen, (5, 5, 16, 2, 2)).copy(),
        R=np.broadcast_to(meet, (16, 5, 5, 16)).copy(),
    )
