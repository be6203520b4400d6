"""Games in which nobody can know what the other sees, from the comparisons of centralized and
decentralized critics by Lyu et al. (AAMAS 2021; JAIR 77, 2023)."""

from __future__ import annotations

import numpy as np

from colllm_bench.envs.classic.model import DecPOMDP

COLOURS = ("see=blue", "see=yellow")
UNIFORM = np.full(4, 0.25)


def _one_step(actions: tuple[str, ...], payoff: np.ndarray) -> DecPOMDP:
    """Each sees a colour; the reward is the mean of what each guess is worth.

    Args:
        payoff: [the other's colour, action].
    """
    R = np.zeros((4, len(actions), len(actions), 4))
    seen = np.zeros((4, 2, 2))
    for state, one, two in np.ndindex(4, len(actions), len(actions)):
        seen[state, state // 2, state % 2] = 1.0
        R[state, one, two] = (payoff[state % 2, one] + payoff[state // 2, two]) / 2
    both = len(actions), len(actions)
    return DecPOMDP(
        states=("blue blue", "blue yellow", "yellow blue", "yellow yellow"),
        actions=(actions, actions), observations=(COLOURS, COLOURS), start=UNIFORM,
        T=np.broadcast_to(np.eye(4)[:, None, None], (4, *both, 4)).copy(),
        O=np.broadcast_to(seen, (*both, 4, 2, 2)).copy(), R=R, first=seen,
    )


def guess() -> DecPOMDP:
    """1 for the other's colour: every team is worth .5, only the variance differs."""
    return _one_step(("blue", "yellow"), np.eye(2))


def guesscolor() -> DecPOMDP:
    """10 for the other's colour, -10 for another, 5 for the safe action."""
    payoff = np.array([[10.0, -10.0, 5.0], [-10.0, 10.0, 5.0]])
    return _one_step(("blue", "yellow", "safe"), payoff)


def staghunt() -> DecPOMDP:
    """TrickyStagHunt: whoever says a first ends the game at .5. After two b's, each gets a private
    state, and there is 1 if each says the other's.

    States: start, the four pairs of private states, over.
    """
    T, R = np.zeros((6, 2, 2, 6)), np.zeros((6, 2, 2, 6))
    T[..., 5] = 1.0
    T[0, 1, 1] = [0.0, *UNIFORM, 0.0]
    R[0] = 0.5
    R[0, 1, 1] = 0.0
    seen = np.zeros((6, 3, 3))
    seen[0, 2, 2] = seen[5, 2, 2] = 1.0
    for pair in range(4):
        one, two = pair // 2, pair % 2
        R[1 + pair, two, one] = 1.0
        seen[1 + pair, one, two] = 1.0
    names = ("state=a", "state=b", "over")
    return DecPOMDP(
        states=("start", "a a", "a b", "b a", "b b", "over"),
        actions=(("a", "b"),) * 2, observations=(names, names),
        start=np.eye(6)[0], T=T, O=np.broadcast_to(seen, (2, 2, 6, 3, 3)).copy(), R=R,
        terminal=np.array([False] * 5 + [True]),
    )
