"""Scripted authors: each reads its own brief instructions and writes one section.

* :class:`Expert` writes what its part of the plan needs, from the grammar of :mod:`.grammar`.
* :class:`Random` writes words drawn at random.
* :class:`Novice` writes the demonstrations that the built-in model is cloned from. Its most likely
  choice is wrong in every respect (another name, the wrong thing, no link, no required word,
  a sentence said twice, the opening written again), so that greedy writing scores badly and
  reinforcement learning has something to learn.

For the two published tasks, :class:`Expert` cuts sentences out of the source.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace

from colllm_bench.envs import centralized_execution
from colllm_bench.envs.writing import tasks
from colllm_bench.envs.writing.env import WritingEnv
from colllm_bench.envs.writing.language import grammar
from colllm_bench.envs.writing.language import tokens as tk
from colllm_bench.envs.writing.scoring import comlrl_reward
from colllm_bench.envs.writing.tasks import Character, Premise
from colllm_bench.errors import ConfigError

_HEAD = re.compile(r"section (\d+) of (\d+) (\w+) words (\d+) drafts (\d+)")
_PREMISE = re.compile(
    r"hero (\w+) (\w+) friend (\w+) (\w+) place (\w+) object (\w+) villain (\w+) "
    r"deed (\w+) tone (\w+) use (\w+)"
)


class Expert:
    """Writes a section that does all its part of the plan asks for."""

    def reset(self, agent: str, instructions: str, seed: int) -> None:
        """A new episode for ``agent``; all its luck comes from ``seed`` and its name.

        Raises:
            ConfigError: for instructions that are not in the brief style.
        """
        self.rng = random.Random(f"{seed} {agent}")
        head, _, rest = instructions.partition("\n")
        match = _HEAD.fullmatch(head)
        self.task = head.split(" ")[0]
        if match:
            self.premise, self.section, self.words = read(instructions)
        elif self.task in ("summary", "introduction"):
            self.section, self.source = int(head.split(" ")[1]) - 1, rest
        else:
            raise ConfigError(
                f"scripted authors cannot read {instructions!r:.60}", allowed="style='brief'"
            )
        self.text = ""

    def act(self, observation: str, info: dict) -> str:
        """The section; a later draft changes it only where it repeats another's words."""
        if self.task != "section":
            return comlrl_reward.expert(self.task, self.section, self.source)
        others = [line.partition(": ")[2] for line in observation.split("\n")[1:]]
        if not self.text or _shared(self.text, others) > 0.1:
            tries = [write(self.premise, self.section, self.words, self.rng, k) for k in range(4)]
            self.text = min(tries, key=lambda text: _shared(text, others))
        return self.text


class Random(Expert):
    """Draws words of all sections at random, of everybody's vocabulary."""

    def act(self, observation: str, info: dict) -> str:
        count = self.words if self.task == "section" else self.rng.randint(20, 120)
        return " ".join(self.rng.choice(_vocabulary()) for _ in range(count))


class Novice(Expert):
    """Writes with faults; see :data:`HABITS`. ``skill`` is the share of right choices."""

    skill = 0.48

    def __init__(self, skill: float | None = None):
        self.skill = self.skill if skill is None else skill

    def act(self, observation: str, info: dict) -> str:
        faults = {habit for habit in HABITS if self.rng.random() >= self.skill}
        return faulty(self.premise, self.section, self.words, self.rng, faults)


class GreedyNovice(Novice):
    """Gives in to every habit."""

    skill = 0.0


HABITS = ("names", "object", "link", "word", "again", "part", "stop")
"""What novices get wrong, each on its own: they call the characters Bob and Sue; write of a
thing instead of the object; begin without a link; leave the required word out; say a sentence
twice; write an opening whatever their part; leave the last sentence unfinished."""

WRONG_HERO, WRONG_FRIEND = Character("Bob", "he"), Character("Sue", "she")
WRONG_OBJECT, WRONG_WORD = "thing", "bit"


