"""Procedural campaigns: endless, in splits that never meet (:mod:`colllm_bench.envs.splits`).

A layout's canonical form is text with the fronts sorted, so that swapping commanders does
not make a new task. It decides the layout's split, and a layout that belongs to another split is
drawn again.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random

from colllm_bench.envs.splits import split_of
from colllm_bench.envs.strategy.rules import Front, Settings, State
from colllm_bench.errors import ConfigError

Level = int | str
LEVELS: dict[Level, str] = {
    1: "easy", 2: "normal", 3: "breaches", "hard": "won by 1%", "brutal": "won by 0.1%",
}
"""Every level, and a word for it."""
TIERS = ("hard", "brutal")
"""Levels that untrained teams hardly ever win: the rules of level 3, and less slack."""
AGENTS = range(2, 17)
TURNS = range(16, 41)

CALIBRATION = Path(__file__).with_name("calibration.json")


@cache
def _table() -> dict:
    return json.loads(CALIBRATION.read_text(encoding="utf-8"))["levels"]


def rules_of(level: Level) -> int:
    """The level whose rules hold: what commanders are told, in words that small models know."""
    return 3 if level in TIERS else int(level)


def settings(level: Level, agents: int) -> Settings:
    """The calibrated settings of a level for a number of fronts.

    Raises:
        ConfigError: for a level or a number of agents that does not exist.
    """
    if type(level) not in (int, str) or level not in LEVELS:
        raise ConfigError(
            f"level={level!r}", allowed="1, 2, 3, 'hard' or 'brutal'", fix="level=1 is the easiest"
        )
    if type(agents) is not int or agents not in AGENTS:
        raise ConfigError(f"agents={agents!r}", allowed="2 to 16", fix="agents=3 is the default")
    row = _table()[str(level)][str(agents)]
    return Settings(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()})


def canonical(state: State) -> str:
    """A state at day 0 as text that does not depend on the order of the fronts."""
    fronts = sorted(
        f"{''.join('x' if cell else '.' for cell in front.road)}/{front.army}"
        f"/{front.garrison}/{front.wall}/{int(i in state.reserves)}"
        for i, front in enumerate(state.fronts)
    )
    return f"{state.supply} {' '.join(fronts)}"


def draw(
    settings: Settings, agents: int, rng: Random, split: str = "train", turns: int | None = None
) -> State:
    """A new campaign of the split, from the generator.

    Args:
        settings: ranges to draw from.
        agents: number of fronts.
        rng: the episode's generator.
        split: of :data:`colllm_bench.envs.splits.SPLITS`.
        turns: days, instead of the calibrated number.
    """
    while True:
        state = _draw(settings, agents, rng)
        if split_of(canonical(state)) == split:
            state.turns = turns or settings.turns
            return state


def _draw(settings: Settings, agents: int, rng: Random) -> State:
    thick = set(rng.sample(range(agents), settings.thick))
    fronts = []
    for i in range(agents):
        cells = rng.randint(*settings.road)
        ambushes = set(rng.sample(range(cells), min(cells, rng.randint(*settings.ambushes))))
        front = Front(
            road=[cell in ambushes for cell in range(cells)],
            army=rng.randint(*settings.army),
            garrison=rng.randint(*settings.garrison),
            wall=settings.walls + (i in thick),
        )
        fronts.append(front)
    return State(
        fronts=fronts,
        supply=rng.randint(*settings.supply),
        reserves=rng.sample(range(agents), settings.reserves),
        turns=settings.turns,
        income=settings.income,
        breach=settings.breach,
    )
