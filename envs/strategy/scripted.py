"""Scripted commanders: each reads its own brief observation and writes one order.

* :class:`Expert` knows the right order for each situation.
* :class:`Random` draws uniformly among the orders.
* :class:`Novice` plays the demonstrations that the built-in model is cloned from. In each
  situation its *most likely* order is wrong, so that greedy play loses and reinforcement
  learning has something to learn; cloning "expert plus uniform noise" leaves only a
  sharpening job.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from colllm_bench.envs.demonstrations import agent_chat, controller_chat, play
from colllm_bench.envs.strategy.env import StrategyEnv
from colllm_bench.envs.strategy.rules import ORDERS
from colllm_bench.envs.strategy.situations import RIGHT, WRONG, situation

RIGHT_SHARE = 0.40
WRONG_SHARE = 0.48
"""How often a novice does the right thing, and gives in to its habit; the rest is spread."""


class Expert:
    """Plays :data:`RIGHT`. A share of ``skill`` below 1 gives in to the habit instead."""

    skill = 1.0

    def __init__(self, skill: float | None = None):
        self.skill = self.skill if skill is None else skill

    def reset(self, agent: str, instructions: str, seed: int) -> None:
        """A new episode for ``agent``; all its luck comes from ``seed`` and its name."""
        self.rng = random.Random(f"{seed} {agent}")

    def act(self, observation: str, info: dict) -> str:
        """One order for a brief observation."""
        case = situation(observation)
        if self.skill < 1.0 and self.rng.random() >= self.skill:
            return WRONG[case]
        return RIGHT[case]


class Random(Expert):
    """Draws uniformly among the six orders."""

    def act(self, observation: str, info: dict) -> str:
        return self.rng.choice(ORDERS)


class Novice(Expert):
    """Right with ``skill``, its habit with :data:`WRONG_SHARE`, any other order else."""

    skill = RIGHT_SHARE

    def act(self, observation: str, info: dict) -> str:
        case = situation(observation)
        draw = self.rng.random()
        if draw < self.skill:
            return RIGHT[case]
        share = (1.0 - self.skill) / (1.0 - RIGHT_SHARE) * WRONG_SHARE
        if draw < self.skill + share:
            return WRONG[case]
        return self.rng.choice([o for o in ORDERS if o not in (RIGHT[case], WRONG[case])])


class GreedyNovice(Expert):
    """The novice's most likely order, always: what a greedy clone of it does."""

    skill = 0.0


TEAM_SIZES = (2, 2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 4, 8, 8, *range(2, 17))
CENTRAL_SHARE = 0.2
"""Share of the demonstrations in which a centralized controller writes every commander's order."""


def demonstrations(rng: random.Random, count: int) -> Iterator[list[dict]]:
    """``count`` chat transcripts of novices: system, then user and assistant in turn.

    Team sizes, levels and campaigns of the training split are mixed; one transcript an
    episode, of one commander drawn by lot or (for a share) of a centralized
    controller.
    """
    for _ in range(count):
        agents = rng.choice(TEAM_SIZES)
        env = StrategyEnv(agents=agents, level=rng.choice((1, 1, 2, 3)))
        steps = list(play(env, [Novice() for _ in range(agents)], rng.getrandbits(32)))
        if rng.random() < CENTRAL_SHARE:
            yield controller_chat(env, steps)
        else:
            yield agent_chat(steps, rng.choice(env.possible_agents))


MASTER_SIZES = (2, 2, 3, 3, 3, 3, 4, 4, 6, 8, *range(2, 17))


def masters(rng: random.Random, count: int) -> Iterator[list[dict]]:
    """``count`` transcripts of centralized controllers that order as novices do, each order after
    its front's number: what to look up is then written just before what to write."""
    for _ in range(count):
        agents = rng.choice(MASTER_SIZES)
        env = StrategyEnv(agents=agents, level=rng.choice((1, 1, 2, 3)))
        steps = list(play(env, [Novice() for _ in range(agents)], rng.getrandbits(32)))
        yield controller_chat(env, steps, numbered=True)