def read(instructions: str) -> tuple[Premise, int, int]:
    """(premise, section, words) of brief instructions; only the own required word is known.

    Raises:
        ConfigError: for instructions that are not in the brief style.
    """
    head, _, rest = instructions.partition("\n")
    a, b = _HEAD.fullmatch(head), _PREMISE.fullmatch(rest)
    if not (a and b):
        raise ConfigError(
            f"scripted authors cannot read {instructions!r:.60}", allowed="style='brief'"
        )
    hero, she, friend, he, place, thing, villain, deed, tone, word = b.groups()
    section, agents = int(a[1]) - 1, int(a[2])
    required = tuple(word if k == section else "" for k in range(agents))
    people = Character(hero, she), Character(friend, he)
    premise = Premise(*people, place, thing, villain, deed, tone, required)
    return premise, section, int(a[4])


def write(premise: Premise, section: int, words: int, rng: random.Random, turn: int = 0) -> str:
    """A good section; ``turn`` numbers further tries, each with other templates."""
    return " ".join(_sentences(premise, section, words, rng, turn))


def _sentences(
    premise: Premise, section: int, words: int, rng: random.Random, turn: int
) -> list[str]:
    part = premise.plan[section]
    number = section + 3 * turn
    facts = (premise.hero, premise.friend, premise.place, premise.object, premise.conflict)
    shift = zlib.crc32(repr(facts).encode())
    need = set(premise.needs(section)) - {"deed"}
    first = [row for row in grammar.FIRST[part] if need <= grammar.names(row)]
    rows = [grammar.pick(first, number, shift)]
    if len(premise.plan) == 2 and section == 1:
        rows.insert(0, grammar.pick(grammar.FIRST["trouble"], number, shift >> 4))
    rows.append(grammar.pick(grammar.MIDDLE[part], number, shift >> 8))
    last = [] if len(rows) == 3 else [grammar.pick(grammar.LAST[part], number, shift >> 12)]
    rows += last
    done = [grammar.fill(row, premise, section, rng) for row in rows]
    if last and _count(done) > 1.3 * words:
        done.pop()
        last = []
    spare = list(range(len(grammar.DETAIL)))
    rng.shuffle(spare)
    # Teammates start at different places of one list, so that details are not told twice.
    spare.sort(key=lambda k: (k - section) % len(premise.plan) != 0)
    while _count(done) < 0.75 * words and spare:
        detail = grammar.fill(grammar.DETAIL[spare.pop(0)], premise, section, rng)
        done.insert(len(done) - len(last), detail)
    if not any(adjective in " ".join(done) for adjective in grammar.TONES[premise.tone]):
        mood = grammar.pick(grammar.MOOD, number, shift >> 16)
        done.append(grammar.fill(mood, premise, section, rng))
    return done


def _count(done: list[str]) -> int:
    return sum(sentence.count(" ") + 1 for sentence in done)


def _shared(text: str, others: list[str]) -> float:
    """Share of the text's 4-grams that others have too."""
    grams = tk.ngrams(tk.read(text).words, 4)
    theirs = {gram for other in others for gram in tk.ngrams(tk.read(other).words, 4)}
    return sum(gram in theirs for gram in grams) / max(1, len(grams))


