"""The differences between two pieces of JSON, as lines of text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

MOST = 3
"""Differences named; more of them say nothing new."""


def describe_differences(
    expected: Any, claimed: Any, where: str, source: str = "expected", most: int = MOST,
    relative: float = 0.0,
) -> Iterator[str]:
    """``score.trained.mean says 0.99, its own episodes give 0.95``; nothing if all is the same.

    Args:
        expected: what must stand there, as JSON says it.
        claimed: what stands there.
        where: put before each line.
        source: what ``expected`` comes from, with its verb.
        most: lines at most.
        relative: by how much two floats may differ, relative to the larger.
    """
    for count, (path, one, other) in enumerate(_unequal(expected, claimed, "", relative)):
        if count == most:
            yield f"{where}more differences follow"
            return
        yield f"{where}{path.lstrip('.')} says {_short(other)}, {source} {_short(one)}"


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


def _unequal(
    expected: Any, claimed: Any, path: str, relative: float
) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(expected, dict) and isinstance(claimed, dict):
        for key in [*expected, *(key for key in claimed if key not in expected)]:
            one, other = expected.get(key, ABSENT), claimed.get(key, ABSENT)
            yield from _unequal(one, other, f"{path}.{key:.60}", relative)
    elif isinstance(expected, list) and isinstance(claimed, list):
        if len(expected) != len(claimed):
            yield f"the length of {path}", len(expected), len(claimed)
            return
        for k, (one, other) in enumerate(zip(expected, claimed)):
            yield from _unequal(one, other, f"{path}[{k}]", relative)
    elif not _same(expected, claimed, relative):
        yield path, expected, claimed


def _same(one: Any, other: Any, relative: float) -> bool:
    """Equal values; 1 and 1.0 are (JSON makes no difference), 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=relative)
    return one == other


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
