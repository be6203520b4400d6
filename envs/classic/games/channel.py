"""The broadcast channel (Hansen, Bernstein, Zilberstein, AAAI 2004), in two forms.

Two agents with room for one message each share a channel; a message gets through, for 1, if one
agent alone sends it. New messages come to an empty buffer with probability .9 (agent 1) and .1
(agent 2) a turn; both buffers are full at the start.

* ``broadcast``: the MADP toolbox's ``broadcastChannel.dpomdp``. Agents hear whether there was a
  collision, each wrong in one case of ten, and do not see their buffers; to send empties a buffer
  whatever comes of it.
* ``buffers``: agents see their own buffer; a collision leaves both messages where they were.
"""

from __future__ import annotations

import numpy as np

from colllm_bench.envs.classic.model import DecPOMDP, independent

ARRIVES = (0.9, 0.1)
SEND, WAIT = range(2)
STATES = ("empty empty", "empty full", "full empty", "full full")
START = np.array([0.0, 0.0, 0.0, 1.0])


def _rewards(collides_when_empty: bool) -> np.ndarray:
    """[S, 2, 2, S]: 1 where one full agent sends alone."""
    R = np.zeros((4, 2, 2, 4))
    for state, one, two in np.ndindex(4, 2, 2):
        full = (state // 2, state % 2)
        tries = [action == SEND for action in (one, two)]
        sends = [bool(holds) and trying for holds, trying in zip(full, tries, strict=True)]
        clash = all(tries) if collides_when_empty else all(sends)
        R[state, one, two] = float(any(sends) and not clash)
    return R


def broadcast() -> DecPOMDP:
    """Noisy word of collisions; buffers unseen."""
    chains = []
    for arrives in ARRIVES:
        new = [1 - arrives, arrives]
        chains.append(np.array([[new, new], [new, [0.0, 1.0]]]))  # [buffer, action, buffer]
    right, wrong = np.array([0.9, 0.1]), np.array([0.1, 0.9])
    O = np.empty((2, 2, 4, 2, 2))  # noqa: E741
    O[:] = np.outer(wrong, wrong)
    O[SEND, SEND] = np.outer(right, right)
    heard = ("heard=collision", "heard=nothing")
    return DecPOMDP(
        states=STATES, actions=(("send", "wait"),) * 2, observations=(heard, heard),
        start=START, T=independent(*chains), O=O, R=_rewards(collides_when_empty=True),
    )


def buffers() -> DecPOMDP:
    """Own buffer seen; messages that collide stay."""
    T = np.zeros((4, 2, 2, 4))
    R = _rewards(collides_when_empty=False)
    for state, one, two in np.ndindex(4, 2, 2):
        full = [state // 2, state % 2]
        if R[state, one, two, 0]:
            sender = 0 if one == SEND and full[0] else 1
            full[sender] = 0
        for after in range(4):
            shares = [
                (arrives if now else 1 - arrives) if not before else float(now)
                for arrives, before, now in zip(ARRIVES, full, (after // 2, after % 2), strict=True)
            ]
            T[state, one, two, after] = shares[0] * shares[1]
    seen = np.zeros((4, 2, 2))
    for state in range(4):
        seen[state, state // 2, state % 2] = 1.0
    names = ("buffer=empty", "buffer=full")
    return DecPOMDP(
        states=STATES, actions=(("send", "wait"),) * 2, observations=(names, names),
        start=START, T=T, O=np.broadcast_to(seen, (2, 2, 4, 2, 2)).copy(), R=R, first=seen,
    )
