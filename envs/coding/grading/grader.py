"""Tests a program in the sandbox and says what is right about it.

Nothing that an agent wrote runs outside the sandbox, and what comes out of it is data: arguments
go in, results come back, and they are compared with the expected ones here
(:func:`colllm_bench.envs.coding.sandbox.compare`). Whether teammates' functions are really used is
measured as well, by running the program again with one of them replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from colllm_bench.envs.coding.generator.hidden_tests import Cases
from colllm_bench.envs.coding.generator.program import Case, Program
from colllm_bench.envs.coding.grading.parsing import Piece, assemble
from colllm_bench.envs.coding.grading.published_checks import passes
from colllm_bench.envs.coding.sandbox import Limits, Outcome, compare, safe_repr
from colllm_bench.errors import RunError

LONGEST_GOT = 2000
"""Characters that are kept of a wrong result."""
WITNESSES = 3
"""Passed tests that are run again with a helper replaced."""
CALL = "_colllm_call"
"""The function that the sandbox is asked to call: all tests of a program are one job, because a
job costs milliseconds and a test microseconds. Each is answered by the program loaded anew. The
program may replace the function; it would only change the data that comes out."""
DISPATCH = '''

def _colllm_call(name, args, helper=None, how=None, below=None, named=None, look=None):
    """Call a function: of the program as it is, with one helper replaced, or with the functions
    below it as specified. With ``look``, give what a published test looks at in the result."""
    names = globals()
    if below:
        exec(below, names)
    if helper:
        names[helper] = _colllm_replaced(names.get(helper), how)
    value = names[name](*args, **(named or {}))
    return _colllm_look(value, *look) if look else value


def _colllm_look(_result, left, bound, modules):
    import builtins

    own = {name: value for name, value in globals().items() if not hasattr(builtins, name)}
    imported = {name: __import__(module, fromlist=["_"]) for name, module in modules}
    return eval(left, {**own, **imported, **bound, "__builtins__": builtins, "_result": _result})


def _colllm_replaced(function, how):
    def replaced(*args, **named):
        if how == "raises":
            raise RuntimeError("replaced")
        return _colllm_changed(function(*args, **named), how == "plus")

    return replaced


def _colllm_changed(value, plus):
    """Another value of the same type: larger (plus) or smaller."""
    kind = type(value)
    if kind is bool:
        return not value
    if kind in (int, float, complex):
        return 2 * value + 1007 if plus else -3 * value - 1007  # no difference cancels it
    if kind is str:
        return "~" + value[::-1] + "~q" if plus else ""
    if kind in (list, tuple):
        items = list(value)
        ends = [_colllm_changed(i, plus) for i in (items[:1] + items[-1:])] or [1007]
        return kind([ends[0], *items, ends[-1]] if plus else [])
    if kind is dict:
        other = {k: _colllm_changed(v, plus) for k, v in value.items()}
        return {**other, "~": 1007} if plus else {}
    if kind in (set, frozenset):
        return kind([*value, 1007]) if plus else kind()
    return 1007 if plus else "~"
'''
WAYS = ("plus", "minus", "raises")
"""How a helper is replaced, one way after the other until something changes: other results, in
two directions, then nothing but an error."""


@dataclass(frozen=True)
class Failure:
    """A test that failed.

    Attributes:
        case: what was asked.
        got: what came back, as Python, or the error.
        error: whether ``got`` is an error.
    """

    case: Case
    got: str
    error: bool

    @property
    def room(self) -> int:
        """Characters that its arguments and what is expected take."""
        return len(safe_repr((self.case.args, self.case.expected)))

    @classmethod
    def of(cls, case: Case, outcome: Outcome) -> Failure:
        fine = outcome.verdict == "ok"
        got = safe_repr(outcome.value) if fine else outcome.error or outcome.verdict
        return cls(case, got[:LONGEST_GOT], not fine)


@dataclass(frozen=True)
class Verdict:
    """What the tests say of a program.

    Attributes:
        units: (passed, tests) of each function for itself, its teammates' as specified; empty
            for programs whose helpers are free.
        tests: (passed, tests) of the whole program.
        used: for each helper, whether the program's results depend on it.
        ignored: for each helper, whether it is called and its result makes no difference.
        failures: for each function, the shortest of its failed tests.
        program_failure: the shortest failed test of the whole program.
    """

    units: tuple[tuple[int, int], ...] = ()
    tests: tuple[int, int] = (0, 0)
    used: tuple[bool, ...] = ()
    ignored: tuple[bool, ...] = ()
    failures: tuple[Failure | None, ...] = ()
    program_failure: Failure | None = None

    @property
    def passes(self) -> bool:
        """Whether all hidden tests pass, and all teammates' functions are used."""
        passed = all(ok == n for ok, n in (*self.units, self.tests))
        return passed and self.tests[1] > 0 and all(self.used)


@dataclass(frozen=True)
class Question:
    """A call of the program, and what came of it is compared with the case.

    Attributes:
        case: the call and what it should give.
        about: ``"unit"``, ``"test"``, or one of :data:`WAYS`.
        of: place of the function in question (of the replaced one, for WAYS).
        below: source of the functions below it as specified, for units that call others.
    """

    case: Case
    about: str
    of: int
    below: str = ""