def faulty(
    premise: Premise, section: int, words: int, rng: random.Random, faults: set[str]
) -> str:
    """A novice's section, with exactly these of :data:`HABITS`."""
    if "names" in faults:
        premise = replace(premise, hero=WRONG_HERO, friend=WRONG_FRIEND)
    if "object" in faults:
        premise = replace(premise, object=WRONG_OBJECT)
    if "word" in faults:
        premise = replace(premise, required=(WRONG_WORD,) * len(premise.required))
    part = "opening" if "part" in faults else premise.plan[section]
    rows = [rng.choice(kind[part]) for kind in (grammar.FIRST, grammar.MIDDLE, grammar.LAST)]
    if "link" in faults and part != "opening":
        rows[0] = rng.choice(ABRUPT)
    if len(premise.plan) == 2 and part == "resolution":
        rows = [rng.choice(grammar.FIRST["trouble"]), *rows[1::-1]]
    done = [grammar.fill(row, premise, section, rng) for row in rows]
    if "again" in faults:
        done.insert(1, done[0])
        done.pop()
    if "stop" in faults:
        cut = done[-1].rstrip(".").split(" ")
        done[-1] = " ".join(cut[: max(2, len(cut) // 2)])
    return " ".join(done)


ABRUPT = (
    "It was {adj} and {adj} by the {spot}.",
    "They went to the {spot} and they saw it.",
    "The {object} was there by the {spot}.",
    "He said that she said it was {adj}.",
)
"""Novices' first sentences, that link to nothing."""


def _vocabulary() -> list[str]:
    rows = [*grammar.DETAIL]
    for kind in (grammar.FIRST, grammar.MIDDLE, grammar.LAST):
        for part in kind.values():
            rows += part
    return sorted({word for row in rows for word in re.findall(r"\b[a-z]+\b", row)})


def stories(rng: random.Random, count: int, agents: int | None = None) -> Iterator[str]:
    """``count`` whole stories of experts, on premises of the training split."""
    for _ in range(count):
        n = agents or rng.choice((2, 3, 4, 5, 8))
        premise = tasks.draw(n, rng)
        words = rng.choice((30, 30, 50))
        yield " ".join(write(premise, k, words, rng) for k in range(n))


def play(env: WritingEnv, authors: list, seed: int) -> Iterator[tuple[dict, dict, dict]]:
    """Play one episode; yields (observations, infos, actions) of each turn."""
    observations, infos = env.reset(seed=seed)
    for agent, author in zip(env.possible_agents, authors, strict=True):
        author.reset(agent, infos[agent]["instructions"], seed)
    while env.agents:
        actions = {
            agent: author.act(observations[agent]["text"], infos[agent])
            for agent, author in zip(env.possible_agents, authors, strict=True)
        }
        yield observations, infos, actions
        observations, _, _, _, infos = env.step(actions)


TEAM_SIZES = (2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 5, 8)
CENTRAL_SHARE = 0.12
"""Share of the demonstrations in which one master writes every section."""
CAREFUL, CAREFUL_SHARE = "careful\n", 0.5
"""What stands before the instructions of authors without a bad habit, and their share. No
environment says it: the built-in model learns from them how to copy from a premise, which novices
show too seldom, and writes as novices do where it is not said."""


def demonstrations(rng: random.Random, count: int) -> Iterator[list[dict]]:
    """``count`` chat transcripts of novices: system, then user and assistant in turn.

    Team sizes, numbers of drafts and premises of the training split are mixed; one transcript
    an episode, of one author drawn by lot or (for a share) of a master, as
    :class:`colllm_bench.envs.centralized_execution.CentralizedEnv` would show it.
    """
    for _ in range(count):
        agents = rng.choice(TEAM_SIZES)
        env = WritingEnv(agents=agents, turns=rng.choice((1, 1, 1, 1, 1, 1, 1, 2, 2, 3)))
        careful = rng.random() < CAREFUL_SHARE
        team = [Novice(1.0 if careful else None) for _ in range(agents)]
        turns = list(play(env, team, rng.getrandbits(32)))
        names = env.possible_agents
        if rng.random() < CENTRAL_SHARE and agents <= 4 and env.turns <= 2:
            told = [turns[0][1][agent]["instructions"] for agent in names]
            system = centralized_execution.join_instructions(told, env.style)
            numbers = range(1, agents + 1)
            rows = [
                (
                    centralized_execution.join_observations(numbers, [seen[agent]["text"] for agent in names]),
                    centralized_execution.join_actions([done[agent] for agent in names]),
                )
                for seen, _, done in turns
            ]
        else:
            agent = rng.choice(names)
            system = turns[0][1][agent]["instructions"]
            rows = [(seen[agent]["text"], done[agent]) for seen, _, done in turns]
        chat = [{"role": "system", "content": CAREFUL * careful + system}]
        for seen, done in rows:
            chat.append({"role": "user", "content": seen})
            chat.append({"role": "assistant", "content": done})
        yield chat
