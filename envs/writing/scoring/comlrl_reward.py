"""The two-author rewards of arXiv 2508.04652, for side-by-side figures: ``summary`` (TLDR) and
``introduction`` (arXiv). Four levels, each gates the next; 3 points at most.

What is wrong with them is why the ``story`` task has a score of its own: word salad of the right
lengths gets 2 points, markers are matched as substrings (``so`` in ``some``), and nothing reads the
text. Levels 1 to 3 are exactly the published ones. Level 4 has their formula with our lists of
markers and stopwords (:mod:`..language.words`); for ``summary`` we take the scales
of ``introduction``.
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
