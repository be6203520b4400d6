"""What is known of each game: values, optimal policies, best blind plans, and their sources.

    python -m colllm_bench.envs.classic.known      # computes known.json again, minutes

``known.json`` has, by game and horizon, the values ``random``, ``blind``, ``decentralized``,
``joint`` and ``state`` (all computed by :mod:`.solver`; see docs/classic.md), the policies of
optimal teams and the best blind plans. :data:`PUBLISHED` has other people's values, which
ours must equal. The matrix games are played anew each turn, so theirs follow from one turn.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from colllm_bench.envs.classic import controllers
from colllm_bench.envs.classic.controllers import Controller
from colllm_bench.envs.classic.games import GAMES, find, table

FILE = Path(__file__).with_name("known.json")
DEFAULT_K = -30.0
SOURCE = "masplan.org and the MADP toolbox's tables of optimal values (Spaan, Oliehoek)"
PUBLISHED: dict[str, dict[int, float]] = {
    "dectiger": {2: -4.0, 3: 5.190812, 4: 4.802755},
    "recycling": {2: 7.0, 3: 10.660125, 4: 13.38, 5: 16.486, 6: 19.5542},
    "broadcast": {2: 2.0, 3: 2.99, 4: 3.89, 5: 4.79, 6: 5.69},
    "gridsmall": {2: 0.91, 3: 1.550444, 4: 2.241577},
}
"""Optimal decentralized values by game and horizon, from :data:`SOURCE`."""


@dataclass(frozen=True)
class Values:
    """Expected returns of a game over a horizon.

    Attributes:
        random: each agent draws evenly among its actions.
        blind: the best plan that looks at nothing but the clock.
        decentralized: the best team whose agents each see only their own observations.
        joint: the best team that shares all observations.
        state: the best team that sees the state.
    """

    random: float
    blind: float
    decentralized: float
    joint: float
    state: float


def values(game: str, turns: int, k: float = DEFAULT_K) -> Values:
    """What teams are worth, exactly.

    Raises:
        KeyError: a horizon that was not solved.
    """
    if find(game).chain:
        payoff = table(game, k).expected_reward[0]
        best = float(payoff.max()) * turns
        return Values(float(payoff.mean()) * turns, best, best, best, best)
    return Values(**_entry(game, turns)["values"])


def anchors(
    agents: int = 2, game: str = "climb", turns: int | None = None, k: float = DEFAULT_K, **_: Any
) -> tuple[float, float] | None:
    """(return of score 0, return of score 1) of the environment with these options.

    0 is the best blind team, 1 the optimal decentralized one. Where those two are equal 0 is the
    random team; where that is equal too (``guess``) nothing can be scored: None.
    """
    known = values(game, turns or find(game).default, k)
    for floor in (known.blind, known.random):
        if known.decentralized > floor + 1e-6:
            return floor, known.decentralized
    return None


def optimal(game: str, turns: int, k: float = DEFAULT_K) -> tuple[Controller, Controller]:
    """The policies of an optimal decentralized team, agent 1's and agent 2's."""
    if find(game).chain:
        return blind(game, turns, k)
    data = _entry(game, turns)["policy"]
    one, two = (controllers.from_json(data[i], table(game), i) for i in (0, 1))
    return one, two


def blind(game: str, turns: int, k: float = DEFAULT_K) -> tuple[Controller, Controller]:
    """The policies of the best blind team: plans."""
    model = table(game, k)
    if find(game).chain:
        payoff = model.expected_reward[0]
        step = np.unravel_index(int(payoff.argmax()), payoff.shape)
        plan = [tuple(map(int, step))] * turns
    else:
        plan = _entry(game, turns)["blind_plan"]
    one, two = (controllers.blind([step[i] for step in plan], model, i) for i in (0, 1))
    return one, two


@cache
def _file() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


def _entry(game: str, turns: int) -> dict[str, Any]:
    return _file()[game][str(turns)]


def compute(game: str, turns: int) -> dict[str, Any]:
    """The entry of ``known.json`` for a game and a horizon."""
    from colllm_bench.envs.classic.solver import bounds
    from colllm_bench.envs.classic.solver.decentralized import solve

    model = table(game)
    worth, plan = bounds.best_blind(model, turns)
    solution = solve(model, turns)
    return {
        "values": {
            "random": round(bounds.random_value(model, turns), 9),
            "blind": round(worth, 9),
            "decentralized": round(solution.value, 9),
            "joint": round(bounds.joint_value(model, turns), 9),
            "state": round(bounds.state_value(model, turns), 9),
        },
        "source": "computed by colllm_bench.envs.classic.solver",
        "blind_plan": plan,
        "policy": [controller.to_json() for controller in solution.controllers],
    }


def main() -> None:
    """Compute every game and horizon, and write ``known.json``."""
    from colllm_bench.runs.files import write_text

    entries: dict[str, dict[str, Any]] = {}
    for game in GAMES.values():
        for turns in () if game.chain else game.turns:
            entries.setdefault(game.name, {})[str(turns)] = compute(game.name, turns)
            print(game.name, turns, entries[game.name][str(turns)]["values"], flush=True)
    lines = []
    for name, horizons in entries.items():
        rows = [f"  {json.dumps(key)}: {json.dumps(entry)}" for key, entry in horizons.items()]
        lines.append(f"{json.dumps(name)}: {{\n" + ",\n".join(rows) + "\n}")
    write_text(FILE, "{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
