"""Scripted agents: each reads its own observation, in either style, and answers with one word.

* :class:`Expert` knows the right word for each cue.
* :class:`Random` draws evenly among the words.
* :class:`Novice` is right as often as the task's ``base`` says and else draws evenly among the
  other words: the built-in model is cloned from it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from colllm_bench.envs.credit import text
from colllm_bench.envs.credit.env import REWARDS, SEES, CreditEnv
from colllm_bench.envs.demonstrations import Step, agent_chat, controller_chat, play


class Expert:
    """Answers with the right word."""

    def reset(self, agent: str, instructions: str, seed: int) -> None:
        """A new episode for ``agent``; all its luck comes from ``seed`` and its name."""
        self.rng = random.Random(f"{seed} {agent}")

    def act(self, observation: str, info: dict) -> str:
        """One word for an observation.

        Raises:
            ConfigError: for an observation without a cue.
        """
        cue, base = text.read_cue(observation)
        return text.WORDS[self.choose(cue, base, len(info["legal_actions"]))]

    def choose(self, cue: int, base: float, words: int) -> int:
        """The number of the word, of so many, to answer with."""
        return cue


class Random(Expert):
    """Draws evenly among the words."""

    def choose(self, cue: int, base: float, words: int) -> int:
        return self.rng.randrange(words)


class Novice(Expert):
    """Right with ``base``; any other word, all equally often, else."""

    def choose(self, cue: int, base: float, words: int) -> int:
        if self.rng.random() < base:
            return cue
        wrong = self.rng.randrange(words - 1)
        return wrong + (wrong >= cue)


TEAM_SIZES = (2, 3, 3, 3, 4, 8, *range(2, 17))
TURNS = (*(1, 2, 4, 4, 8, 8) * 3, 16, 32, 64)
MASTER_TURNS = (2, 4, 8, 8, 8, 8, 16, 32)
CENTRAL_SHARE = 0.15
"""Share of the demonstrations in which a centralized controller writes every agent's answer."""


def demonstrations(rng: random.Random, count: int) -> Iterator[list[dict]]:
    """``count`` chat transcripts of novices: system, then user and assistant in turn.

    All options that a prompt shows are mixed; one transcript an episode, of one agent drawn by
    lot or (for a share of the shorter ones) of a centralized controller.
    """
    for _ in range(count):
        agents, turns = rng.choice(TEAM_SIZES), rng.choice(TURNS)
        env, steps = _played(rng, agents, turns)
        if rng.random() < CENTRAL_SHARE and agents * turns <= 48:
            yield controller_chat(env, steps)
        else:
            # The coin's holder is drawn as often as all others: its first prompt is another.
            yield agent_chat(steps, rng.choice([env.possible_agents[-1], *env.possible_agents]))


def masters(rng: random.Random, count: int) -> Iterator[list[dict]]:
    """``count`` transcripts of centralized controllers that answer as novices do, each answer
    after its agent's number: what to look up is then written just before what to write."""
    for _ in range(count):
        agents, turns = rng.choice(TEAM_SIZES), rng.choice(MASTER_TURNS)
        # Novices that are mostly right show which cue an answer belongs to; one right answer in
        # four hardly does.
        bases = (0.25, 0.25, 0.9, 0.9, 0.9, *text.BASES)
        env, steps = _played(rng, agents, turns, bases)
        yield controller_chat(env, steps, numbered=True)


def _played(
    rng: random.Random, agents: int, turns: int, bases: Sequence[float] = (0.25, 0.9, *text.BASES)
) -> tuple[CreditEnv, list[Step]]:
    """An episode of novices, with options drawn by lot."""
    words = rng.choice((6, 6, *range(2, 9)))
    env = CreditEnv(
        agents=agents, turns=turns, reward=rng.choice(REWARDS), cues=rng.randint(2, words),
        words=words, sees=rng.choice(("own", *SEES)), luck=rng.choice((0.0, 1.0)),
        base=rng.choice(bases),
    )
    return env, list(play(env, [Novice() for _ in range(agents)], rng.getrandbits(32)))
