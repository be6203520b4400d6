"""Choose each level's settings for every number of fronts, so that a novice team wins 11%.

    python -m colllm_bench.envs.strategy.calibrate

writes ``calibration.json`` beside this file and prints a table. Winning all fronts gets
exponentially harder with their number: a front must succeed in 33% of the campaigns for two to
win 11%, in 76% for eight. Slack in days makes up for it.

The length of an episode does not change how novices play, so one long simulation of a setting
gives the day of victory, and from it the win rate of every length.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import time

from colllm_bench.envs.strategy import rules, tasks, text
from colllm_bench.envs.strategy.scripted import Expert, Novice
from colllm_bench.envs.strategy.scripted import Random as Uniform

TARGET = 0.11
LONGEST = 80
"""Days simulated; the longest episode allowed is 40."""

GOAL = {1: 20, 2: 26, 3: 32}
"""Days that an episode of three fronts should have, roughly."""

BASES = {
    1: dict(road=(1, 3), ambushes=(0, 1), army=(1, 2), garrison=(2, 3), walls=1, breach=False),
    2: dict(road=(1, 4), ambushes=(0, 1), army=(1, 2), garrison=(2, 3), walls=1, breach=False),
    3: dict(road=(2, 4), ambushes=(1, 2), army=(1, 2), garrison=(2, 3), walls=1, breach=True),
}
INCOME = {1: 18, 2: 16, 3: 15}
"""Wagons that arrive in ten days for ten fronts."""
FRONTS_PER_RESERVE = {1: 4, 2: 3, 3: 3}


def base(level: int, agents: int, thick: int) -> rules.Settings:
    """The settings of a level before its length is known; ``thick`` counts extra walls."""
    options = dict(BASES[level])
    options["walls"] += thick // agents
    return rules.Settings(
        turns=LONGEST,
        thick=thick % agents,
        supply=(agents - 1, agents + 1),
        income=max(1, round(agents * INCOME[level] / 10)),
        reserves=max(1, min(4, agents // FRONTS_PER_RESERVE[level])),
        **options,
    )


def days_to_win(settings: rules.Settings, agents: int, make, episodes: int, seed: int) -> list[int]:
    """The day of victory in each of ``episodes`` campaigns; LONGEST + 1 where there is none."""
    days = []
    for episode in range(episodes):
        rng = random.Random(f"{seed} {episode}")
        state = tasks.draw(settings, agents, rng)
        team = [make() for _ in range(agents)]
        for i, commander in enumerate(team):
            commander.reset(f"front_{i + 1}", "", rng.getrandbits(32))
        while not state.over:
            orders = [c.act(text.brief(state, i), {}) for i, c in enumerate(team)]
            rules.play_day(state, orders, rng)
        days.append(state.day if state.won else LONGEST + 1)
    return days


def rate(days: list[int], turns: int) -> float:
    return sum(day <= turns for day in days) / len(days)


def length(days: list[int]) -> int:
    """The number of days whose win rate is nearest to the target."""
    return min(range(4, LONGEST), key=lambda turns: abs(rate(days, turns) - TARGET))


def wanted_days(level: int, agents: int) -> int:
    """Days that an episode should have: more fronts need more slack; 40 is the most."""
    return round(min(GOAL[level] + 1.2 * (agents - 3), 38))


def choose(level: int, agents: int, episodes: int) -> tuple[rules.Settings, list[int]]:
    """Settings of a level, and the novice's days of victory that they were chosen by.

    The number of wall segments is found by bisection so that an episode has about the wanted
    number of days; the number of days is then the one that meets the target.
    """
    low, high = 0, 2 * agents
    wanted = wanted_days(level, agents)
    while low < high:
        middle = (low + high + 1) // 2
        days = days_to_win(base(level, agents, middle), agents, Novice, episodes // 4, 1)
        if length(days) <= wanted:
            low = middle
        else:
            high = middle - 1
    settings = base(level, agents, low)
    days = days_to_win(settings, agents, Novice, episodes, 2)
    turns = max(16, min(40, length(days)))
    return dataclasses.replace(settings, turns=turns), days


def measure(settings: rules.Settings, agents: int, episodes: int) -> dict[str, float]:
    """Win rates of the scripted teams at the calibrated length, on fresh campaigns."""
    few = max(100, episodes // 4)
    teams = {
        "random": (Uniform, few),
        "novice": (Novice, episodes),
        "improved": (lambda: Novice(0.8), few),
        "expert": (Expert, few),
    }
    return {
        name: rate(days_to_win(settings, agents, make, count, 3), settings.turns)
        for name, (make, count) in teams.items()
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--episodes", type=int, default=1600, help="campaigns per decision")
    args = parser.parse_args(argv)
    levels: dict[str, dict[str, dict]] = {}
    print("level agents turns walls supply income reserves | random novice improved expert")
    for level in tasks.LEVELS:
        rows = levels[str(level)] = {}
        for agents in tasks.AGENTS:
            started = time.perf_counter()
            settings, _ = choose(level, agents, args.episodes)
            rows[str(agents)] = dataclasses.asdict(settings)
            wins = measure(settings, agents, args.episodes)
            walls = settings.walls + settings.thick / agents
            print(
                f"{level:5} {agents:6} {settings.turns:5} {walls:5.2f} {agents:6} "
                f"{settings.income:6} {settings.reserves:8} | "
                + " ".join(f"{wins[name]:.3f}" for name in wins)
                + f"   ({time.perf_counter() - started:.0f} s)",
                flush=True,
            )
    tasks.CALIBRATION.write_text(_pretty(levels), encoding="utf-8")


def _pretty(levels: dict[str, dict[str, dict]]) -> str:
    """JSON with one line a row, so that a person can compare rows."""
    blocks = []
    for level, rows in levels.items():
        lines = [f'   "{agents}": {json.dumps(row)}' for agents, row in rows.items()]
        blocks.append(f'  "{level}": {{\n' + ",\n".join(lines) + "\n  }")
    body = ",\n".join(blocks)
    return f'{{\n "target": {TARGET},\n "levels": {{\n{body}\n }}\n}}\n'


if __name__ == "__main__":
    main()
