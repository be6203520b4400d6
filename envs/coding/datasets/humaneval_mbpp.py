"""Problems from files in the published formats of HumanEval, MBPP and CoopHumanEval.

A file has a JSON object a line (``.jsonl``, or gzipped ``.jsonl.gz``); the fields tell the format:

* HumanEval: ``task_id``, ``prompt``, ``entry_point``, ``test``, ``canonical_solution``
* CoopHumanEval: the same without ``canonical_solution``
* MBPP: ``task_id``, ``text`` (or ``prompt``, in the sanitized form), ``code``, ``test_list``;
  optional ``test_setup_code``, ``test_imports``, ``challenge_test_list``

The last agent writes the entry, the others helpers of their choice (``aux``; ``aux_1``, ``aux_2``
and so on for more). Assertions become data, a call's arguments and what it must give, so that
nothing that is expected enters the sandbox with an agent's program. What cannot be read off an
assertion is recorded from the reference solution, which for this runs in the sandbox alone.
"""

from __future__ import annotations

import ast
import gzip
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from colllm_bench.envs.coding.datasets.asserts import Unreadable, read_asserts
from colllm_bench.envs.coding.generator.program import Case, Function, Program
from colllm_bench.errors import ConfigError

FORMATS = {
    "HumanEval": ("task_id", "prompt", "entry_point", "test"),
    "MBPP": ("task_id", "code", "test_list"),
}
"""Fields that a line of each format must have (CoopHumanEval's are HumanEval's)."""
RECORD = "_colllm_record"
MOST_RECORDED = 60
_RECORDER = '''

def _colllm_record(limit):
    """Every call that the tests make of the reference, with what it gave."""
    import copy
    import random

    random.seed(0)
    calls = []

    def candidate(*args):
        kept = copy.deepcopy(args)
        value = {entry}(*args)
        if len(calls) < limit:
            calls.append([list(kept), copy.deepcopy(value)])
        return value

    {run}
    return calls
'''


def programs(data: str, agents: int) -> tuple[Program, ...]:
    """The problems of a file, or of a data set on the hub, for so many agents.

    Raises:
        ConfigError: no such file or data set; a line that is malformed: names it, the field, and
            what helps.
    """
    path = Path(data)
    if path.is_file():
        stat = path.stat()
        return _of_file(str(path), stat.st_mtime_ns, stat.st_size, agents)
    if path.suffix in (".jsonl", ".gz", ".json") or data.count("/") != 1 or path.exists():
        what = "is no file" if path.exists() else "does not exist"
        raise ConfigError(f"data file {data!r} {what}", fix="check the path")
    return _of_hub(data, agents)


@lru_cache(maxsize=8)
def _of_file(path: str, changed: int, size: int, agents: int) -> tuple[Program, ...]:
    return tuple(_all(_lines(Path(path)), agents))


@lru_cache(maxsize=8)
def _of_hub(name: str, agents: int) -> tuple[Program, ...]:
    """Rows of a data set's ``test`` split (or its first), through ``datasets``."""
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise ConfigError(
            f"data={name!r} is no file, and data sets of the hub need the package 'datasets'",
            fix="pip install datasets, or give a JSONL file",
        ) from error
    try:
        found = load_dataset(name)
    except Exception as error:  # the hub's own errors, and any network's
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"data set {name!r} cannot be loaded from the hub: {reason}",
            fix="check its id and the network, or give a JSONL file",
        ) from error
    rows = found["test" if "test" in found else next(iter(found))]
    where = ((f"{name}, row {k + 1}", dict(row)) for k, row in enumerate(rows))
    return tuple(_all(where, agents))


