"""Choose each level's settings for every number of fronts, so that a novice team wins 11%, or at
``hard`` 1% and at ``brutal`` 0.1%.

    python -m colllm_bench.envs.strategy.calibrate --levels hard,brutal --episodes 3000

writes these levels' rows of ``calibration.json`` beside this file and prints a table. Winning all
fronts gets exponentially harder with their number: a front must succeed in 33% of the campaigns for
two to win 11%, in 76% for eight. Slack in days makes up for it.

The length of an episode does not change how novices play, so one long simulation of a setting
gives the day of victory, and from it the win rate of every length.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import time
from statistics import NormalDist, linear_regression

from colllm_bench.envs.strategy import rules, tasks, text
from colllm_bench.envs.strategy.scripted import RIGHT_SHARE, Expert, Novice
from colllm_bench.envs.strategy.scripted import Random as Uniform

TARGETS = {1: 0.11, 2: 0.11, 3: 0.11, "hard": 0.01, "brutal": 0.001}
"""Share of campaigns that novices should win."""
SKILLS = {1: RIGHT_SHARE, 2: RIGHT_SHARE, 3: RIGHT_SHARE, "hard": 0.41, "brutal": 0.41}
"""How often these novices are right. The built-in model, cloned from novices of 0.40, wins about
as often as novices of 0.41: what does not matter at 11% does at 0.1%."""
LONGEST = {1: 80, 2: 80, 3: 80, "hard": 45, "brutal": 45}
"""Days simulated; the longest episode allowed is 40."""

GOAL = {1: 20, 2: 26, 3: 32, "hard": 32, "brutal": 32}
"""Days that an episode of three fronts should have, roughly."""

BASES = {
    1: dict(road=(1, 3), ambushes=(0, 1), army=(1, 2), garrison=(2, 3), walls=1, breach=False),
    2: dict(road=(1, 4), ambushes=(0, 1), army=(1, 2), garrison=(2, 3), walls=1, breach=False),
    3: dict(road=(2, 4), ambushes=(1, 2), army=(1, 2), garrison=(2, 3), walls=1, breach=True),
    "hard": dict(
        road=(3, 4), ambushes=(2, 2), army=(1, 2), garrison=(2, 3), walls=1, breach=True),
    "brutal": dict(
        road=(4, 4), ambushes=(2, 3), army=(1, 2), garrison=(3, 3), walls=1, breach=True),
}
INCOME = {1: 18, 2: 16, 3: 15, "hard": 15, "brutal": 15}
"""Wagons that arrive in ten days for ten fronts."""
FRONTS_PER_RESERVE = {1: 4, 2: 3, 3: 3, "hard": 3, "brutal": 3}


def base(level: tasks.Level, agents: int, thick: int) -> rules.Settings:
    """The settings of a level before its length is known; ``thick`` counts extra walls."""
    options = dict(BASES[level])
    options["walls"] += thick // agents
    return rules.Settings(
        turns=LONGEST[level],
        thick=thick % agents,
        supply=(agents - 1, agents + 1),
        income=max(1, round(agents * INCOME[level] / 10)),
        reserves=max(1, min(4, agents // FRONTS_PER_RESERVE[level])),
        **options,
    )


def days_to_win(settings: rules.Settings, agents: int, make, episodes: int, seed: int) -> list[int]:
    """The day of victory in each of ``episodes`` campaigns; a day past the last for none."""
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
        days.append(state.day if state.won else settings.turns + 1)
    return days


def rate(days: list[int], turns: int) -> float:
    return sum(day <= turns for day in days) / len(days)


def length(days: list[int], level: tasks.Level) -> int:
    """The number of days whose win rate is nearest to the level's target.

    Rare wins are too few to count: below 5% the rate is read off the line through the probits of
    the rates between 0.2% and 20%.
    """
    turns = range(4, LONGEST[level])
    target = TARGETS[level]
    if target >= 0.05:
        return min(turns, key=lambda t: abs(rate(days, t) - target))
    seen = [t for t in turns if max(0.002, 4.5 / len(days)) <= rate(days, t) <= 0.2]
    probits = [NormalDist().inv_cdf(rate(days, t)) for t in seen]
    if len(set(probits)) < 2:
        return LONGEST[level]
    slope, at_zero = linear_regression(seen, probits)
    return max(4, round((NormalDist().inv_cdf(target) - at_zero) / slope))


def wanted_days(level: tasks.Level, agents: int) -> int:
    """Days that an episode should have: more fronts need more slack; 40 is the most."""
    return round(min(GOAL[level] + 1.2 * (agents - 3), 38))


def choose(level: tasks.Level, agents: int, episodes: int) -> tuple[rules.Settings, list[int]]:
    """Settings of a level, and the novice's days of victory that they were chosen by.

    The number of wall segments is found by bisection so that an episode has about the wanted
    number of days; the number of days is then the one that meets the target.
    """
    low, high = 0, 2 * agents
    wanted = wanted_days(level, agents)

    def novice() -> Novice:
        return Novice(SKILLS[level])

    while low < high:
        middle = (low + high + 1) // 2
        days = days_to_win(base(level, agents, middle), agents, novice, episodes // 4, 1)
        if length(days, level) <= wanted:
            low = middle
        else:
            high = middle - 1
    settings = base(level, agents, low)
    days = days_to_win(settings, agents, novice, episodes, 2)
    turns = max(16, min(39 if level in tasks.TIERS else 40, length(days, level)))
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
    parser.add_argument(
        "--levels", default=",".join(map(str, tasks.LEVELS)), help="others keep their rows"
    )
    args = parser.parse_args(argv)
    chosen = args.levels.split(",")
    levels = json.loads(tasks.CALIBRATION.read_text(encoding="utf-8"))["levels"]
    print("level agents turns walls supply income reserves | random novice improved expert")
    for level in (level for level in tasks.LEVELS if str(level) in chosen):
        rows = levels[str(level)] = {}
        for agents in tasks.AGENTS:
            started = time.perf_counter()
            settings, _ = choose(level, agents, args.episodes)
            rows[str(agents)] = dataclasses.asdict(settings)
            wins = measure(settings, agents, args.episodes)
            walls = settings.walls + settings.thick / agents
            print(
                f"{level:>6} {agents:6} {settings.turns:5} {walls:5.2f} {agents:6} "
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
    return f'{{\n "targets": {json.dumps(TARGETS)},\n "levels": {{\n{body}\n }}\n}}\n'


if __name__ == "__main__":
    main()
