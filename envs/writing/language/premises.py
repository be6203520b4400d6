"""Premises: endless, in splits that never meet (:mod:`colllm_bench.envs.splits`).

A name, a place or a conflict belongs to one split, which its text decides; a
premise of a split is made of that split's alone. So the splits share no character, no place and
no conflict, by construction. Objects, tones and required words are everybody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from random import Random

from colllm_bench.envs.splits import split_of
from colllm_bench.envs.writing.language import words
from colllm_bench.envs.writing.language.premise_lists import LISTS

NEEDS = {
    "opening": ("hero", "place", "object"),
    "trouble": ("villain", "deed", "object"),
    "search": ("hero", "friend"),
    "turn": ("hero", "villain"),
    "resolution": ("hero", "object"),
    "resolution of two": ("hero", "villain", "deed", "object"),
}
"""What each part of a plan must speak of."""

JOBS = {
    "opening": "introduce the characters, the place and the object, as things were before",
    "trouble": "tell how the trouble came",
    "search": "tell how the characters tried to put it right, one step further",
    "turn": "tell how the characters faced the one who caused the trouble",
    "resolution": "tell how it ended, and what became of the characters and the object",
}
"""What each part does, in plain English."""


@dataclass(frozen=True)
class Character:
    """A name, and the pronoun that goes with it (``she`` or ``he``)."""

    name: str
    pronoun: str


@dataclass(frozen=True)
class Premise:
    """What a story must be about; ``required[i]`` is the word that section ``i`` must use."""

    hero: Character
    friend: Character
    place: str
    object: str
    villain: str
    deed: str
    tone: str
    required: tuple[str, ...]

    @property
    def conflict(self) -> str:
        return f"{self.villain} {self.deed}"

    @property
    def plan(self) -> tuple[str, ...]:
        """The part of each section, from opening to resolution."""
        middle = len(self.required) - 2
        if middle <= 1:
            return ("opening", *["trouble"] * middle, "resolution")
        return ("opening", "trouble", *["search"] * (middle - 2), "turn", "resolution")

    def needs(self, section: int) -> tuple[str, ...]:
        """What section ``section`` must speak of: names of fields, without its required word."""
        part = self.plan[section]
        if len(self.required) == 2 and part == "resolution":
            part = "resolution of two"
        return NEEDS[part]

    def term(self, field: str) -> str:
        """The text of a field: a character's name, or the word itself."""
        value = getattr(self, field)
        return value.name if isinstance(value, Character) else value


@cache
def names(split: str, lists: str = "narrow") -> dict[str, tuple[str, ...]]:
    """The split's characters by pronoun; ``lists`` is a key of :data:`LISTS`."""
    made_of = LISTS[lists]
    ends = {"she": made_of.she_ends, "he": made_of.he_ends}
    return {
        pronoun: tuple(
            stem + end for stem, end in product(made_of.stems, ends[pronoun])
            if split_of(stem + end) == split
        )
        for pronoun in ends
    }  # fmt: skip


@cache
def places(split: str, lists: str = "narrow") -> tuple[str, ...]:
    pairs = product(LISTS[lists].place_stems, LISTS[lists].place_ends)
    return tuple(stem + end for stem, end in pairs if split_of(stem + end) == split)


@cache
def conflicts(split: str, lists: str = "narrow") -> tuple[tuple[str, str], ...]:
    """(villain, deed) pairs of the split."""
    pairs = product(LISTS[lists].villains, LISTS[lists].deeds)
    return tuple(pair for pair in pairs if split_of(" ".join(pair)) == split)


def draw(agents: int, rng: Random, split: str = "train", lists: str = "narrow") -> Premise:
    """A new premise of the split for ``agents`` sections, from the generator.

    Args:
        lists: what it is made of, a key of :data:`LISTS`.
    """
    hero = _character(rng, split, lists)
    friend = _character(rng, split, lists)
    while friend.name[:2] == hero.name[:2]:
        friend = _character(rng, split, lists)
    villain, deed = rng.choice(conflicts(split, lists))
    return Premise(
        hero=hero,
        friend=friend,
        place=rng.choice(places(split, lists)),
        object=rng.choice(words.OBJECTS),
        villain=villain,
        deed=deed,
        tone=rng.choice(tuple(words.TONES)),
        required=tuple(rng.sample(words.REQUIRED, agents)),
    )


def _character(rng: Random, split: str, lists: str) -> Character:
    pronoun = rng.choice(("she", "he"))
    return Character(rng.choice(names(split, lists)[pronoun]), pronoun)


def brief_premise(premise: Premise) -> str:
    """The premise in fixed places, without the required words.

    Values are words of their own, as they stand in a story: what must be copied into the text is
    easiest copied by its own token.
    """
    p = premise
    return (
        f"hero {p.hero.name} {p.hero.pronoun} friend {p.friend.name} {p.friend.pronoun} "
        f"place {p.place} object {p.object} villain {p.villain} deed {p.deed} tone {p.tone}"
    )


def full_premise(premise: Premise) -> str:
    p = premise
    return (
        f"Main character: {p.hero.name} ({p.hero.pronoun}). Friend: {p.friend.name} "
        f"({p.friend.pronoun}). Place: {p.place}. Object: {p.object}. Conflict: {p.villain} "
        f"{p.deed} {p.object}. Tone: {p.tone}."
    )
