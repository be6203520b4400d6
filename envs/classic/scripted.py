"""Scripted players: each reads its own brief texts and answers with one word.

* :class:`Expert` plays its part of an optimal decentralized team (:func:`.known.optimal`).
* :class:`Blind` plays its part of the best team that looks at nothing but the clock.
* :class:`Random` draws evenly among the actions.
* :class:`Novice` plays the demonstrations that the built-in model is cloned from.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from colllm_bench.envs.classic import known, text
from colllm_bench.envs.classic.controllers import Controller
from colllm_bench.envs.classic.env import AGENTS, ClassicEnv
from colllm_bench.envs.classic.games import GAMES, table
from colllm_bench.envs.demonstrations import agent_chat, controller_chat, play
from colllm_bench.errors import ConfigError

_INSTRUCTIONS = re.compile(r"(\w+) agent=(\d+) of=(\d+) turns=(\d+)(?: k=(\S+))?")

EXPERT_SHARE = 0.3
"""How often a novice does what the expert would, in games of more than one turn; else, and in
the others, it draws evenly. So a clone's first policy is poor, and tries everything."""


class Expert:
    """Plays an optimal team's part. In a row of more than two agents, where neighbours play a
    matrix game, all say the word of its best joint action."""

    def reset(self, agent: str, instructions: str, seed: int) -> None:
        """A new episode for ``agent``; all its luck comes from ``seed`` and its name.

        Raises:
            ConfigError: instructions that are not in the brief style.
        """
        match = _INSTRUCTIONS.fullmatch(instructions)
        if match is None or match[1] not in GAMES:
            raise ConfigError(
                f"scripted players cannot read {instructions!r:.60}", allowed="style='brief'"
            )
        self.rng = random.Random(f"{seed} {agent}")
        self.game, self.turns = match[1], int(match[4])
        self.k = float(match[5] or known.DEFAULT_K)
        self.role = (int(match[2]) - 1) % 2
        self.model = table(self.game, self.k)
        self.seen: list[int] = []
        self.policy = self._policy()

    def _policy(self) -> Controller:
        return known.optimal(self.game, self.turns, self.k)[self.role]

    def act(self, observation: str, info: dict) -> str:
        """One word for a brief observation.

        Raises:
            ConfigError: an observation that is not in the brief style.
        """
        word = text.read_brief(observation)
        if word != text.START:
            names = self.model.observations[self.role]
            if word not in names:
                raise ConfigError(
                    f"scripted players cannot read {observation!r:.60}", allowed="style='brief'"
                )
            self.seen.append(names.index(word))
        return self.model.actions[self.role][self._choose()]

    def _choose(self) -> int:
        return self.policy.act(self.seen)


class Blind(Expert):
    """Plays the best plan, whatever it sees: what a team can earn without reading."""

    def _policy(self) -> Controller:
        return known.blind(self.game, self.turns, self.k)[self.role]


class Random(Expert):
    """Draws evenly among the actions."""

    def _choose(self) -> int:
        return self.rng.randrange(len(self.model.actions[self.role]))


class Novice(Random):
    """The expert's action with :data:`EXPERT_SHARE` in games of several turns, else by lot."""

    def _choose(self) -> int:
        share = 0.0 if GAMES[self.game].turns[0] == 1 else EXPERT_SHARE
        return self.policy.act(self.seen) if self.rng.random() < share else super()._choose()


CENTRAL_SHARE = 0.15
"""Share of the demonstrations in which a centralized controller writes every agent's word."""


def demonstrations(rng: random.Random, count: int) -> Iterator[list[dict]]:
    """``count`` chat transcripts of novices: system, then user and assistant in turn.

    All games, horizons and team sizes are mixed; one transcript an episode, of one agent drawn by
    lot or (for a share) of a centralized controller.
    """
    for _ in range(count):
        game = GAMES[rng.choice(list(GAMES))]
        options = {"game": game.name, "turns": rng.choice([game.default, *game.turns])}
        if game.chain:
            options["agents"] = rng.choice((2, 2, 2, 3, 3, 4, *AGENTS))
        if game.name == "penalty":
            options["k"] = -rng.choice((0.0, 10.0, 30.0, 30.0, 50.0, 75.0, 100.0)) + 0.0
        env = ClassicEnv(**options)
        team = [Novice() for _ in env.possible_agents]
        steps = list(play(env, team, rng.getrandbits(32)))
        if rng.random() < CENTRAL_SHARE:
            yield controller_chat(env, steps)
        else:
            yield agent_chat(steps, rng.choice(env.possible_agents))
