"""The formats of rows: HumanEval's (EvalPlus's, CoopHumanEval's) and MBPP's, as far as a row can be
read without running anything.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from colllm_bench.envs.coding.datasets import assertions
from colllm_bench.errors import ConfigError

FORMATS = {
    "HumanEval": ("task_id", "prompt", "entry_point", "test"),
    "MBPP": ("task_id", "code", "test_list"),
}
"""Fields that a row of each format must have (CoopHumanEval's and EvalPlus's are HumanEval's)."""


@dataclass(frozen=True)
class Row:
    """A problem's row.

    Attributes:
        name: its id.
        field: the field that holds the tests.
        where: file and line, for errors.
        title: the text of the task.
        given: code that stands above the team's.
        entry: the function to write.
        params: its parameters; None where a call need not give each by its place.
        recording: source of the rewritten tests (:func:`.assertions.recording`).
        check: source of the real tests on the reference; "" where there is none.
    """

    name: str
    field: str
    where: str
    title: str
    given: str
    entry: str
    params: tuple[str, ...] | None
    recording: str
    check: str


def read_row(row: dict[str, Any], where: str) -> Row:
    name = "MBPP" if "test_list" in row or "code" in row else "HumanEval"
    for field in FORMATS[name]:
        if field not in row:
            raise ConfigError(f"{where}: field {field!r} is missing", fix=(
                f"a line of {name} has " + ", ".join(FORMATS[name])))
    return (_mbpp if name == "MBPP" else _human_eval)(row, where)


def _text(row: dict, field: str, where: str, default: str | None = None) -> str:
    value = row.get(field)
    value = default if value is None and default is not None else value
    if not isinstance(value, str):
        raise ConfigError(f"{where}: field {field!r} is a {type(value).__name__}", allowed="text",
                          fix="put it in quotes")
    return value


def _texts(row: dict, field: str, where: str) -> list[str]:
    value = row.get(field) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{where}: field {field!r} is no list of texts",
                          fix='["assert f(1) == 2", ...]')
    return value


def _parsed(source: str, field: str, where: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        at = f"line {error.lineno} of it: {error.msg}" if isinstance(error, SyntaxError) else error
        raise ConfigError(f"{where}: field {field!r} is no Python ({at})",
                          fix="mend the code in that field") from error


def _definition(tree: ast.Module, name: str) -> ast.FunctionDef | None:
    own = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    return own[-1] if own else None


def _params(function: ast.FunctionDef) -> tuple[str, ...] | None:
    """Names of the parameters; None where a call need not give each by its place."""
    args = function.args
    if args.vararg or args.kwarg or args.kwonlyargs:
        return None
    return tuple(arg.arg for arg in (*args.posonlyargs, *args.args))


def _around(tree: ast.Module, source: str, entry: str) -> str:
    """What a prompt has beside its function: imports, helpers above and below, constants."""
    kept = []
    for node in tree.body:
        defines = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        if defines and node.name == entry:
            continue
        if not defines and not isinstance(
            node, (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
        ):
            continue
        runs_it = not defines and any(
            isinstance(n, ast.Name) and n.id == entry for n in ast.walk(node))
        if not runs_it:
            start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            kept.append("\n".join(source.split("\n")[start - 1 : node.end_lineno]))
    return "\n".join(kept)


def _with_body(prompt: str) -> str:
    """The prompt as Python, also where it ends with a signature and neither text nor body."""
    ends = prompt.rstrip()
    if not ends.endswith(":"):
        return prompt
    last = ends.rpartition("\n")[2]
    return f"{ends}\n{last[: len(last) - len(last.lstrip())]}    pass\n"


def _human_eval(row: dict, where: str) -> Row:
    prompt, entry = _text(row, "prompt", where), _text(row, "entry_point", where)
    prompt = prompt.replace("\r\n", "\n").replace("\r", "\n")
    test = _text(row, "test", where)
    tree = _parsed(_with_body(prompt), "prompt", where)
    own = _definition(tree, entry)
    if own is None:
        raise ConfigError(f"{where}: field 'prompt' does not define {entry!r}",
                          fix="entry_point must name a function of the prompt")
    checks = _parsed(test, "test", where)
    if _definition(checks, "check") is None:
        raise ConfigError(f"{where}: field 'test' defines no check(candidate)",
                          fix="def check(candidate): with an assert a line")
    given = _around(tree, prompt, entry)
    solution = row.get("canonical_solution")
    solution = "" if solution is None else _text(row, "canonical_solution", where)
    reference = _whole(tree, own, prompt, solution) if solution.strip() else ""
    recording = assertions.recording(checks, "candidate", "candidate" if reference else None)
    evalplus = _definition(checks, "assertion") is not None
    run = f"check({entry if reference else None})"
    before = reference or given
    return Row(
        str(row["task_id"]), "test", where, prompt.strip(), given, entry, _params(own),
        f"{before}\n\n{ast.unparse(recording)}\n\n{run}\n",
        f"{reference}\n\n{test}\n\n{run}\n" if reference and not evalplus else "",
    )


def _whole(tree: ast.Module, own: ast.FunctionDef, prompt: str, solution: str) -> str:
    """The reference as a module. A solution continues the prompt's last function; where that is
    not the entry it is set behind the entry; or it is the whole function once more."""
    try:
        if _definition(ast.parse(solution), own.name) is not None:
            return f"{_around(tree, prompt, own.name)}\n\n{solution}"
    except (SyntaxError, ValueError):
        pass
    if tree.body[-1] is own:
        return prompt + solution
    lines = prompt.split("\n")
    end = own.end_lineno
    return "\n".join([*lines[:end], solution.strip("\n"), *lines[end:]])


def _called(tree: ast.AST, defined: set[str]) -> list[str]:
    """Which of these functions are called, outermost first."""
    return [n.func.id for n in ast.walk(tree)
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in defined]


def _mbpp(row: dict, where: str) -> Row:
    asserts = _texts(row, "test_list", where)
    if not asserts:
        raise ConfigError(f"{where}: field 'test_list' is empty", fix="give at least one assert")
    code = _text(row, "code", where).replace("\r\n", "\n").replace("\r", "\n")
    told = _text(row, "text" if "text" in row else "prompt", where)
    setup = "\n".join([_text(row, "test_setup_code", where, default=""),
                       *_texts(row, "test_imports", where)]).strip("\n")
    tree = _parsed(code, "code", where)
    lines = "\n".join([*asserts, *_texts(row, "challenge_test_list", where)])
    checks = _parsed(lines, "test_list", where)
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    called = _called(_parsed(asserts[0], "test_list", where), defined)
    if not called:
        raise ConfigError(f"{where}: field 'test_list' calls no function of field 'code'",
                          fix="assert f(1) == 2, f being defined in code")
    # Of several, as in `assert largest(f(1)) == 2`, the one that every assertion calls.
    everywhere = [_called(node, defined) for node in checks.body if isinstance(node, ast.Assert)]
    entry = max(called, key=lambda name: sum(name in names for names in everywhere))
    params = _params(_definition(tree, entry))
    signature = ast.unparse(_definition(tree, entry).args)
    title = f"{told.strip()}\nThe function is {entry}({signature}), as in {asserts[0]!r}."
    recording = ast.unparse(assertions.recording(checks, entry, entry, defined))
    return Row(
        str(row["task_id"]), "test_list", where, title, setup, entry, params,
        f"{code}\n\n{setup}\n\n{recording}\n", f"{code}\n\n{setup}\n\n{lines}\n",
    )
