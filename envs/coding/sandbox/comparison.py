"""Is what the program returned what was expected? Decided here, outside the jail, by type."""

from __future__ import annotations

import math
from typing import Any

from colllm_bench.envs.coding.sandbox.inside.values import MAX_DEPTH

KINDS = (type(None), bool, int, float, str, bytes, complex, list, tuple, set, frozenset, dict)
REL_TOL = 1e-6
ABS_TOL = 1e-9


def compare(
    value: Any,
    expected: Any,
    *,
    rel_tol: float = REL_TOL,
    abs_tol: float = ABS_TOL,
    int_as_float: bool = False,
) -> bool:
    """Whether ``value`` equals ``expected``, strictly by type.

    ``True`` is not 1, ``(1, 2)`` is not ``[1, 2]``, 2 is not 2.0; a subclass equals nothing.
    Floats may differ by ``rel_tol`` or ``abs_tol``, infinities equal themselves, NaN equals
    nothing, not even NaN. Keys of dictionaries and members of sets are compared without
    tolerance. Both sides may be any object: nothing of theirs is called.

    Args:
        int_as_float: let an ``int`` pass where a ``float`` is expected and the other way round,
            as ``==`` does; for published test sets that rely on it.

    Raises:
        ValueError: ``expected`` is nested deeper than 100, or holds what is no data.
    """

    def same(a: Any, b: Any, depth: int) -> bool:
        kind = type(b)
        if depth > MAX_DEPTH:
            raise ValueError(f"expected value nested deeper than {MAX_DEPTH}")
        if not any(kind is known for known in KINDS):
            raise ValueError(f"expected value holds a {kind.__name__}, which is no data")
        if kind is float or (int_as_float and kind is int):
            return _number(type(a), kind, int_as_float) and _close(a, b, rel_tol, abs_tol)
        if type(a) is not kind:
            return False
        if b is None:
            return True
        if kind is bool or kind is int or kind is str or kind is bytes:
            return a == b
        if kind is complex:
            return same(a.real, b.real, depth) and same(a.imag, b.imag, depth)
        if kind is list or kind is tuple:
            return len(a) == len(b) and all(same(x, y, depth + 1) for x, y in zip(a, b))
        if kind is set or kind is frozenset:
            return len(a) == len(b) and {key(x) for x in a} == {key(y) for y in b}
        if len(a) != len(b):
            return False
        found = {key(k): v for k, v in a.items()}
        return all(key(k) in found and same(found[key(k)], v, depth + 1) for k, v in b.items())

    return same(value, expected, 0)


def _number(found: type, kind: type, int_as_float: bool) -> bool:
    return found is kind or (int_as_float and (found is int or found is float))


def _close(a: float, b: float, rel_tol: float, abs_tol: float) -> bool:
    if type(a) is int and type(b) is int:
        return a == b
    try:
        return math.isclose(a, b, rel_tol=rel_tol, abs_tol=abs_tol)  # False wherever there is a NaN
    except OverflowError:  # an int beyond what a float can hold
        return False


def key(value: Any) -> Any:
    """A stand-in for a hashable value that equals another's only if type and content do."""
    kind = type(value)
    if kind is tuple:
        return (kind, *(key(item) for item in value))
    if kind is frozenset:
        return (kind, frozenset(key(item) for item in value))
    if kind in (type(None), bool, int, float, str, bytes, complex):
        return (kind, value) if value == value else (kind, object())  # a NaN equals no other
    return (kind, object())
