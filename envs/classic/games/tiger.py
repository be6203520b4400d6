"""Dec-Tiger (Nair et al., IJCAI 2003), as in ``dectiger.dpomdp`` of the MADP toolbox."""

from __future__ import annotations

import numpy as np

from colllm_bench.envs.classic.model import DecPOMDP

HEARS_RIGHT = 0.85
"""Probability that a listener hears the tiger where it is, if both listen."""
LISTEN, LEFT, RIGHT = range(3)


def dectiger() -> DecPOMDP:
    """States: the tiger is behind the left (0) or the right (1) door; hears likewise."""
    T = np.full((2, 3, 3, 2), 0.5)
    T[:, LISTEN, LISTEN] = np.eye(2)
    O = np.full((3, 3, 2, 2, 2), 0.25)  # noqa: E741
    hears = np.array([[HEARS_RIGHT, 1 - HEARS_RIGHT], [1 - HEARS_RIGHT, HEARS_RIGHT]])
    O[LISTEN, LISTEN] = np.einsum("so,sp->sop", hears, hears)
    R = np.empty((2, 3, 3, 2))
    for tiger, one, two in np.ndindex(2, 3, 3):
        doors = [action - 1 for action in (one, two) if action != LISTEN]
        if not doors:
            reward = -2.0
        elif len(doors) == 1:
            reward = -101.0 if doors[0] == tiger else 9.0
        elif one != two:
            reward = -100.0
        else:
            reward = -50.0 if doors[0] == tiger else 20.0
        R[tiger, one, two] = reward
    return DecPOMDP(
        states=("tiger=left", "tiger=right"),
        actions=(("listen", "left", "right"),) * 2,
        observations=(("hear=left", "hear=right"),) * 2,
        start=np.array([0.5, 0.5]), T=T, O=O, R=R,
    )
