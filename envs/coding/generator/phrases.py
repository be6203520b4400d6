"""Phrases of the procedural families, read back into code."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache, lru_cache

from colllm_bench.envs.coding.generator.operations import FAMILIES, Family, Op, fill


@cache
def _pattern(op: Op) -> re.Pattern[str]:
    pattern = re.escape(op.phrase).replace(r"\{x\}", "(?P<x>.+)")
    pattern = pattern.replace(r"\{k\}", r"(?P<k>\d+)").replace(r"\{c\}", "(?P<c>[a-z])")
    return re.compile(pattern)


def match(op: Op, phrase: str) -> dict[str, str] | None:
    """The operand and constants of a phrase that says ``op``, else None."""
    found = _pattern(op).fullmatch(phrase)
    return found.groupdict() if found else None


@dataclass(frozen=True)
class Reading:
    """What a phrase says.

    Attributes:
        family: the phrase's.
        ops: (operation, its constants) in the order in which they are done; at level 3 the one
            for the condition and the other.
        kind: ``leaf``, ``two``, ``three``, ``either`` or ``composition``.
        chains: of a composition: one chain or the two that are joined, each the helpers' names
            from the outermost to the innermost.
    """

    family: Family
    ops: tuple[tuple[Op, dict[str, str]], ...]
    kind: str
    chains: tuple[tuple[str, ...], ...] = ()


@lru_cache(maxsize=1 << 14)
def parse(phrase: str) -> Reading | None:
    """The reading of a phrase of :func:`draw`, or None for other text."""
    for family in FAMILIES:
        for kind, pattern in (
            ("either", rf"(.+) if {re.escape(family.test[0])}, else (.+)"),
            ("three", r"(.+), then (.+), then (.+)"),
            ("two", r"(.+), then (.+)"),
            ("leaf", r"(.+)"),
        ):
            found = re.fullmatch(pattern, phrase)
            ops = [_op(family.ops, part, family.param) for part in found.groups()] if found else []
            if ops and all(ops):
                return Reading(family, tuple(ops), kind)
        for op in (*family.final, *family.inner):
            values = match(op, phrase)
            chains = _chains(family, values.pop("x")) if values else None
            if chains:
                return Reading(family, ((op, values),), "composition", chains)
    return None


def _op(ops: tuple[Op, ...], phrase: str, operand: str) -> tuple[Op, dict[str, str]] | None:
    for op in ops:
        values = match(op, phrase)
        if values is not None and values.pop("x") == operand:
            return op, values
    return None


def _chains(family: Family, inside: str) -> tuple[tuple[str, ...], ...] | None:
    word = fill(family.join[0], a="", b="")
    chains = []
    for part in inside.split(word):
        *names, operand = part.split(" of ")
        if operand != family.param or not names:
            return None
        if not all(re.fullmatch(r"step\d+", name) for name in names):
            return None
        chains.append(tuple(names))
    return tuple(chains) if len(chains) <= 2 else None


def expression(reading: Reading) -> str:
    """The expression that a reading stands for."""
    family = reading.family
    if reading.kind == "composition":
        ((op, values),) = reading.ops
        return fill(op.code, x=compose(family, reading.chains, op), **values)
    (first, one), *rest = reading.ops
    done = fill(first.code, x=family.param, **one)
    if reading.kind == "either":
        ((second, two),) = rest
        return f"{done} if {family.test[1]} else {fill(second.code, x=family.param, **two)}"
    for op, values in rest:
        bare = _is_whole(done) or op.code.startswith(("sorted(", "max(", "min("))
        done = fill(op.code, x=done if bare else f"({done})", **values)
    return done


def _is_whole(expression: str) -> bool:
    """Whether anything may be done to an expression without brackets around it: ``f(...)``, and
    lists and dictionaries; not ``[7] + xs + [2]``, for all that it begins and ends in brackets."""
    node = ast.parse(expression, mode="eval").body
    named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return named or isinstance(node, (ast.List, ast.ListComp, ast.Dict, ast.DictComp))


def compose(family: Family, chains: tuple[tuple[str, ...], ...], op: Op | None = None) -> str:
    """``step1(step2(x))`` or two of them joined, in brackets where ``op`` needs them."""
    calls = []
    for chain in chains:
        call = family.param
        for name in reversed(chain):
            call = f"{name}({call})"
        calls.append(call)
    if len(calls) == 1:
        return calls[0]
    joined = fill(family.join[1], a=calls[0], b=calls[1])
    return f"({joined})" if op and ("{x}." in op.code or "{x}[" in op.code) else joined


def read(phrase: str) -> str:
    """The expression that a phrase stands for.

    Raises:
        ValueError: no phrase of these families.
    """
    reading = parse(phrase)
    if reading is None:
        raise ValueError(f"no phrase of the families: {phrase!r}")
    return expression(reading)
