"""Scripted coders: each reads its own brief prompts and writes one function.

* :class:`Expert` writes what the specification says.
* :class:`Random` writes an operation drawn by lot.
* :class:`Novice` writes the demonstrations that the built-in model is cloned from. Its *most
  likely* answer is wrong for every task, so that greedy play never solves one and reinforcement
  learning has something to learn: helpers forget their ``return``, entries leave a helper out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from colllm_bench.envs.coding.env import CodingEnv
from colllm_bench.envs.coding.generator import phrases
from colllm_bench.envs.coding.generator.operations import CONSTANTS, FAMILIES, Op, fill
from colllm_bench.envs.coding.generator.program import LETTERS, namespace
from colllm_bench.envs.coding.grading.grader import DISPATCH, Grader
from colllm_bench.envs.coding.grading.parsing import KEEP
from colllm_bench.envs.coding.sandbox import Outcome
from colllm_bench.envs.demonstrations import agent_chat, controller_chat, play

_PLACE = re.compile(r"coder (\d+) of (\d+)")
_HEAD = re.compile(r"(\w+)\(([^)]*)\)(?: -> [^:]+)?: (.*)")


def heading(observation: str) -> tuple[str, list[str], str] | None:
    """(name, parameters, phrase) of a brief prompt, or None for feedback and other text."""
    found = _HEAD.match(observation)
    if not found:
        return None
    name, params, phrase = found.groups()
    return name, [p.partition(":")[0].strip() for p in params.split(",") if p.strip()], phrase


class Expert:
    """Writes the reference solution, and keeps it."""

    def reset(self, agent: str, instructions: str, seed: int) -> None:
        """A new episode for ``agent``; all its luck comes from ``seed`` and its name."""
        self.rng = random.Random(f"{seed} {agent}")
        self.prompt: tuple[str, list[str], str] | None = None

    def act(self, observation: str, info: dict) -> str:
        """A function for a brief prompt; ``keep`` for feedback."""
        prompt = heading(observation)
        if prompt is not None:
            self.prompt = prompt
            return self.write(*prompt)
        return self.again(observation)

    def again(self, observation: str) -> str:
        """What to answer to feedback."""
        return KEEP

    def write(self, name: str, params: list[str], phrase: str) -> str:
        """The function that a prompt asks for. Of problems that were read from a file nothing
        is known: it writes one that does nothing."""
        reading = phrases.parse(phrase)
        if reading is not None:
            return function(name, params, phrases.expression(reading))
        from colllm_bench.envs.coding.datasets import problems

        return problems.solution(name) or f"def {name}({', '.join(params)}):\n    return None\n"


def function(name: str, params: list[str], expression: str, word: str = "return ") -> str:
    return f"def {name}({', '.join(params)}):\n    {word}{expression}"


class Random(Expert):
    """Writes an operation drawn by lot from the families, whatever was asked."""

    def again(self, observation: str) -> str:
        return self.write(*self.prompt) if self.prompt else KEEP

    def write(self, name: str, params: list[str], phrase: str) -> str:
        family = self.rng.choice(FAMILIES)
        op = self.rng.choice(family.ops)
        param = params[0] if params else family.param
        values = {"k": self.rng.choice(CONSTANTS), "c": self.rng.choice(LETTERS)}
        return function(name, params or [param], fill(op.code, x=param, **values))


class Novice(Expert):
    """Wrong in one typical way more often than not, and now and then in others.

    A team of novices has about the same chance whatever its size: its entry is always as likely
    to be wrong, its helpers the less so the more there are (a novice reads ``coder 1 of 8``).

    Attributes:
        forgets: how often an entry leaves a helper out; a helper lacks its ``return`` so often
            that all helpers are as likely to be right as two that forget this often.
        slips: how often a constant is off by one, in a team of three.
        confuses: how often an operation is taken for another, in a team of three.
        keeps: how often a function that passes its own tests is left as it is.
    """

    forgets = 0.58
    slips = 0.06
    confuses = 0.06
    keeps = 0.45

    def reset(self, agent: str, instructions: str, seed: int) -> None:
        super().reset(agent, instructions, seed)
        found = _PLACE.search(instructions)
        place, size = (int(found[1]), int(found[2])) if found else (3, 3)
        self.forgetful = self.forgets
        if place < size:
            self.forgetful = 1.0 - (1.0 - self.forgets) ** (2 / (size - 1))
        self.careless = 3 / size

    def again(self, observation: str) -> str:
        own = re.search(r"^own (\d+)/(\d+)", observation, re.MULTILINE)
        passes = own is not None and own[1] == own[2]
        if self.rng.random() < (self.keeps if passes else 0.05):
            return KEEP
        return self.write(*self.prompt)

    def write(self, name: str, params: list[str], phrase: str) -> str:
        reading = phrases.parse(phrase)
        rng, word = self.rng, "return "
        if reading.kind == "composition":
            if rng.random() < self.forgetful:
                reading = replace(reading, chains=without_one(reading.chains))
        elif rng.random() < self.forgetful:
            word = ""
        reading = replace(reading, ops=tuple(self._op(*op) for op in reading.ops))
        return function(name, params, phrases.expression(reading), word)

    def _op(self, op: Op, values: dict[str, str]):
        if self.rng.random() < self.confuses * self.careless:
            op = replace(op, code=self.rng.choice(op.wrong))
        if "k" in values and self.rng.random() < self.slips * self.careless:
            values = {**values, "k": str(int(values["k"]) + self.rng.choice((1, 1, -1)))}
        return op, values


class GreedyNovice(Novice):
    """The novice's most likely answer, always: what a greedy clone of it does."""

    slips, confuses, keeps = 0.0, 0.0, 0.0

    def reset(self, agent: str, instructions: str, seed: int) -> None:
        super().reset(agent, instructions, seed)
        self.forgetful = float(self.forgetful > 0.5)


