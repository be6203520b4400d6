"""Procedural families: endless programs of composed functions over ints, lists, strings, dicts.

A helper does one operation on a value of its family's type (at level 2 two in turn, at level 3
one or another, by a condition, at level 4 three in turn). An entry (and, in large teams, a
function between) composes its helpers and does an operation of its own on top, so that it is
never a mere wrapper:

    step1(xs): items of xs above 3
    step2(xs): items of xs times 2
    solve(xs): sum of step1 of step2 of xs          return sum(step1(step2(xs)))

A phrase stands for exactly one expression, so that :func:`.phrases.read` turns it back into code:
that is what the scripted expert does, and what a small model can learn.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from random import Random
from typing import Any

from colllm_bench.envs.coding.generator.behaviour import behaviour
from colllm_bench.envs.coding.generator.operations import CONSTANTS, FAMILIES, Family, Op, fill
from colllm_bench.envs.coding.generator.phrases import match, parse, read
from colllm_bench.envs.coding.generator.program import (
    LETTERS,
    Function,
    Program,
    draw_args,
    namespace,
)
from colllm_bench.envs.splits import split_of

ENTRY = "solve"
LONG = 6
"""Teams larger than this do no lossy operations: too few programs would be alive."""


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


def draw(
    agents: int, level: int, rng: Random, split: str = "train", split_by: str = "form"
) -> Program:
    """A new program of the split, in which every helper makes a difference.

    Args:
        split_by: what decides a program's split, a key of :data:`SPLIT_BY`.
    """
    key = SPLIT_BY[split_by]
    while True:
        made = _draw(agents, level, rng)
        if not _explodes(made) and split_of(key(made)) == split and _alive(made, rng):
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


SPLIT_BY = {"form": canonical, "behaviour": behaviour}
"""What is hashed for the split: how a program is written, or what it does."""


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
    """The function that a phrase describes; its reference is what :func:`.phrases.read` gives."""
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
    count = 3 if level == 4 else 2  # level 1 draws a second one too: its programs follow from it
    chosen = [
        fill(op.phrase, **_constants(rng), x=family.param) for op in rng.sample(ops, count)
    ]
    if level == 1:
        return chosen[0]
    if level == 3:
        return f"{chosen[0]} if {family.test[0]}, else {chosen[1]}"
    return ", then ".join(chosen)


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


def _explodes(program: Program) -> bool:
    """Texts of texts of texts: nine to the power of helpers."""
    return sum(function.phrase.count("repeated") for function in program.functions) > 2
