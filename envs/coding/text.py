"""What coders read: prompts, feedback, the whole state. Text only, no rules of the game."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import indent
from typing import Any

from colllm_bench.envs.coding.generator.program import Case, Function, Program
from colllm_bench.envs.coding.grading.grader import Failure, Verdict
from colllm_bench.envs.coding.grading.parsing import KEEP, Piece
from colllm_bench.envs.coding.sandbox import safe_repr

STYLES = ("brief", "full")
FEEDBACK = ("detailed", "passed", "none")
MAX_OBSERVATION = 65_536
"""Longest observation in characters: the specifications of sixteen functions, with room."""
LONGEST_VALUE = {"brief": 40, "full": 400}
"""Characters of a value or an error in feedback; longer ones are cut in the middle."""


def shorten(text: str, limit: int) -> str:
    """One line of at most ``limit`` characters, its middle left out where it is too long."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(text) <= limit:
        return text
    half = (limit - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def call(case: Case) -> str:
    """``step1(3, 'a')``; of a published test what it looks at, like ``set(f(3))``."""
    named = (f"{name}={value(item)}" for name, item in case.named)
    text = f"{case.function}({', '.join([*map(value, case.args), *named])})"
    return case.check.left.replace("_result", text) if case.check and case.check.left else text


def value(item: Any) -> str:
    """A value as Python, texts in double quotes where they need no escapes."""
    if isinstance(item, str) and '"' not in item and "\\" not in item and item.isprintable():
        return f'"{item}"'
    if type(item) is dict:
        return "{" + ", ".join(f"{value(k)}: {value(v)}" for k, v in item.items()) + "}"
    if type(item) is list:
        return "[" + ", ".join(map(value, item)) + "]"
    return safe_repr(item)


def example(case: Case) -> str:
    how = case.check.how if case.check and case.check.how in _OPERATORS else "=="
    return f"{call(case)} {how} {value(case.expected)}"


_OPERATORS = ("!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not")

# -- before the first turn

_WORKED_EXAMPLE = """\
For example, for `def double(x: int) -> int` ("Return x times 2.") the whole answer is:
```python
def double(x: int) -> int:
    return x * 2
```"""


def instructions(program: Program, i: int, turns: int, style: str, feedback: str) -> str:
    """Who an agent is, and (in ``full``) the rules and the form of an answer."""
    n = len(program.functions)
    if style == "brief":
        return f"coder {i + 1} of {n}"
    own, entry = program.functions[i], program.entry
    lines = [
        f"You are coder {i + 1} of a team of {n} that writes one Python program together. Each "
        f"coder writes one function; together they are one module, and tests run it. The last "
        f"coder writes `{entry.name}`, from which the program starts and which must call the "
        f"others' functions, directly or through each other, and use what they return. You do "
        f"not see what the others write: keep to names, parameters and results as specified.",
        f"You write `{own.name}`."
        + (" It must call the functions that its specification names." if own.uses else ""),
        "Answer with the code of your function and nothing else: no example calls, no tests, no "
        "other coder's function. Imports of the standard library are allowed. The code may stand "
        "in a ```python block. It runs in a sandbox without files, network and processes.",
        _WORKED_EXAMPLE,
    ]
    if turns > 1:
        told = {
            "detailed": "tests that failed",
            "passed": "how many tests passed",
            "none": "nothing about the tests",
        }[feedback]
        lines.append(
            f"There are {turns} turns. After each you are told {told}, and write your function "
            f"again, or answer `{KEEP}` to leave it as it is. It ends as soon as every hidden "
            f"test passes and every coder's function is used."
        )
    return "\n".join(lines)


def task(
    program: Program, i: int, examples: Sequence[Sequence[Case]], style: str
) -> str:
    """The first observation: the specification, examples, who writes what."""
    if style == "brief":
        return _brief_task(program, i, examples)
    parts = [program.title] if program.title else []
    if program.given:
        parts.append("This code is there already:\n" + indent(program.given.strip("\n"), "    "))
    for k, function in enumerate(program.functions):
        who = "you write" if k == i else f"coder {k + 1} writes"
        parts.append(f"{who}\n" + indent(_specification(program, function), "    "))
    shown = [example(case) for case in examples[i]]
    if i != len(program.functions) - 1 and program.specified:
        shown += [example(case) for case in examples[-1][:1]]
    if shown:
        parts.append("Examples:\n" + indent("\n".join(shown), "    "))
    parts.append(f"Write `{program.functions[i].name}`.")
    return "\n\n".join(parts)


def _specification(program: Program, function: Function) -> str:
    text = f"def {function.signature}:\n" + indent(f'"""{function.doc}"""', "    ")
    if function.uses:
        names = ", ".join(program.functions[place].name for place in function.uses)
        text += f"\n    # must call {names}"
    return text


def _brief_task(program: Program, i: int, examples: Sequence[Sequence[Case]]) -> str:
    own = program.functions[i]
    if own.phrase:
        head = f"{own.name}({', '.join(own.params)}): {own.phrase}"
    else:
        head = "\n".join([
            *([program.title] if program.title else []),
            f"{own.signature}: {own.doc}",
            *(
                f"call {program.functions[place].signature}: {program.functions[place].doc}"
                for place in own.uses
            ),
        ])
    return "\n".join([head, *(example(case) for case in examples[i][:1])])


# -- after a turn


def observe(
    program: Program,
    i: int,
    piece: Piece,
    invalid: str,
    verdict: Verdict,
    style: str,
    feedback: str,
) -> str:
    """What a coder reads after a turn: what the tests said, as far as the level tells it.

    Args:
        piece: what counts as this coder's function.
        invalid: why this turn's answer was none; "" if it was one.
        feedback: ``detailed``: the coder's own tests and the program's, with a failed one each;
            ``passed``: how many of the program's tests passed; ``none``: nothing.
    """
    lines = [f"invalid: {shorten(invalid, LONGEST_VALUE[style])}"] if invalid else []
    ok, tests = verdict.tests
    if feedback == "detailed":
        lines += _details(program, i, piece, verdict, style)
    elif feedback == "passed":
        lines.append(f"program {ok}/{tests}" if style == "brief" else
                     f"The program passes {ok} of {tests} hidden tests.")
    if style == "full":
        lines.append(f"Write `{program.functions[i].name}` again, or answer `{KEEP}`.")
    elif not lines:
        lines.append("again")
    return "\n".join(lines)


def _details(
    program: Program, i: int, piece: Piece, verdict: Verdict, style: str
) -> list[str]:
    """Own tests first, then the program's; a failed test of one's own if there is one, else one
    of the program's; dropped definitions and helpers that are not used."""
    brief = style == "brief"
    ok, tests = verdict.tests
    lines = []
    failure = verdict.program_failure
    own = ""
    if verdict.units:
        passed, all_own = verdict.units[i]
        own = f"own {passed}/{all_own} " if brief else (
            f"Your function passes {passed} of {all_own} hidden tests of its own. ")
        failure = verdict.failures[i] or failure
    lines.append(own + (f"program {ok}/{tests}" if brief else
                        f"The program passes {ok} of {tests} hidden tests."))
    if piece.error and piece.parses:
        lines.append(shorten(piece.error, LONGEST_VALUE[style]))
    elif failure is not None:
        lines.append(failed(failure, style))
    if not brief:
        if piece.dropped:
            names = ", ".join(dict.fromkeys(piece.dropped))
            lines.append(f"Left out of your answer, because others write it: {names}.")
        helpers = program.functions[:-1]
        unused = [h.name for h, used in zip(helpers, verdict.used, strict=False) if not used]
        if ok and unused:
            lines.append(f"The program's results do not depend on: {', '.join(unused)}.")
    return lines


def failed(failure: Failure, style: str) -> str:
    """``step1(3) gave 4 not 5``, or the same in words."""
    limit = LONGEST_VALUE[style]
    asked, wanted = shorten(call(failure.case), limit), shorten(wish(failure.case), limit)
    got = shorten(failure.got, limit)
    if style == "brief":
        return f"{asked} gave {got} not {wanted}"
    how = f"failed with {got}" if failure.error else f"returned {got}"
    return f"Failed test: {asked} {how}; expected {wanted}."


def wish(case: Case) -> str:
    """What is expected of a result: a value, or a condition like ``> 3``."""
    how = case.check.how if case.check else "=="
    return f"{how} {value(case.expected)}" if how in _OPERATORS[:-2] else value(case.expected)


def summary(program: Program, i: int, verdict: Verdict) -> str:
    """One line for spectators: what the tests said of a coder's function and of the program."""
    ok, tests = verdict.tests
    parts = []
    if verdict.units:
        parts.append("{} {}/{}".format(program.functions[i].name, *verdict.units[i]))
    parts.append(f"program {ok}/{tests}")
    if ok and i < len(verdict.used):  # measured on tests that pass
        parts.append("used" if verdict.used[i] else
                     "result ignored" if verdict.ignored[i] else "not used")
    failure = (verdict.failures[i] if verdict.failures else None) or verdict.program_failure
    if failure is not None:
        parts.append(failed(failure, "brief"))
    return "; ".join(parts)


def everything(
    program: Program, pieces: Sequence[Piece], verdict: Verdict | None, turn: int, turns: int
) -> str:
    """The whole state as text, the reference solution and the verdicts included."""
    lines = [f"turn {turn} of {turns}: {program.kind} {program.name}"]
    if program.given:
        lines += ["given:", indent(program.given.strip("\n"), "    ")]
    for i, (function, piece) in enumerate(zip(program.functions, pieces, strict=True)):
        told = f": {summary(program, i, verdict)}" if verdict else ""
        lines.append(f"coder {i + 1} {function.signature}{told}")
        lines.append(indent(piece.code.strip("\n") or f"# {piece.error}", "    "))
        if function.code:
            lines += ["  reference:", indent(function.code.strip("\n"), "    ")]
    return "\n".join(lines)