class Grader:
    """Judges programs with a pool of sandboxes.

    Args:
        pool: :class:`colllm_bench.envs.coding.sandbox.Pool` or what runs like it.
    """

    def __init__(self, pool: Any, limits: Limits | None = None):
        self.pool = pool
        self.limits = limits or Limits()

    def grade(self, program: Program, pieces: Sequence[Piece], cases: Cases) -> Verdict:
        """What the tests say of the program that the pieces make.

        Raises:
            RunError: the sandbox itself failed, twice: no score may be made of that.
        """
        source = assemble(program.given, pieces)
        asked = self._questions(program, pieces, cases)
        answers = self._ask(source, program, asked)
        units: list[list[bool]] = [[] for _ in program.functions]
        failures: list[Failure | None] = [None] * len(program.functions)
        tests: list[tuple[Case, bool]] = []
        failure = None
        for question, outcome in zip(asked, answers, strict=True):
            fine = right(outcome, question.case)
            if question.about == "unit":
                units[question.of].append(fine)
                if not fine:
                    found = Failure.of(question.case, outcome)
                    failures[question.of] = shorter(failures[question.of], found)
            elif question.about == "test":
                tests.append((question.case, fine))
                if not fine:
                    failure = shorter(failure, Failure.of(question.case, outcome))
        passed = [case for case, fine in tests if fine]
        slowest = max((outcome.seconds for outcome in answers), default=0.0)
        used, ignored = self._uses(program, source, passed[:WITNESSES], slowest)
        return Verdict(
            units=tuple((sum(own), len(all_)) for own, all_ in zip(units, cases.units)),
            tests=(len(passed), len(cases.tests)),
            used=used,
            ignored=ignored,
            failures=tuple(failures) if cases.units else (),
            program_failure=failure,
        )

    def _questions(
        self, program: Program, pieces: Sequence[Piece], cases: Cases
    ) -> list[Question]:
        """All tests of a program. References come last, lowest first: whoever catches one in a
        process that goes on has no use for it any more."""
        last = len(program.functions) - 1
        asked: list[Question] = []
        alone: list[Question] = []
        for k, own in enumerate(cases.units):
            if pieces[k].defined:
                below = "\n\n".join(program.functions[place].code for place in program.below(k))
                (alone if below else asked).extend(Question(c, "unit", k, below) for c in own)
        if pieces[last].defined:
            asked += [Question(case, "test", last) for case in cases.tests]
        return asked + alone

    def _uses(
        self, program: Program, source: str, witnesses: Sequence[Case], slowest: float
    ) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
        """For each helper: whether results change when its do; whether only its call matters.

        A replaced helper can make a loop endless. That is a change too, and costs little.

        Args:
            witnesses: tests that the program passes.
            slowest: CPU seconds of the slowest test.
        """
        limits = replace(self.limits, cpu=min(self.limits.cpu, max(0.2, 10 * slowest)),
                         wall=None, timeouts=1000)
        # A name that stands in the source only where it is defined cannot be called.
        open_ = [k for k, helper in enumerate(program.functions[:-1])
                 if witnesses and source.count(helper.name) > 1]
        found: dict[str, set[int]] = {}
        for way in WAYS:
            asked = [Question(case, way, k) for k in open_ for case in witnesses]
            answers = self._ask(source, program, asked, limits)
            found[way] = {q.of for q, o in zip(asked, answers, strict=True)
                          if not right(o, q.case)}
            open_ = [k for k in open_ if k not in found[way]]
        helpers = range(len(program.functions) - 1)
        used = tuple(k in found["plus"] or k in found["minus"] for k in helpers)
        return used, tuple(k in found["raises"] for k in helpers)

    def _ask(
        self, source: str, program: Program, asked: list[Question], limits: Limits | None = None
    ) -> list[Outcome]:
        outcomes: list[Outcome] = []
        # All cases of a call lie in its process's memory: a reference may be in none but those
        # that it is for, or whoever walks the frames finds his own function's in a later case.
        for _, group in groupby(asked, key=lambda question: question.below):
            calls = []
            for question in group:
                replaced = question.about in WAYS
                helper = program.functions[question.of].name if replaced else None
                how = question.about if replaced else None
                case = question.case
                below, named, look = question.below or None, None, None
                if case.named or case.check:
                    named, look = dict(case.named), _look(case)
                asked_for = [case.function, list(case.args), helper, how, below]
                calls.append([*asked_for, named, look] if named or look else asked_for)
            outcomes += self.pool.run(source + DISPATCH, CALL, calls, limits or self.limits)
        for outcome in outcomes:
            if outcome.verdict == "sandbox-lost":
                raise RunError(f"no verdict on a program: {outcome.error}")
        return outcomes


def shorter(one: Failure | None, other: Failure) -> Failure:
    """The failure that takes less room to tell."""
    return one if one and one.room <= other.room else other


def _look(case: Case) -> list | None:
    check = case.check
    if check is None or not check.left:
        return None
    return [check.left, dict(check.bound), [list(pair) for pair in check.modules]]


def right(outcome: Outcome, case: Case) -> bool:
    """Whether a result is the expected one: by type and value, or as a published test has it."""
    if outcome.verdict != "ok":
        return False
    if case.check is not None:
        return passes(outcome.value, case.expected, case.check)
    return compare(outcome.value, case.expected)
