"""Procedural families: endless programs of composed functions over ints, lists, strings, dicts.

A helper does one operation on a value of its family's type (at level 2 two in turn, at level 3
one or another, by a condition). An entry (and, in large teams, a function between) composes its
helpers and does an operation of its own on top, so that it is never a mere wrapper:

    step1(xs): items of xs above 3
    step2(xs): items of xs times 2
    solve(xs): sum of step1 of step2 of xs          return sum(step1(step2(xs)))

A phrase stands for exactly one expression, so that :func:`read` turns it back into code: that is
what the scripted expert does, and what a small model can learn.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from functools import cache, lru_cache
from random import Random
from typing import Any

from colllm_bench.envs.coding.program import (
    LETTERS,
    Function,
    Program,
    draw_args,
    namespace,
)

EVAL_SHARE = 5
"""One program in this many belongs to the evaluation split."""
ENTRY = "solve"
CONSTANTS = range(2, 10)
LONG = 6
"""Teams larger than this do no lossy operations: too few programs would be alive."""


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
BY_NAME = {family.name: family for family in FAMILIES}
BY_PARAM = {family.param: family for family in FAMILIES}


def fill(template: str, **values: Any) -> str:
    """``{x}``, ``{k}``, ``{c}``, ``{a}``, ``{b}`` replaced; other braces are Python's own."""
    for name, value in values.items():
        template = template.replace("{" + name + "}", str(value))
    return template


def split_of(canonical: str) -> str:
    """The split that a program belongs to, by the CRC-32 of its canonical form."""
    return "eval" if zlib.crc32(canonical.encode()) % EVAL_SHARE == 0 else "train"


# -- shapes


def tree(helpers: int) -> list[tuple[int, ...]]:
    """Which functions each function calls: leaves first, then those between, the entry last.

    Up to three helpers are the entry's own. With more, three functions stand between and share
    the others, at most four each.
    """
    if helpers <= 3:
        return [()] * helpers + [tuple(range(helpers))]
    leaves = helpers - 3
    shares = [tuple(range(leaves))[i::3] for i in range(3)]
    # Groups without a leaf are leaves themselves, and stand first.
    shares.sort(key=len)
    return [()] * leaves + shares + [tuple(range(leaves, helpers))]


def draw(agents: int, level: int, rng: Random, split: str = "train") -> Program:
    """A new program of the split, in which every helper makes a difference."""
    while True:
        made = _draw(agents, level, rng)
        if split_of(canonical(made)) == split and _alive(made, rng):
            return made


def canonical(program: Program) -> str:
    """The program as one expression from the entry down, without the helpers' names: equal for
    two programs that differ only in who writes which helper."""

    def expand(k: int) -> str:
        function = program.functions[k]
        text = f"({function.phrase})"
        for place in function.uses:
            name = program.functions[place].name
            text = re.sub(rf"\b{name}\b", lambda _, p=place: expand(p), text)
        return text

    return f"{program.entry.params[0]}: {expand(len(program.functions) - 1)}"


def _draw(agents: int, level: int, rng: Random) -> Program:
    family = rng.choice(FAMILIES)
    shape = tree(agents - 1)
    functions: list[Function] = []
    for k, uses in enumerate(shape):
        entry = k == len(shape) - 1
        name = ENTRY if entry else f"step{k + 1}"
        if uses:
            order = rng.sample(uses, len(uses))
            names = [functions[place].name for place in order]
            phrase = _composition(family, names, entry, rng)
        else:
            ops = [op for op in family.ops if agents <= LONG or not op.lossy]
            phrase = _leaf(family, ops, level, rng)
        functions.append(make(name, phrase, tuple(sorted(uses))))
    title = f"{family.name}-{zlib.crc32(repr([f.phrase for f in functions]).encode()):08x}"
    return Program(title, "families", tuple(functions))


@lru_cache(maxsize=1 << 14)
def make(name: str, phrase: str, uses: tuple[int, ...] = ()) -> Function:
    """The function that a phrase describes; its reference is what :func:`read` gives."""
    family = parse(phrase).family
    body = read(phrase)
    numbers = tuple(int(k) for k in re.findall(r"\b\d+\b", phrase))
    result = family.type
    for op in family.final if name == ENTRY else ():
        if match(op, phrase):
            result = family.results.get(op.phrase, family.type)
            break
    return Function(
        name=name,
        params=(family.param,),
        doc=f"Return {phrase}.",
        phrase=phrase,
        code=f"def {name}({family.param}):\n    return {body}\n",
        uses=uses,
        inputs=(family.domain,),
        near=numbers,
        types=(family.type, result),
    )


def _constants(rng: Random) -> dict[str, Any]:
    return {"k": rng.choice(CONSTANTS), "c": rng.choice(LETTERS)}


def _leaf(family: Family, ops: list[Op], level: int, rng: Random) -> str:
    first, second = (fill(op.phrase, **_constants(rng)) for op in rng.sample(ops, 2))
    own = fill(first, x=family.param)
    if level == 1:
        return own
    other = fill(second, x=family.param)
    if level == 2:
        return f"{own}, then {other}"
    return f"{own} if {family.test[0]}, else {other}"


def _composition(family: Family, names: list[str], entry: bool, rng: Random) -> str:
    """Two in three compositions are chains; others join what two chains give."""
    if len(names) >= 2 and rng.random() < 1 / 3:
        cut = rng.randint(1, len(names) - 1)
        a, b = (" of ".join([*part, family.param]) for part in (names[:cut], names[cut:]))
        inside = fill(family.join[0], a=a, b=b)
    else:
        inside = " of ".join([*names, family.param])
    op = rng.choice(family.final if entry else family.inner)
    return fill(op.phrase, x=inside, **_constants(rng))


def _alive(program: Program, rng: Random) -> bool:
    """Whether the result varies, and every helper matters: with a helper that gives back its
    argument, at least half of the results would be wrong (in teams of more than four a quarter)."""
    if sum(function.phrase.count("repeated") for function in program.functions) > 2:
        return False  # texts of texts of texts: nine to the power of helpers
    names = namespace(program.reference())
    own = Random(rng.getrandbits(32))
    args = [draw_args(program.entry, own) for _ in range(8)]
    solve = names[ENTRY]
    results = [solve(*a) for a in args]
    if len({repr(r) for r in results}) < 5:
        return False
    if sum(r == a[0] for a, r in zip(args, results, strict=True)) > 4:
        return False  # it does nothing
    for helper in program.functions[:-1]:
        kept, names[helper.name] = names[helper.name], lambda value: value
        same = sum(solve(*a) == r for a, r in zip(args, results, strict=True))
        names[helper.name] = kept
        if same > (4 if len(program.functions) <= 4 else 6):
            return False
    return True


# -- reading phrases


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
        kind: ``leaf``, ``two``, ``either`` or ``composition``.
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
    own = fill(first.code, x=family.param, **one)
    if not rest:
        return own
    ((second, two),) = rest
    if reading.kind == "two":
        bare = re.fullmatch(r"\w+\(.*\)|[\[{].*[\]}]", own) or second.code.startswith(
            ("sorted(", "max(", "min(")
        )
        return fill(second.code, x=own if bare else f"({own})", **two)
    return f"{own} if {family.test[1]} else {fill(second.code, x=family.param, **two)}"


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
