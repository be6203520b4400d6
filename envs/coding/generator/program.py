"""What a team is asked to write: a program of several functions, one an agent.

Plain data: programs are compared, hashed for the split, pickled with the environment. Arguments
are described by the names of :data:`DOMAINS`, not by functions, for the same reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

LETTERS = "abcde"
"""Few letters, so that drawn texts hold the ones that a program looks for."""
NOUNS = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen", "owl", "pig", "rat", "yak")


@dataclass(frozen=True)
class Function:
    """One function of a program.

    Attributes:
        name: as it must be defined.
        params: names of its parameters; None where its author is free to choose them.
        doc: what it does, in English, as a docstring; may have several lines.
        phrase: the same in a few words, for the ``brief`` style; "" where there are none.
        code: the reference solution; "" where there is none (a free helper).
        uses: places in ``Program.functions`` of the functions that it must call.
        inputs: a domain (see :data:`DOMAINS`) for each parameter.
        near: integers that the parameters should often take: where an off-by-one shows.
        types: annotations of the parameters and, last, of the result; may be empty.
    """

    name: str
    params: tuple[str, ...] | None
    doc: str
    phrase: str = ""
    code: str = ""
    uses: tuple[int, ...] = ()
    inputs: tuple[str, ...] = ()
    near: tuple[int, ...] = ()
    types: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        """``name(x: int) -> int``, or ``name(...)`` where the author is free."""
        if self.params is None:
            return f"{self.name}(...)"
        if not self.types:
            return f"{self.name}({', '.join(self.params)})"
        pairs = ", ".join(f"{p}: {t}" for p, t in zip(self.params, self.types, strict=False))
        return f"{self.name}({pairs}) -> {self.types[-1]}"


@dataclass(frozen=True)
class Check:
    """How a published test looks at a result, where it is not compared strictly by type.

    Attributes:
        how: ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``is``, ``is not``, ``in``, ``not in``,
            ``contains``, ``lacks``: Python's own comparison; ``isclose``, ``near``, ``evalplus``:
            with a tolerance; ``recorded``: against what the reference gave.
        left: what is looked at, an expression of ``_result``; "" for the result itself.
        bound: values of names in ``left``.
        modules: (name, module) of names in ``left``.
        options: of the tolerance.
    """

    how: str = "=="
    left: str = ""
    bound: tuple[tuple[str, Any], ...] = ()
    modules: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Case:
    """One test: a function's name, its arguments, what it must return.

    Attributes:
        function: its name.
        args: positional arguments.
        expected: what it must return (or what ``check`` must find).
        check: how a published test compares; None: strictly by type.
        named: keyword arguments.
    """

    function: str
    args: tuple[Any, ...]
    expected: Any
    check: Check | None = None
    named: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Program:
    """A task: functions in the order of the agents; the last one is the entry.

    Attributes:
        name: a title, unique within its source.
        kind: ``families``, ``problems`` or ``data``: where it comes from.
        functions: one an agent.
        given: code that stands above the team's and that everybody sees (imports, helpers).
        tests: the entry's tests, where they are fixed; None where they are drawn fresh
            from the reference solution.
        examples: shown in the prompt as they are (problems that were read from a file); the
            others' are drawn.
        title: the text of the whole task, shown to everybody; "" if the docstrings say it all.
    """

    name: str
    kind: str
    functions: tuple[Function, ...]
    given: str = ""
    tests: tuple[Case, ...] | None = None
    examples: tuple[Case, ...] = ()
    title: str = ""

    @property
    def entry(self) -> Function:
        return self.functions[-1]

    @property
    def specified(self) -> bool:
        """Whether every function has a reference, so that each can be tested for itself."""
        return all(function.code for function in self.functions)

    def below(self, k: int) -> list[int]:
        """Places of all functions that function ``k`` calls, directly or not, ascending."""
        found: set[int] = set()
        todo = list(self.functions[k].uses)
        while todo:
            place = todo.pop()
            if place not in found:
                found.add(place)
                todo += self.functions[place].uses
        return sorted(found)

    def reference(self) -> str:
        """The whole program as its authors would have it."""
        parts = [self.given, *(function.code for function in self.functions)]
        return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


@lru_cache(maxsize=512)
def _compiled(source: str) -> Any:
    return compile(source, "<reference>", "exec")


def namespace(*sources: str) -> dict[str, Any]:
    """The names that *our own* sources define. Never for what an agent wrote: that runs in
    the sandbox and nowhere else."""
    names: dict[str, Any] = {"__name__": "reference"}
    for source in sources:
        exec(_compiled(source), names)
    return names


# -- arguments


def _int(rng: Random, near: tuple[int, ...]) -> int:
    if near and rng.random() < 0.4:
        return rng.choice(near) + rng.choice((-1, 0, 0, 1))
    return rng.randint(-12, 24)


def _ints(rng: Random, near: tuple[int, ...]) -> list[int]:
    return [_int(rng, near) for _ in range(rng.randint(2, 5))]


def _letters(rng: Random, near: tuple[int, ...]) -> str:
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(3, 7)))


def _counts(rng: Random, near: tuple[int, ...]) -> dict[str, int]:
    keys = rng.sample(LETTERS, rng.randint(2, 4))
    return {key: _int(rng, near) for key in keys}


def _words(rng: Random, near: tuple[int, ...]) -> list[str]:
    return [rng.choice(NOUNS) for _ in range(rng.randint(2, 7))]


def _text(rng: Random, near: tuple[int, ...]) -> str:
    words = _words(rng, near)
    marks = [rng.choice(("", "", "", ",", "!", ".")) for _ in words]
    cased = [rng.choice((w, w, w.capitalize(), w.upper())) for w in words]
    return " ".join(w + m for w, m in zip(cased, marks, strict=True))


def _pairs(rng: Random, near: tuple[int, ...]) -> list[list]:
    return [[rng.choice(NOUNS[:5]), rng.randint(0, 20)] for _ in range(rng.randint(2, 6))]


def _grid(rng: Random, near: tuple[int, ...]) -> list[list[int]]:
    rows, columns = rng.randint(2, 4), rng.randint(2, 4)
    return [[rng.randint(0, 9) for _ in range(columns)] for _ in range(rows)]


def _spans(rng: Random, near: tuple[int, ...]) -> list[list[int]]:
    starts = [rng.randint(0, 20) for _ in range(rng.randint(2, 5))]
    return [[start, start + rng.randint(1, 8)] for start in starts]


def _brackets(rng: Random, near: tuple[int, ...]) -> str:
    text = "".join(rng.choice("()[]") for _ in range(rng.randint(2, 8)))
    nested = "([])" * rng.randint(1, 2) if rng.random() < 0.5 else text
    return nested if rng.random() < 0.5 else text


def _digits(rng: Random, near: tuple[int, ...]) -> str:
    return "".join(rng.choice("0123456789") for _ in range(rng.randint(3, 9)))


def _bits(rng: Random, near: tuple[int, ...]) -> list[int]:
    return [rng.randint(0, 1) for _ in range(rng.randint(3, 9))]


def _runs(rng: Random, near: tuple[int, ...]) -> str:
    return "".join(rng.choice(LETTERS[:3]) * rng.randint(1, 4) for _ in range(rng.randint(2, 5)))


DOMAINS = {
    "int": _int,
    "nat": lambda rng, near: rng.randint(0, 20),
    "pos": lambda rng, near: rng.randint(1, 12),
    "big": lambda rng, near: rng.randint(20, 400),
    "float": lambda rng, near: round(rng.uniform(-20, 40), 2),
    "ints": _ints,
    "nats": lambda rng, near: [rng.randint(0, 15) for _ in range(rng.randint(2, 7))],
    "floats": lambda rng, near: [round(rng.uniform(0, 30), 1) for _ in range(rng.randint(2, 6))],
    "letters": _letters,
    "letter": lambda rng, near: rng.choice(LETTERS),
    "counts": _counts,
    "words": _words,
    "text": _text,
    "pairs": _pairs,
    "grid": _grid,
    "spans": _spans,
    "brackets": _brackets,
    "digits": _digits,
    "bits": _bits,
    "runs": _runs,
    "noun": lambda rng, near: rng.choice(NOUNS),
    "roman": lambda rng, near: "".join(rng.choice("IVXLCDM") for _ in range(rng.randint(1, 5))),
    "span": lambda rng, near: _spans(rng, near)[0],
}
"""Kinds of arguments, by name: functions of a generator and of integers to be near to."""


def draw_args(function: Function, rng: Random) -> tuple[Any, ...]:
    return tuple(DOMAINS[domain](rng, function.near) for domain in function.inputs)