def _lines(path: Path) -> Iterator[tuple[str, dict]]:
    """(place, object) of each line that is not blank."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield f"{path}, line {number}", _object(line, f"{path}, line {number}")
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise ConfigError(f"data file {str(path)!r} cannot be read: {error}",
                          fix="a text file in UTF-8, an object a line") from error


def _object(line: str, where: str) -> dict:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: no JSON: {error}", fix="one JSON object a line") from error
    if not isinstance(row, dict):
        raise ConfigError(f"{where}: a {type(row).__name__}, not an object",
                          fix='{"task_id": ..., "prompt": ...}, an object a line')
    return row


def _all(rows: Iterator[tuple[str, dict]], agents: int) -> Iterator[Program]:
    seen: dict[str, str] = {}
    for where, row in rows:
        name = str(row.get("task_id", ""))
        if name and name in seen:
            raise ConfigError(f"{where}: field 'task_id': {name!r} stands in {seen[name]} too",
                              fix="give every problem an id of its own")
        seen[name] = where
        yield program(row, where, agents)


def program(row: dict[str, Any], where: str, agents: int) -> Program:
    """One line as a task for ``agents`` agents."""
    name = "MBPP" if "test_list" in row or "code" in row else "HumanEval"
    for field in FORMATS[name]:
        if field not in row:
            raise ConfigError(f"{where}: field {field!r} is missing", fix=(
                f"a line of {name} has " + ", ".join(FORMATS[name])))
    make = _mbpp if name == "MBPP" else _human_eval
    title, given, entry, params, tests = make(row, where)
    helpers = ["aux"] if agents == 2 else [f"aux_{k + 1}" for k in range(agents - 1)]
    free = tuple(
        Function(helper, None, f"A helper of your choice for `{entry}`, which calls it and uses "
                               f"what it returns.") for helper in helpers
    )
    main = Function(entry, params, f"The function that the task asks for. It calls "
                                   f"{', '.join(helpers)}.", uses=tuple(range(len(free))))
    loose = tuple(Case(entry, tuple(args), value, loose=True) for args, value in tests)
    return Program(str(row["task_id"]), "data", (*free, main), given, loose, title=title)


def _text(row: dict, field: str, where: str, default: str | None = None) -> str:
    value = row.get(field, default)
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


def _human_eval(row: dict, where: str):
    prompt, entry = _text(row, "prompt", where), _text(row, "entry_point", where)
    test = _text(row, "test", where)
    tree = _parsed(prompt, "prompt", where)
    own = _definition(tree, entry)
    if own is None:
        raise ConfigError(f"{where}: field 'prompt' does not define {entry!r}",
                          fix="entry_point must name a function of the prompt")
    checks = _parsed(test, "test", where)
    if _definition(checks, "check") is None:
        raise ConfigError(f"{where}: field 'test' defines no check(candidate)",
                          fix="def check(candidate): with an assert a line")
    given = "\n".join(prompt.split("\n")[: own.lineno - 1]).strip("\n")
    solution = _text(row, "canonical_solution", where, default="")
    reference = prompt + solution if solution else ""
    tests = _tests(checks, "candidate", reference, test, "check(candidate)", entry, "test", where)
    return prompt.strip(), given, entry, tuple(arg.arg for arg in own.args.args), tests


def _mbpp(row: dict, where: str):
    asserts = _texts(row, "test_list", where)
    if not asserts:
        raise ConfigError(f"{where}: field 'test_list' is empty", fix="give at least one assert")
    code = _text(row, "code", where)
    told = _text(row, "text" if "text" in row else "prompt", where)
    given = "\n".join([_text(row, "test_setup_code", where, default=""),
                       *_texts(row, "test_imports", where)]).strip("\n")
    tree = _parsed(code, "code", where)
    lines = "\n".join([*asserts, *_texts(row, "challenge_test_list", where)])
    checks = _parsed(lines, "test_list", where)
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    called = [n.func.id for n in ast.walk(_parsed(asserts[0], "test_list", where))
              if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in names]
    if not called:
        raise ConfigError(f"{where}: field 'test_list' calls no function of field 'code'",
                          fix="assert f(1) == 2, f being defined in code")
    entry = called[0]
    params = tuple(arg.arg for arg in _definition(tree, entry).args.args)
    title = f"{told.strip()}\nThe function is {entry}({', '.join(params)}), as in {asserts[0]!r}."
    run = "\n    ".join(
        ["{e} = candidate".format(e=entry + "_"), *(
            line.replace(f"{entry}(", f"{entry}_(") for line in lines.split("\n"))])
    tests = _tests(checks, entry, f"{given}\n{code}", "", run, entry, "test_list", where)
    return title, given, entry, params, tests


def _tests(
    checks: ast.Module, called: str, reference: str, test: str, run: str, entry: str, field: str,
    where: str,
) -> list[tuple[list, Any]]:
    """(arguments, expected) of every assertion.

    Args:
        checks: the tests' syntax tree.
        called: the name by which they call the function.
        reference: source of the reference solution; "" if there is none.
        test, run: source that runs the tests against ``candidate``.
    """
    try:
        return read_asserts(checks, called)
    except Unreadable as error:
        if not reference:
            if error.read:
                return error.read
            raise ConfigError(
                f"{where}: field {field!r} has no assertion that can be read ({error})",
                fix="assert candidate(1) == 2, or give a canonical_solution",
            ) from None
    return _recorded(reference, test, run, entry, field, where)


def _recorded(reference: str, test: str, run: str, entry: str, field: str, where: str):
    from colllm_bench.envs.coding.sandbox.shared_pool import shared_pool

    recorder = _RECORDER.replace("{entry}", entry).replace("{run}", run)
    source = f"{reference}\n\n{test}\n{recorder}"
    (outcome,) = shared_pool().run(source, RECORD, [[MOST_RECORDED]])
    if outcome.verdict != "ok" or not outcome.value:
        reason = outcome.error or outcome.verdict
        raise ConfigError(
            f"{where}: field {field!r}: the reference solution does not pass it "
            f"({' '.join(reason.split())[:200]})", fix="mend the test or the solution",
        )
    return [(args, value) for args, value in outcome.value]
