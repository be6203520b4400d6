"""Sections and stories from the grammar: right ones, and ones with a novice's faults."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from dataclasses import replace

from colllm_bench.envs.writing.language import grammar, premises
from colllm_bench.envs.writing.language.premises import Character, Premise

HABITS = ("names", "object", "link", "word", "again", "part", "stop")
"""What novices get wrong, each on its own: they call the characters Bob and Sue; write of a
thing instead of the object; begin without a link; leave the required word out; say a sentence
twice; write an opening whatever their part; leave the last sentence unfinished."""

WRONG_HERO, WRONG_FRIEND = Character("Bob", "he"), Character("Sue", "she")
WRONG_OBJECT, WRONG_WORD = "thing", "bit"


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


def stories(rng: random.Random, count: int, agents: int | None = None) -> Iterator[str]:
    """``count`` whole stories of experts, on premises of the training split."""
    for _ in range(count):
        n = agents or rng.choice((2, 3, 4, 5, 8))
        premise = premises.draw(n, rng)
        words = rng.choice((30, 30, 50))
        yield " ".join(write(premise, k, words, rng) for k in range(n))
