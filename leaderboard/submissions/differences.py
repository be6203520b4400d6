"""Where two pieces of JSON differ, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOST = 3
"""Differences named; more of them say nothing new."""


def difference(
    expected: Any, said: Any, where: str, source: str = "expected", most: int = MOST
) -> Iterator[str]:
    """``score.trained.mean says 0.99, its own episodes give 0.95``; nothing if all is the same.

    Args:
        expected: what must stand there, as JSON says it.
        said: what stands there.
        where: put before each line.
        source: what ``expected`` comes from, with its verb.
        most: lines at most.
    """
    for count, (path, one, other) in enumerate(_unequal(expected, said, "")):
        if count == most:
            yield f"{where}more differences follow"
            return
        yield f"{where}{path.lstrip('.')} says {_short(other)}, {source} {_short(one)}"


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


def _unequal(expected: Any, said: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(expected, dict) and isinstance(said, dict):
        for key in [*expected, *(key for key in said if key not in expected)]:
            one, other = expected.get(key, ABSENT), said.get(key, ABSENT)
            yield from _unequal(one, other, f"{path}.{key:.60}")
    elif isinstance(expected, list) and isinstance(said, list):
        if len(expected) != len(said):
            yield f"the length of {path}", len(expected), len(said)
            return
        for k, (one, other) in enumerate(zip(expected, said)):
            yield from _unequal(one, other, f"{path}[{k}]")
    elif not _same(expected, said):
        yield path, expected, said


def _same(one: Any, other: Any) -> bool:
    """Equal values; 1 and 1.0 are (JSON makes no difference), 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
