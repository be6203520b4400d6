"""Problems from files in the published formats of HumanEval, MBPP, CoopHumanEval and EvalPlus.

A file is JSON Lines or a JSON array (:mod:`colllm_bench.envs.data_files`); the fields of a row tell
the format:

* HumanEval, EvalPlus: ``task_id``, ``prompt``, ``entry_point``, ``test``, ``canonical_solution``
* CoopHumanEval: the same without ``canonical_solution``
* MBPP: ``task_id``, ``text`` (or ``prompt``, in the sanitized form), ``code``, ``test_list``;
  optional ``test_setup_code``, ``test_imports``, ``challenge_test_list``

The last agent writes the entry, the others helpers of their choice (``aux``; ``aux_1``, ``aux_2``
and so on for more). Tests become data (:mod:`.assertions`), so that nothing that is expected enters
the sandbox with an agent's program. A row whose tests cannot be used (objects as arguments, a
package that the sandbox lacks, a reference that fails) is left out and named.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from colllm_bench.envs import data_files
from colllm_bench.envs.coding.datasets import assertions
from colllm_bench.envs.coding.datasets.row_formats import Row, read_row
from colllm_bench.envs.coding.generator.program import Case, Check, Function, Program
from colllm_bench.envs.coding.sandbox import Limits
from colllm_bench.envs.coding.sandbox.shared_pool import shared_pool
from colllm_bench.errors import ConfigError

MOST_TESTS = (200, 40, 8)
"""Tests kept of a problem: the first number whose data are not too large."""
LIMITS = Limits(cpu=10.0, result_bytes=4 << 20, timeouts=10_000)
"""Of the run in which a row's tests are turned into data."""


@dataclass(frozen=True)
class Problems:
    """The usable problems of a file, and the rows that were left out: (id, reason)."""

    programs: tuple[Program, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    def warning(self, data: str) -> str:
        """A line that counts and names what was left out; "" if nothing was."""
        if not self.left_out:
            return ""
        named = "; ".join(f"{name} ({reason})" for name, reason in self.left_out[:5])
        more = len(self.left_out) - 5
        rest = f"; and {more} more" if more > 0 else ""
        total = len(self.programs) + len(self.left_out)
        return f"{data}: {len(self.left_out)} of {total} problems left out: {named}{rest}"


def programs(data: str, agents: int) -> tuple[Program, ...]:
    """The usable problems of a file, or of a data set on the hub, for so many agents."""
    return problems(data, agents).programs


def problems(data: str, agents: int, sandbox: str = "auto") -> Problems:
    """The problems of a file, or of a data set on the hub, for so many agents.

    Args:
        sandbox: where their tests are run, once, to be read
            (:data:`colllm_bench.envs.coding.sandbox.shared_pool.CHOICES`).

    Raises:
        ConfigError: no such file or data set; a row that is malformed: names it, the field, and
            what helps; fewer than two rows that can be used.
    """
    path = Path(data)
    if path.is_file():
        stat = path.stat()
        return _of_file(str(path), stat.st_mtime_ns, stat.st_size, agents, sandbox)
    if path.suffix in (".jsonl", ".gz", ".json") or data.count("/") != 1 or path.exists():
        what = "is no file" if path.exists() else "does not exist"
        raise ConfigError(f"data file {data!r} {what}", fix="check the path")
    return _of_hub(data, agents, sandbox)


@lru_cache(maxsize=8)
def _of_file(path: str, changed: int, size: int, agents: int, sandbox: str) -> Problems:
    rows = ((f"{path}, {place}", row) for place, row in data_files.rows(Path(path)))
    return _all(rows, path, agents, sandbox)


@lru_cache(maxsize=8)
def _of_hub(name: str, agents: int, sandbox: str) -> Problems:
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
    named = ((f"{name}, row {k + 1}", data_files.clean(dict(row))) for k, row in enumerate(rows))
    return _all(named, name, agents, sandbox)


def _all(
    rows: Iterable[tuple[str, Any]], data: str, agents: int, sandbox: str
) -> Problems:
    seen: dict[str, str] = {}
    read: list[Row] = []
    for where, row in rows:
        if not isinstance(row, dict):
            raise ConfigError(f"{where}: a {type(row).__name__}, not an object",
                              fix='{"task_id": ..., "prompt": ...}, an object a line')
        name = str(row.get("task_id", ""))
        if name and name in seen:
            raise ConfigError(f"{where}: field 'task_id': {name!r} stands in {seen[name]} too",
                              fix="give every problem an id of its own")
        seen[name] = where
        read.append(read_row(row, where))
    usable, left_out = [], []
    for row, (tests, reason) in zip(read, _tests(read, sandbox), strict=True):
        if tests:
            usable.append(_program(row, tests, agents))
        else:
            left_out.append((row.name, f"{row.where}: field {row.field!r}{reason}"))
    if len(usable) < 2 and left_out:
        name, reason = left_out[0]
        raise ConfigError(
            f"{data}: {len(usable)} of {len(read)} problems can be used; {reason}",
            fix="mend the tests or the solutions, or leave the rows out",
        )
    problems = Problems(tuple(usable), tuple(left_out))
    if left_out:
        warnings.warn(problems.warning(data), stacklevel=2)
    return problems


def _program(row: Row, tests: Iterable[Case], agents: int) -> Program:
    """A row as a task for ``agents`` agents."""
    helpers = ["aux"] if agents == 2 else [f"aux_{k + 1}" for k in range(agents - 1)]
    free = tuple(
        Function(helper, None, f"A helper of your choice for `{row.entry}`, which calls it and "
                               f"uses what it returns.") for helper in helpers
    )
    main = Function(row.entry, row.params, f"The function that the task asks for. It calls "
                                           f"{', '.join(helpers)}.", uses=tuple(range(len(free))))
    return Program(row.name, "data", (*free, main), row.given, tuple(tests), title=row.title)


def _tests(rows: list[Row], sandbox: str) -> Iterator[tuple[list[Case], str]]:
    """(tests, why there are none) of each row, all rewritten tests being run in the sandbox."""
    pending = {k: [row.recording, row.check] for k, row in enumerate(rows)}
    found: dict[int, tuple[list[Case], str]] = {}
    for most in MOST_TESTS:
        cases = [[*sources, most] for sources in pending.values()]
        pool = shared_pool(sandbox)
        outcomes = pool.run(assertions.RECORDER, "record", cases, LIMITS) if cases else []
        for k, outcome in zip(list(pending), outcomes, strict=True):
            if outcome.verdict == "output-limit" and most != MOST_TESTS[-1]:
                continue
            del pending[k]
            if outcome.verdict == "ok":
                reason = "" if outcome.value else " has no assertion that can be read"
                found[k] = [_case(rows[k].entry, *test) for test in outcome.value], reason
            else:
                found[k] = [], ": " + " ".join((outcome.error or outcome.verdict).split())[:200]
    return iter([found[k] for k in range(len(rows))])


def _case(entry: str, args, named, left, bound, modules, how, expected, options) -> Case:
    check = Check(
        how, left, tuple(bound.items()), tuple((a, b) for a, b in modules), tuple(options.items())
    )
    return Case(entry, tuple(args), expected, check, tuple(named.items()))
