"""Recycling robots (Amato, Bernstein, Zilberstein, UAI 2007), as in the MADP toolbox's
``recycling.dpomdp``.

That file declares its actions as "searchbig searchlittle waitandrecharge", but its tables mean
0 recharge, 1 search for little cans, 2 search for the big can: number 0 fills the battery with
certainty and pays nothing. The order here is that of the tables.
"""

from __future__ import annotations

import numpy as np

from colllm_bench.envs.classic.model import DecPOMDP, independent

BATTERY = np.array([
    [[1.0, 0.0], [0.7, 0.3], [0.5, 0.5]],
    [[1.0, 0.0], [0.2, 0.8], [0.3, 0.7]],
])
"""[battery, action, next battery] of one robot; 0 is high. An empty battery is carried to the
charger, which is how a low one comes to be high after a search."""

REWARDS = np.array([
    [[0.0, 2.0, 0.0], [2.0, 4.0, 2.0], [0.0, 2.0, 5.0]],
    [[0.0, -0.4, -3.0], [2.0, 1.2, -1.6], [0.0, -0.4, 0.5]],
    [[0.0, 2.0, 0.0], [-0.4, 1.2, -0.4], [-3.0, -1.6, 0.5]],
    [[0.0, -0.4, -3.0], [-0.4, -1.44, -3.88], [-3.0, -3.88, -3.55]],
])
"""[state, action of 1, action of 2]; states high-high, high-low, low-high, low-low."""


def recycling() -> DecPOMDP:
    """Each robot sees its own battery."""
    seen = np.zeros((4, 2, 2))
    for state in range(4):
        seen[state, state // 2, state % 2] = 1.0
    batteries = ("battery=high", "battery=low")
    return DecPOMDP(
        states=("high high", "high low", "low high", "low low"),
        actions=(("recharge", "little", "big"),) * 2,
        observations=(batteries, batteries),
        start=np.array([1.0, 0.0, 0.0, 0.0]),
        T=independent(BATTERY, BATTERY),
        O=np.broadcast_to(seen, (3, 3, 4, 2, 2)).copy(),
        R=np.repeat(REWARDS[..., None], 4, axis=-1),
        first=seen,
    )
