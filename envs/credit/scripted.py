"""Scripted agents: each reads its own observation, in either style, and answers with one word.

* :class:`Expert` knows the right word for each cue.
* :class:`Random` draws evenly among the words.
* :class:`Novice` is right as often as the task's ``base`` says and else draws evenly among the
  other words: the built-in model is cloned from it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from colllm_bench.envs.credit import rules, text
from colllm_bench.envs.credit.env import BASES, REWARDS, SEES, CreditEnv
from colllm_bench.envs.demonstrations import agent_chat, controller_chat, play
from colllm_bench.errors import ConfigError

_BASE = re.compile(r"\bbase=([\d.]+)")


class Expert:
    """Answers with the right word."""

    def reset(self, agent: str, instructions: str, seed: int) -> None:
        """A new episode for ``agent``; all its luck comes from ``seed`` and its name."""
        self.rng = random.Random(f"{seed} {agent}")
        found = _BASE.search(instructions)
        self.base = float(found[1]) if found else BASES[0]

    def act(self, observation: str, info: dict) -> str:
        """One word for an observation.

        Raises:
            ConfigError: for an observation without a cue.
        """
        cue = text.read_cue(observation)
        if cue is None:
            raise ConfigError(
                f"scripted agents find no cue in {observation!r:.60}",
                allowed="observations of credit_v0",
            )
        return self.choose(cue, len(info["legal_actions"]))

    def choose(self, cue: int, words: int) -> str:
        return text.WORDS[rules.right_word(cue, words)]


class Random(Expert):
    """Draws evenly among the words."""

    def choose(self, cue: int, words: int) -> str:
        return text.WORDS[self.rng.randrange(words)]


class Novice(Expert):
    """Right with ``base``; any other word, all equally often, else."""

    def choose(self, cue: int, words: int) -> str:
        right = rules.right_word(cue, words)
        if self.rng.random() < self.base:
            return text.WORDS[right]
        wrong = self.rng.randrange(words - 1)
        return text.WORDS[wrong + (wrong >= right)]


TEAM_SIZES = (2, 3, 3, 3, 4, 8, *range(2, 17))
TURNS = (1, 2, 4, 8, 8, 8, 8, 16, 16, 32, 64)
CENTRAL_SHARE = 0.15
"""Share of the demonstrations in which a centralized controller writes every agent's answer."""


def demonstrations(rng: random.Random, count: int) -> Iterator[list[dict]]:
    """``count`` chat transcripts of novices: system, then user and assistant in turn.

    All options that a prompt shows are mixed; one transcript an episode, of one agent drawn by
    lot or (for a share of the shorter ones) of a centralized controller.
    """
    for _ in range(count):
        agents, turns = rng.choice(TEAM_SIZES), rng.choice(TURNS)
        env = CreditEnv(
            agents=agents, turns=turns, reward=rng.choice(REWARDS), cues=rng.randint(2, 8),
            words=rng.choice((6, 6, *range(2, 9))), sees=rng.choice(("own", *SEES)),
            luck=rng.choice((0.0, 1.0)), base=rng.choice((BASES[0], *BASES)),
        )
        steps = list(play(env, [Novice() for _ in range(agents)], rng.getrandbits(32)))
        if rng.random() < CENTRAL_SHARE and agents * turns <= 48:
            yield controller_chat(env, steps)
        else:
            # The coin's holder is drawn as often as all others: its first prompt is another.
            yield agent_chat(steps, rng.choice([env.possible_agents[-1], *env.possible_agents]))
