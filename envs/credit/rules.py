"""The rules of ``credit_v0``: pure functions over small integers, no text and no random numbers.

An answer plays a *role* for its cue: it is right, next to right, any other word, or no word at
all. The team's result depends on roles alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TEAMS = ("mean", "all", "any", "pairs")
RIGHT, NEXT, OTHER, NONE = range(4)
ROLES = 4

CLIMB = ((11.0, -30.0, 0.0), (-30.0, 7.0, 6.0), (0.0, 0.0, 5.0))
"""The climbing game (Claus and Boutilier, AAAI 1998), rows and columns RIGHT, NEXT, OTHER."""
PAIR_PAYOFF = tuple(
    tuple(CLIMB[a][b] / 11.0 if NONE not in (a, b) else 0.0 for b in range(ROLES))
    for a in range(ROLES)
)
"""[role, role] payoff of two neighbours, at most 1. No answer pays 0: never more than OTHER."""


@dataclass(frozen=True)
class Game:
    """All that the truth about an episode depends on, beside the policy.

    Attributes:
        agents: N.
        turns: T.
        cues: C, at most K, drawn evenly and independently for every agent and turn.
        words: K, the possible answers.
        team: how answers combine, one of :data:`TEAMS`.
        need: right answers that an agent's part takes (``team="all"``).
        sees: what an observation tells of results so far: ``own``, ``none``, ``all``.
        payments: numbers of turns after which rewards are paid, ascending; the last is T.
        luck: the coin adds plus or minus half of this to the return.
        noise: standard deviation of what is added to the return besides.
    """

    agents: int
    turns: int
    cues: int
    words: int
    team: str
    need: int
    sees: str
    payments: tuple[int, ...]
    luck: float = 0.0
    noise: float = 0.0


def payments(turns: int, every: int) -> tuple[int, ...]:
    """After every so many turns, and after the last."""
    return (*range(every, turns, every), turns)


def default_need(turns: int) -> int:
    """Right answers that a part takes unless the task says otherwise: a quarter of them and one."""
    return min(turns, turns // 4 + 1)


def role(cue: int, word: int | None, words: int) -> int:
    """What an answer is for its cue; None: it could not be understood.

    The right word has the cue's own number: fixed for the environment's version.
    """
    if word is None:
        return NONE
    if word == cue:
        return RIGHT
    return NEXT if word == (cue + 1) % words else OTHER


def result(game: Game, roles: Sequence[Sequence[int]]) -> float:
    """The team's result so far, at most 1 in the end: what has been earned, paid or not.

    Args:
        roles: for each turn that was played, every agent's role.
    """
    if game.team == "all":
        counts = right_counts(game, roles)
        return float(min(counts) >= game.need)
    return sum(_turn_result(game, turn) for turn in roles) / game.turns


def right_counts(game: Game, roles: Sequence[Sequence[int]]) -> list[int]:
    """How many answers of each agent were right."""
    return [sum(turn[i] == RIGHT for turn in roles) for i in range(game.agents)]


def _turn_result(game: Game, turn: Sequence[int]) -> float:
    if game.team == "mean":
        return sum(role == RIGHT for role in turn) / game.agents
    if game.team == "any":
        return float(RIGHT in turn)
    pairs = zip(turn, turn[1:], strict=False)
    return sum(PAIR_PAYOFF[a][b] for a, b in pairs) / (game.agents - 1)
