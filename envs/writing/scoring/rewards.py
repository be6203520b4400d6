"""The score of a story: components between 0 and 1, and the quality that they make.

Every component is a number a section (so that each author sees its own); the team's is the mean.
Formulas and sources: :mod:`.measures`, :mod:`.ngram_model` and the functions here.

The quality is a product, so that gaming one component never pays. Four are *gates*, at 1 for
any honest text, that multiply: ``length``, ``repetition``, ``copying``, ``fluency``. The others are
*merits* in a weighted geometric mean: whoever has nothing of one of them has nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from colllm_bench.envs.writing.language import premises
from colllm_bench.envs.writing.language import tokens as tk
from colllm_bench.envs.writing.language.premises import Character, Premise
from colllm_bench.envs.writing.language.words import TONE_WORDS
from colllm_bench.envs.writing.scoring import measures
from colllm_bench.envs.writing.scoring.spelling import spelling

GATES = ("length", "repetition", "copying", "fluency")
MERITS = {
    "coverage": 0.40, "continuity": 0.22, "cohesion": 0.14, "transitions": 0.10,
    "diversity": 0.07, "balance": 0.07,
}  # fmt: skip
"""Weights of the geometric mean; they add up to 1."""
COMPONENTS = (*GATES, *MERITS)

SUCCESS = 0.75
"""Quality from which a story counts as a success."""

Fluency = Callable[[Sequence[tk.Text], frozenset[str]], list[float]]
"""Fluency of each section, given the names that occur."""


def score(
    sections: Sequence[str], premise: Premise, wanted: int, fluency: Fluency | None
) -> dict[str, list[float]]:
    """Every component of every section.

    Args:
        sections: the texts, opening first; empty ones count as unwritten.
        premise: what they must be about.
        wanted: words that a section should have.
        fluency: the reference model, or None to leave fluency out (it is then 1 for sections
            that have words).
    """
    texts = [tk.read(section) for section in sections]
    known = frozenset(term.lower() for term in _names(premise))
    names = tk.find_names(texts, known)
    counts = [len(t.words) for t in texts]
    story = tuple(word for t in texts for word in t.words)
    result = {
        "length": [measures.length(count, wanted) for count in counts],
        "repetition": [measures.repetition(t.words) for t in texts],
        "copying": _copying(texts, premise),
        "fluency": [
            value * _finished(t) * spelling(t, names)
            for value, t in zip(fluency(texts, names) if fluency else [1.0] * len(texts), texts)
        ],
        "coverage": coverage(texts, premise),
        "continuity": continuity(texts, premise, names, known),
        "cohesion": measures.cohesion([t.content for t in texts]),
        "transitions": measures.transitions(texts),
        "diversity": [measures.diversity(story)] * len(texts),
        "balance": measures.balance(counts) if story else [0.0] * len(texts),
    }
    for values in result.values():
        for i, count in enumerate(counts):
            if not count:
                values[i] = 0.0
    return result


def rate(
    sections: Sequence[str], premise: Premise, wanted: int, fluency: Fluency | None
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """:func:`score`, as (each author's own components, the team's with ``quality``)."""
    rows = score(sections, premise, wanted, fluency)
    own = [{name: float(v[i]) for name, v in rows.items()} for i in range(len(sections))]
    team = {name: float(sum(v) / len(v)) for name, v in rows.items()}
    return own, team | {"quality": quality(team)}


def quality(components: dict[str, float]) -> float:
    """product of gates * product of merits ** weight, between 0 and 1."""
    value = math.prod(components[name] for name in GATES)
    return value * math.prod(components[name] ** weight for name, weight in MERITS.items())


def _finished(t: tk.Text) -> float:
    """1, or 0.8 for a section that breaks off in the middle of a sentence."""
    return 1.0 if t.tokens and t.tokens[-1] in tk.ENDS | tk.QUOTES else 0.8


def _names(premise: Premise) -> tuple[str, str, str]:
    return premise.hero.name, premise.friend.name, premise.place


def coverage(texts: Sequence[tk.Text], premise: Premise) -> list[float]:
    """Share of what its part of the plan needs that a section speaks of.

    Items: each field of :data:`premises.NEEDS`, the section's required word (counted twice), and
    the tone (a word of :data:`words.TONE_WORDS`). Words are compared by stem; a deed also counts
    by its other forms.
    """
    tone = {tk.stem(word) for word in TONE_WORDS[premise.tone]}
    shares = []
    for i, t in enumerate(texts):
        own = set(t.stems)
        items = [_has(own, premise.term(field)) for field in premise.needs(i)]
        items += [_has(own, premise.required[i])] * 2 + [bool(own & tone)]
        shares.append(sum(items) / len(items))
    return shares


_FORMS = {
    "stole": "steal stolen theft", "hid": "hide hidden", "buried": "bury", "took": "take taken",
    "grabbed": "grab", "seized": "seize", "snatched": "snatch", "claimed": "claim",
}  # fmt: skip


def _has(stems: set[str], term: str) -> bool:
    forms = (term, *_FORMS.get(term, "").split())
    return any(tk.stem(form) in stems for form in forms)


def _copying(texts: Sequence[tk.Text], premise: Premise) -> list[float]:
    """Copying from the other sections, and from the premise as it was shown."""
    grams = [set(tk.ngrams(t.words, 4)) for t in texts]
    shown: set[tuple[str, ...]] = set()
    for told in (premises.brief_premise(premise), premises.full_premise(premise)):
        shown |= set(tk.ngrams(tk.read(told).words, 4))
    scores = []
    for i, t in enumerate(texts):
        others = set().union(shown, *(g for k, g in enumerate(grams) if k != i))
        scores.append(measures.copying(t.words, others))
    return scores


def continuity(
    texts: Sequence[tk.Text], premise: Premise, names: frozenset[str], known: frozenset[str]
) -> list[float]:
    """known * (anchored + introduced) / 2, for each section.

    * known: mentions of the premise's names among all mentions of names (another hero or another
      town contradicts the premise);
    * anchored: 1 if a character of the premise is named, 0.5 if only a pronoun stands for one,
      else 0;
    * introduced: share of uses that are prepared. A use is a premise's name or object, or one of
      ``she/he/her/his/him``. Unprepared are: a pronoun before any character of that gender
      was named; ``the`` object before there was one; whoever appears for the first time in the
      last of three or more sections.
    """
    people = (premise.hero, premise.friend)
    named: set[str] = set()
    seen: set[str] = set()
    scores = []
    for i, t in enumerate(texts):
        late = len(texts) > 2 and i == len(texts) - 1
        uses, unprepared, own, foreign = 0, 0, 0, 0
        before = ""
        for word in t.words:
            bare = word.removesuffix("'s")
            if bare in names:
                own += bare in known
                foreign += bare not in known
            if bare in known:
                uses += 1
                unprepared += late and bare not in seen
                seen.add(bare)
                named |= {p.pronoun for p in people if p.name.lower() == bare}
            elif word in _GENDER:
                uses += 1
                unprepared += _GENDER[word] not in named
            elif tk.stem(word) == tk.stem(premise.object):
                uses += 1
                unprepared += premise.object not in seen and (late or before == "the")
                seen.add(premise.object)
            before = word
        share = own / (own + foreign) if own + foreign else 1.0
        anchor = _anchor(t, people)
        introduced = 1.0 - unprepared / uses if uses else 0.0
        scores.append(share * (anchor + introduced) / 2)
    return scores


_GENDER = {"she": "she", "her": "she", "hers": "she", "herself": "she",
           "he": "he", "his": "he", "him": "he", "himself": "he"}  # fmt: skip


def _anchor(t: tk.Text, people: Sequence[Character]) -> float:
    bare = {word.removesuffix("'s") for word in t.words}
    if any(person.name.lower() in bare for person in people):
        return 1.0
    return 0.5 if bare & {*_GENDER, "they", "them"} else 0.0
