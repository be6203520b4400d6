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
from collections.abc import Iterator

from colllm_bench.envs.demonstrations import agent_chat, controller_chat, play
from colllm_bench.envs.writing.env import WritingEnv
from colllm_bench.envs.writing.language import grammar
from colllm_bench.envs.writing.language import tokens as tk
from colllm_bench.envs.writing.language.premises import Character, Premise
from colllm_bench.envs.writing.language.story_generator import HABITS, faulty, write
from colllm_bench.envs.writing.scoring import comlrl_reward
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
            return published_text(self.task, self.section, self.source)
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


def _shared(text: str, others: list[str]) -> float:
    """Share of the text's 4-grams that others have too."""
    grams = tk.ngrams(tk.read(text).words, 4)
    theirs = {gram for other in others for gram in tk.ngrams(tk.read(other).words, 4)}
    return sum(gram in theirs for gram in grams) / max(1, len(grams))


def _vocabulary() -> list[str]:
    rows = [*grammar.DETAIL]
    for kind in (grammar.FIRST, grammar.MIDDLE, grammar.LAST):
        for part in kind.values():
            rows += part
    return sorted({word for row in rows for word in re.findall(r"\b[a-z]+\b", row)})


TEAM_SIZES = (2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 5, 8)
CENTRAL_SHARE = 0.12
"""Share of the demonstrations in which a centralized controller writes every section."""
CAREFUL, CAREFUL_SHARE = "careful\n", 0.5
"""What stands before the instructions of authors without a bad habit, and their share. No
environment says it: the built-in model learns from them how to copy from a premise, which novices
show too seldom, and writes as novices do where it is not said."""


def demonstrations(rng: random.Random, count: int) -> Iterator[list[dict]]:
    """``count`` chat transcripts of novices: system, then user and assistant in turn.

    Team sizes, numbers of drafts and premises of the training split are mixed; one transcript
    an episode, of one author drawn by lot or (for a share) of a centralized
    controller.
    """
    for _ in range(count):
        agents = rng.choice(TEAM_SIZES)
        env = WritingEnv(agents=agents, turns=rng.choice((1, 1, 1, 1, 1, 1, 1, 2, 2, 3)))
        careful = rng.random() < CAREFUL_SHARE
        team = [Novice(1.0 if careful else None) for _ in range(agents)]
        steps = list(play(env, team, rng.getrandbits(32)))
        if rng.random() < CENTRAL_SHARE and agents <= 4 and env.turns <= 2:
            chat = controller_chat(env, steps)
        else:
            chat = agent_chat(steps, rng.choice(env.possible_agents))
        chat[0]["content"] = CAREFUL * careful + chat[0]["content"]
        yield chat


# -- the two published tasks

_LINKS = ("First,", "In addition,", "However,", "For example,", "Therefore,", "Meanwhile,",
          "In fact,", "In the end,")  # fmt: skip
_BACKGROUND = (
    "This question has been studied for a long time, and it is still open.",
    "It matters because so many methods of today depend on the answer.",
    "Although earlier work has made progress, its assumptions are often too strong.",
    "For example, results that hold for small cases may fail for large ones.",
    "A better understanding would help both theory and practice.",
)
_METHOD = (
    "Our method follows from this in a few steps, which we describe in turn.",
    "First we state what is assumed, and then we show what follows from it.",
    "As a result, the approach can be used where earlier ones could not.",
    "In addition, it needs little that is not already at hand.",
    "These findings suggest several ways to go on, both in theory and in practice.",
)


def published_text(task: str, section: int, source: str) -> str:
    """A text that the published reward likes, cut out of the source.

    Args:
        task: ``"summary"`` or ``"introduction"``.
        section: 0 or 1.
        source: the post or abstract, as in the instructions.
    """
    if task == "summary":
        first, second = _summaries(_body(source))
    else:
        first, second = _introductions(_sentences(source))
    return (first, second)[section]


def _body(source: str) -> list[str]:
    """Sentences of a post in the format of TLDR, its headers left out."""
    text = source.partition("POST:")[2] or source
    return _sentences(text.rpartition("TL;DR")[0] or text)


def _sentences(text: str) -> list[str]:
    text = " ".join(text.split())
    return [row for row in re.split(r"(?<=[.!?]) ", text) if row] or [text]


def _summaries(sentences: list[str]) -> tuple[str, str]:
    """A concise text, and a detailed one that begins with it and is 1.7 to 3.1 times as long."""
    given = " ".join(sentences).split()
    first = " ".join(given[:14]).rstrip(".,;") + "."
    if len(first.split()) < 8:
        first = f"{first} That is all that the post says of it."
    second = first
    spare = [*sentences, *_BACKGROUND, *_METHOD]
    seen = set(comlrl_reward.words(first))
    for k, sentence in enumerate(spare):
        unique = len(set(comlrl_reward.words(second))) / len(seen)
        ratio = len(second) / len(first)
        if unique >= 2.05 and ratio >= 1.7:
            break
        room = int(3.1 * len(first)) - len(second) - 16
        fresh = [word for word in sentence.split() if word.lower().strip(".,") not in seen]
        row = " ".join(fresh)[: max(0, room)].rpartition(" ")[0]
        if row:
            second += f" {_LINKS[k % len(_LINKS)]} {row}"
    return first, second.rstrip(" ,;") + "."


def _introductions(sentences: list[str]) -> tuple[str, str]:
    """About 140 and 195 words of the same sentences, each in its frame."""
    first = _woven(_BACKGROUND, sentences, 0, lambda text: len(text.split()) >= 140)
    wanted = 1.4 * len(first)
    second = _woven(_METHOD, sentences, len(sentences) // 2, lambda text: len(text) >= wanted)
    return first, second


def _woven(frame, sentences: list[str], start: int, enough) -> str:
    """Frame and source in turn, word by word until there is enough."""
    text, k = "", 0
    while True:
        source = sentences[(start + k) % len(sentences)]
        for word in f"{frame[k % len(frame)]} {source}".split():
            text = f"{text} {word}".strip()
            if enough(text) or len(text.split()) >= 250:
                return text.rstrip(",;.") + "."
        k += 1
