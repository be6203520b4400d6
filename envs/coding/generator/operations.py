"""The operations of the procedural families: a phrase, the expression that it stands for, and
expressions that look alike and are wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CONSTANTS = range(2, 10)


@dataclass(frozen=True)
class Op:
    """An operation. ``{x}`` is the operand, ``{k}`` a number and ``{c}`` a letter drawn for it."""

    phrase: str
    code: str
    wrong: tuple[str, ...] = ()
    """Expressions of the same look that do something else: what novices write instead."""
    lossy: bool = False
    """Whether it forgets much of its operand; a long chain of these would give one result."""

    @property
    def constant(self) -> str:
        return "k" if "{k}" in self.phrase else "c" if "{c}" in self.phrase else ""


@dataclass(frozen=True)
class Family:
    """Operations on one type.

    Attributes:
        name, param, type, domain: of the values that travel through the program.
        ops: a helper's: from the type to itself.
        inner: what a function between may do on top of what it composes; type to itself.
        final: what the entry does on top; the result may be of another type.
        join: how two results become one: (phrase, code), with ``{a}`` and ``{b}``.
        test: a condition on the operand, (phrase, code), for level 3.
    """

    name: str
    param: str
    type: str
    domain: str
    ops: tuple[Op, ...]
    inner: tuple[Op, ...]
    final: tuple[Op, ...]
    join: tuple[str, str]
    test: tuple[str, str]
    results: dict[str, str] = field(default_factory=dict)
    """Annotation of a final operation's result, where it is not the family's type."""


FAMILIES = (
    Family(
        "ints", "x", "int", "int",
        ops=(
            Op("{x} plus {k}", "{x} + {k}", ("{x} - {k}", "{x} * {k}")),
            Op("{x} minus {k}", "{x} - {k}", ("{x} + {k}", "{k} - {x}")),
            Op("{x} times {k}", "{x} * {k}", ("{x} + {k}", "{x} ** {k}")),
            Op("{k} minus {x}", "{k} - {x}", ("{x} - {k}", "{k} + {x}")),
            Op("remainder of {x} by {k}", "{x} % {k}", ("{x} // {k}", "{x} / {k}"), lossy=True),
            Op("quotient of {x} by {k}", "{x} // {k}", ("{x} / {k}", "{x} % {k}"), lossy=True),
            Op("larger of {x} and {k}", "max({x}, {k})", ("min({x}, {k})",), lossy=True),
            Op("smaller of {x} and {k}", "min({x}, {k})", ("max({x}, {k})",), lossy=True),
        ),
        inner=(
            Op("{x}, plus {k}", "{x} + {k}", ("{x} - {k}",)),
            Op("{x}, minus {k}", "{x} - {k}", ("{x} + {k}",)),
        ),
        final=(
            Op("{x}, plus {k}", "{x} + {k}", ("{x} - {k}",)),
            Op("{x}, minus {k}", "{x} - {k}", ("{x} + {k}",)),
            Op("{x}, negated", "-({x})", ("abs({x})",)),
        ),
        join=("{a} plus {b}", "{a} + {b}"),
        test=("x is even", "x % 2 == 0"),
    ),
    Family(
        "lists", "xs", "list[int]", "ints",
        ops=(
            Op("items of {x} above {k}", "[v for v in {x} if v > {k}]",
               ("[v for v in {x} if v < {k}]",), lossy=True),
            Op("items of {x} below {k}", "[v for v in {x} if v < {k}]",
               ("[v for v in {x} if v > {k}]",), lossy=True),
            Op("items of {x} plus {k}", "[v + {k} for v in {x}]", ("[v - {k} for v in {x}]",)),
            Op("items of {x} times {k}", "[v * {k} for v in {x}]", ("[v + {k} for v in {x}]",)),
            Op("{x} with {k} at the end", "{x} + [{k}]", ("[{k}] + {x}",)),
            Op("{x} with {k} in front", "[{k}] + {x}", ("{x} + [{k}]",)),
            Op("{x} in order", "sorted({x})", ("list({x})",), lossy=True),
            Op("{x} reversed", "{x}[::-1]", ("sorted({x})",)),
        ),
        inner=(
            Op("{x}, reversed", "({x})[::-1]", ("({x})",)),
            Op("{x}, with {k} at the end", "{x} + [{k}]", ("[{k}] + {x}",)),
        ),
        final=(
            Op("sum of {x}", "sum({x})", ("len({x})",)),
            Op("length of {x}", "len({x})", ("sum({x})",)),
            Op("largest of {x}, or 0", "max({x}, default=0)", ("min({x}, default=0)",)),
        ),
        join=("{a} then {b}", "{a} + {b}"),
        test=("xs has more than 3 items", "len(xs) > 3"),
        results={"sum of {x}": "int", "length of {x}": "int", "largest of {x}, or 0": "int"},
    ),
    Family(
        "strings", "s", "str", "letters",
        ops=(
            Op("first {k} letters of {x}", "{x}[:{k}]", ("{x}[{k}:]",), lossy=True),
            Op("{x} after {k} letters", "{x}[{k}:]", ("{x}[:{k}]",), lossy=True),
            Op("{x} repeated {k} times", "{x} * {k}", ("{x} + {x}",), lossy=True),
            Op("letter {c} before {x}", '"{c}" + {x}', ('{x} + "{c}"',)),
            Op("letter {c} after {x}", '{x} + "{c}"', ('"{c}" + {x}',)),
            Op("{x} without letter {c}", '{x}.replace("{c}", "")', ('{x}.strip("{c}")',),
               lossy=True),
            Op("{x} in capitals", "{x}.upper()", ("{x}.title()",), lossy=True),
            Op("{x} reversed", "{x}[::-1]", ("{x}[::1]",)),
        ),
        inner=(
            Op("{x}, reversed", "({x})[::-1]", ("({x})",)),
            Op("{x}, with letter {c} at the end", '{x} + "{c}"', ('"{c}" + {x}',)),
        ),
        final=(
            Op("length of {x}", "len({x})", ("str({x})",)),
            Op("{x}, reversed", "({x})[::-1]", ("({x})",)),
            Op("{x}, with letter {c} at the end", '{x} + "{c}"', ('"{c}" + {x}',)),
        ),
        join=("{a} then {b}", "{a} + {b}"),
        test=("s starts with a or b", 's[:1] in ("a", "b")'),
        results={"length of {x}": "int"},
    ),
    Family(
        "dicts", "d", "dict[str, int]", "counts",
        ops=(
            Op("values of {x} plus {k}", "{n: v + {k} for n, v in {x}.items()}",
               ("{n: v - {k} for n, v in {x}.items()}",)),
            Op("values of {x} times {k}", "{n: v * {k} for n, v in {x}.items()}",
               ("{n: v + {k} for n, v in {x}.items()}",)),
            Op("entries of {x} above {k}", "{n: v for n, v in {x}.items() if v > {k}}",
               ("{n: v for n, v in {x}.items() if v < {k}}",), lossy=True),
            Op("entries of {x} below {k}", "{n: v for n, v in {x}.items() if v < {k}}",
               ("{n: v for n, v in {x}.items() if v > {k}}",), lossy=True),
            Op("{x} with {c} set to {k}", '{**{x}, "{c}": {k}}', ('{"{c}": {k}, **{x}}',)),
            Op("{x} without key {c}", '{n: v for n, v in {x}.items() if n != "{c}"}',
               ('{n: v for n, v in {x}.items() if n == "{c}"}',), lossy=True),
        ),
        inner=(Op("{x}, with z set to {k}", '{**{x}, "z": {k}}', ('{"z": {k}}',)),),
        final=(
            Op("sum of values of {x}", "sum({x}.values())", ("sum({x})",)),
            Op("keys of {x} in order", "sorted({x})", ("list({x})",)),
            Op("{x}, with z set to {k}", '{**{x}, "z": {k}}', ('{"z": {k}}',)),
        ),
        join=("{a} merged with {b}", "{**{a}, **{b}}"),
        test=("d has more than 2 keys", "len(d) > 2"),
        results={"sum of values of {x}": "int", "keys of {x} in order": "list[str]"},
    ),
)  # fmt: skip


def fill(template: str, **values: Any) -> str:
    """``{x}``, ``{k}``, ``{c}``, ``{a}``, ``{b}`` replaced; other braces are Python's own."""
    for name, value in values.items():
        template = template.replace("{" + name + "}", str(value))
    return template
