"""The two-author rewards of arXiv 2508.04652, for side-by-side figures: ``summary`` (TLDR) and
``introduction`` (arXiv). Four levels, each gates the next; 3 points at most.

What is wrong with them is why the ``story`` task has a score of its own: word salad of the right
lengths gets 2 points, markers are matched as substrings (``so`` in ``some``), and nothing reads the
text. Levels 1 to 3 are exactly the published ones. Level 4 has their formula with our lists of
markers and stopwords (:mod:`..language.words`); for ``summary`` we take the scales of ``introduction``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from colllm_bench.envs.writing.language.words import MARKERS, STOPWORDS
from colllm_bench.envs.writing.scoring.measures import jaccard

COMPONENTS = ("structure", "length_ratio", "unique_ratio", "style")
"""Names of the levels in ``infos``, each scaled to 0..1."""
WORTH = (0.5, 1.0, 0.5, 1.0)
"""Points of each level at most."""
MOST = sum(WORTH)
JACCARD_CAP = 0.23


@dataclass(frozen=True)
class Scale:
    """0 below ``start`` (and stop), rising to 1 at ``low``, 1 up to ``high``, falling to 0 at
    ``end``, beyond it stop. ``high`` and ``end`` may be infinite."""

    start: float
    low: float
    high: float
    end: float

    def __call__(self, value: float) -> float | None:
        """The share that ``value`` gets; None: stop."""
        if not self.start <= value <= self.end:
            return None
        if value < self.low:
            return (value - self.start) / (self.low - self.start)
        if value > self.high:
            return (self.end - value) / (self.end - self.high)
        return 1.0


@dataclass(frozen=True)
class Rule:
    """What a task asks for: tokens of each text, and the scales of levels 2 and 3."""

    tokens: tuple[int, int]
    length: Scale
    unique: Scale


INF = float("inf")
RULES = {
    "summary": Rule((8, 256), Scale(1.1, 1.6, 3.2, 5.0), Scale(1.3, 2.0, INF, INF)),
    "introduction": Rule((128, 256), Scale(0.8, 1.3, 1.6, 2.0), Scale(0.5, 0.7, 1.3, 1.7)),
}

_WORD = re.compile(r"\b\w+\b")


def words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def levels(task: str, first: str, second: str) -> tuple[float, float, float, float]:
    """Points of the four levels; 0 from the level that stops on.

    Args:
        task: ``"summary"`` or ``"introduction"``.
        first: the first author's text (concise; background).
        second: the second author's text (detailed; method and implications).
    """
    rule = RULES[task]
    low, high = rule.tokens
    if not all(low <= len(text.split()) <= high for text in (first, second)):
        return (0.0, 0.0, 0.0, 0.0)
    ratio = rule.length(len(second) / len(first))
    if ratio is None:
        return (WORTH[0], 0.0, 0.0, 0.0)
    ours, theirs = set(words(first)), set(words(second))
    # Texts of punctuation alone have no words to compare; nothing is published about them.
    unique = rule.unique(len(theirs) / len(ours)) if ours else None
    if unique is None:
        return (WORTH[0], WORTH[1] * ratio, 0.0, 0.0)
    style = 0.4 * transition(first, second) + 0.6 * min(
        jaccard(ours - STOPWORDS, theirs - STOPWORDS), JACCARD_CAP
    ) / JACCARD_CAP
    return (WORTH[0], WORTH[1] * ratio, WORTH[2] * unique, WORTH[3] * style)


def transition(first: str, second: str) -> float:
    """0 without a marker, else min(1, 0.4 + 0.05 * (categories - 1)), matched as substrings."""
    text = f"{first} {second}".lower()
    count = sum(any(marker in text for marker in kind) for kind in MARKERS.values())
    return min(1.0, 0.4 + 0.05 * (count - 1)) if count else 0.0


def components(points: tuple[float, ...]) -> dict[str, float]:
    """Points as shares of what each level is worth."""
    return {name: p / worth for name, p, worth in zip(COMPONENTS, points, WORTH)}


def rate(
    task: str, sections: Sequence[str]
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """(each author's components, the team's with ``quality``): the same for both, for the
    published reward does not tell them apart."""
    points = levels(task, *sections)
    team = components(points)
    return [dict(team) for _ in sections], team | {"quality": sum(points) / MOST}


# -- a scripted pair of authors

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


def expert(task: str, section: int, source: str) -> str:
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
    seen = set(words(first))
    for k, sentence in enumerate(spare):
        unique, ratio = len(set(words(second))) / len(seen), len(second) / len(first)
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
