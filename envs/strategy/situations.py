"""The decision that a commander faces, what is right in it, and play that is always right."""

from __future__ import annotations

import copy
from random import Random

from colllm_bench.envs.strategy import rules, text
from colllm_bench.envs.strategy.rules import HOLD, MARCH, SCOUT, SEND, STRIKE, TRAIN, State
from colllm_bench.errors import ConfigError

RIGHT = {
    "ambush": SCOUT,
    "road": MARCH,
    "weak": TRAIN,
    "starved": HOLD,
    "strong": STRIKE,
    "guarded": HOLD,
    "fallen": STRIKE,
    "donor": SEND,
}
"""The right order in each situation (see :func:`situation`)."""

WRONG = {
    "ambush": MARCH,
    "road": HOLD,
    "weak": STRIKE,
    "starved": STRIKE,
    "strong": TRAIN,
    "guarded": STRIKE,
    "fallen": HOLD,
    "donor": HOLD,
}
"""The novice's habit in each situation: rushes into ambushes, dawdles on a clear road,
strikes while weak or while the reserve is in, trains on when strong (starving the others),
rests once its own fort has fallen."""


def situation(observation: str) -> str:
    """The decision that a brief observation asks for: a key of :data:`RIGHT`.

    Raises:
        ConfigError: for an observation that is not in the brief style.
    """
    words = observation.split("\n", 1)[0].split(" ")
    if len(words) != 8 or not words[0].startswith("left="):
        raise ConfigError(
            f"scripted commanders cannot read {observation!r:.60}", allowed="style='brief'"
        )
    army, garrison, supply = (words[k].partition("=")[2] for k in (2, 3, 5))
    army, supply, sight = int(army), int(supply), words[6]
    if sight == "tracks":
        return "ambush"
    if sight == "clear":
        return "road"
    if sight in ("fallen", "lured"):
        return "donor" if supply == 0 and army > 0 else "fallen"
    if army < int(garrison):
        return "weak" if supply else "starved"
    return "guarded" if sight == "reserve" else "strong"


def expert_orders(state: State) -> list[str]:
    """The right order of every front, each from what its commander sees."""
    return [RIGHT[situation(text.brief(state, i))] for i in range(len(state.fronts))]


def advance(state: State, progress: float, rng: Random) -> None:
    """Play, in place, the share ``progress`` of the days that experts need; never the last one.

    Args:
        state: a campaign at its beginning.
        progress: from 0 (nothing is played) to 1 (all but the last day).
        rng: the campaign's luck; afterwards as if these days had been played.
    """
    ahead, luck = copy.deepcopy((state, rng))
    while not ahead.over:
        rules.play_day(ahead, expert_orders(ahead), luck)
    for _ in range(min(ahead.day - 1, round(progress * ahead.day))):
        rules.play_day(state, expert_orders(state), rng)
