"""The comparisons of published tests: Python's own, and those with a tolerance.

Both sides are plain data (what crossed the jail's wall was made anew of built-in types), so that
comparing runs nobody's code.
"""

from __future__ import annotations

import math
import operator
from typing import Any

from colllm_bench.envs.coding.generator.program import Check
from colllm_bench.envs.coding.sandbox import compare

OPERATORS = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
    "in": lambda value, expected: value in expected,
    "not in": lambda value, expected: value not in expected,
    "contains": lambda value, expected: expected in value,
    "lacks": lambda value, expected: expected not in value,
}  # fmt: skip


def passes(value: Any, expected: Any, check: Check) -> bool:
    """Whether ``value`` passes the test as published.

    ``is`` compares identity for None, True and False, else type and value. ``recorded``: the
    value of the reference, floats within a relative 1e-6. An error of the comparison is no pass.
    """
    options = dict(check.options)
    try:
        if check.how in OPERATORS:
            return bool(OPERATORS[check.how](value, expected))
        if check.how in ("is", "is not"):
            same = value is expected if expected in (None, True, False) else (
                type(value) is type(expected) and value == expected)
            return same == (check.how == "is")
        if check.how == "isclose":
            return math.isclose(value, expected, **options)
        if check.how == "near":
            away = abs(value - expected)
            return away < options["tolerance"] or (
                not options["strict"] and away == options["tolerance"])
        if check.how == "evalplus":
            return value == expected or _all_close(value, expected, options["atol"])
    except (TypeError, ValueError, ArithmeticError, RecursionError):
        return False
    return compare(value, expected, int_as_float=True)


def _all_close(value: Any, expected: Any, atol: float) -> bool:
    """``numpy.allclose(value, expected, rtol=1e-7, atol=atol)``, as EvalPlus asks where a tolerance
    is given or floats are expected (then 1e-6)."""
    floats = isinstance(expected, float) or (
        isinstance(expected, (list, tuple)) and bool(expected)
        and all(isinstance(item, float) for item in expected))
    atol = atol or (1e-6 if floats else 0)
    if not atol:
        return False
    return _near(value, expected, atol)


def _near(value: Any, expected: Any, atol: float) -> bool:
    if isinstance(expected, (list, tuple)):
        return isinstance(value, (list, tuple)) and len(value) == len(expected) and all(
            _near(a, b, atol) for a, b in zip(value, expected))
    return value == expected or abs(value - expected) <= atol + 1e-7 * abs(expected)
