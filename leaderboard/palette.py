"""The look of each method, the same in figures and on the page.

Colours of Okabe and Ito (2008), which the colour-blind can tell apart; dashes and markers tell
methods apart in black and white.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

BUILT_IN = ("cc", "dc", "mc", "central")
"""Methods that look the same in every report."""
COLOURS = (
    ("#0072B2", "#56B4E9"), ("#D55E00", "#F07F2D"), ("#009E73", "#2FC497"),
    ("#CC79A7", "#DC9CC0"), ("#E69F00", "#E69F00"), ("#56B4E9", "#F0E442"),
)
"""On a light and on a dark ground."""
DASHES = (
    (), (3, 1.6), (4, 1.2, 1, 1.2), (1, 1.2), (4, 1.2, 1, 1.2, 1, 1.2), (0.5, 0.8),
)
"""Lengths of strokes and gaps, as multiples of the line's width."""
MARKERS = (
    ("circle", "o"), ("square", "s"), ("triangle", "^"), ("diamond", "D"), ("wedge", "v"),
    ("plus", "P"), ("cross", "X"),
)
"""Name on the page, and matplotlib's."""


@dataclass(frozen=True)
class Look:
    """How a method is drawn: one of each of the tuples above."""

    colours: tuple[str, str]
    dash: tuple[float, ...]
    marker: tuple[str, str]


def look(index: int) -> Look:
    """The look with a number; no two alike up to 36."""
    colour, dash = index % len(COLOURS), (index + index // len(COLOURS)) % len(DASHES)
    return Look(COLOURS[colour], DASHES[dash], MARKERS[index % len(MARKERS)])


def looks(methods: Iterable[str]) -> dict[str, Look]:
    """The look of each method: the built-in ones first, then the others by name."""
    names = [*BUILT_IN, *sorted(set(methods) - set(BUILT_IN))]
    return {name: look(index) for index, name in enumerate(names)}