def without_one(chains: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """The composition with its innermost helper left out."""
    *others, last = chains
    return (*others, last[:-1]) if last[:-1] or not others else tuple(others)


# -- demonstrations


class _TrustedPool:
    """Runs what *our own novices* wrote in this process: demonstrations are made by the
    thousand, and hold nothing but the templates of :mod:`.generator.families`."""

    def run(self, source: str, entry: str, cases: list, limits: Any = None) -> list[Outcome]:
        program = source.removesuffix(DISPATCH)
        outcomes = []
        for args in cases:
            names = namespace(program, DISPATCH)
            try:
                outcomes.append(Outcome("ok", names[entry](*args)))
            except Exception as error:
                outcomes.append(Outcome("runtime-error", error=f"{type(error).__name__}: {error}"))
        return outcomes


class _NoviceEnv(CodingEnv):
    """For novices only: no sandbox, see :class:`_TrustedPool`."""

    def _grader(self) -> Grader:
        return Grader(_TrustedPool())


TEAM_SIZES = (*(2, 3, 3, 4) * 5, 5, 6, 8, 8, 12, 16)
LEVELS = (1, 1, 1, 1, 1, 1, 2, 2, 3, 3)
"""Not the fourth: the built-in model is to learn it, from what it knows of the others."""
TURNS = (2, 2, 2, 2, 2, 3)
FEEDBACK = ("detailed",) * 6 + ("passed", "none")
CENTRAL_SHARE = 0.25
"""Share of the demonstrations in which a centralized controller writes every coder's function."""
CENTRAL_AGENTS = 4
"""Larger teams would make controllers' transcripts too long."""


def demonstrations(rng: random.Random, count: int) -> Iterator[list[dict]]:
    """``count`` chat transcripts of novices: system, then user and assistant in turn.

    Team sizes, levels, lengths, feedback and programs of the training split are mixed; of each
    episode come the transcripts of up to two coders drawn by lot, or (for a share) a centralized
    controller's.
    """
    made = 0
    while made < count:
        agents = rng.choice(TEAM_SIZES)
        env = _NoviceEnv(
            agents=agents, level=rng.choice(LEVELS), turns=rng.choice(TURNS),
            feedback=rng.choice(FEEDBACK),
        )
        steps = list(play(env, [Novice() for _ in range(agents)], rng.getrandbits(32)))
        if agents <= CENTRAL_AGENTS and rng.random() < CENTRAL_SHARE:
            chats = [controller_chat(env, steps, numbered=True)]  # a function has several lines
        else:
            # An entry is a novice among many helpers: it is shown as often as they all are.
            names = {rng.choice(env.possible_agents[:-1]), env.possible_agents[-1]}
            chats = [agent_chat(steps, name) for name in sorted(names)]
        for chat in chats[: count - made]:
            made += 1
            yield chat
