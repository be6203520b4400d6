"""What the commands' options have in common."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench import cli, registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.options import options_of
from colllm_bench.suites import Suite, Task, load_suite

OUT = "results/suite"


def parser(command: str, description: str, *, tasks: bool = True) -> cli.Parser:
    """A parser with SUITE and the options of every command, ``--tasks`` where it chooses some."""
    options = cli.Parser(
        prog=f"python -m colllm_bench.suite {command}",
        usage=f"python -m colllm_bench.suite {command} SUITE [options]",
        description=description, formatter_class=RawDescriptionHelpFormatter,
    )
    options.add_argument("suite", metavar="SUITE", help="v3-mini, v1-hard, v2, or ./file.toml")
    options.add_argument(
        "--out", metavar="FOLDER",
        help=f"where it all goes, and where references are read: FOLDER/SUITE (default: {OUT})",
    )
    if tasks:
        options.add_argument("--tasks", metavar="A,B", help="of the suite's tasks (default: all)")
    options.add_argument("--quiet", action="store_true", help="print nothing but errors")
    options.add_argument("--debug", action="store_true", help="show tracebacks")
    return options


def add_run_options(options: cli.Parser) -> None:
    """``--algo`` and ``--jobs``, of the commands that train."""
    options.add_argument(
        "--algo", metavar="NAME", required=True,
        help="algorithm: a name of run --list, 'module:Class' or './file.py:Class'",
    )
    options.add_argument(
        "--jobs", type=int, metavar="N", help="runs at a time, a thread each (default: cores)"
    )


def known_settings(algo: str) -> set[str]:
    """Settings of every run and options of the algorithm, by name."""
    return {*options_of(RunConfig), *options_of(registry.options_class(algo))}


def require_scores(tasks: Sequence[Task]) -> None:
    """Refuse a task without a score, before anything is trained on it.

    Raises:
        ConfigError: its environment has no random team or no expert, or cannot be loaded.
    """
    for task in tasks:
        known = registry.env_spec(task.env).score_range is not None
        if not known and not all(registry.policy_of(task.env, k) for k in ("random", "scripted")):
            raise ConfigError(
                f"task {task.id!r}: environment {task.env!r} has no score: no random team or no "
                "expert", fix="give its class the attributes random_policy and scripted_policy",
            )


def read(options: dict[str, Any]) -> tuple[Suite, list[Task], Path]:
    """The suite, the tasks of it that were asked for, and where results go.

    Raises:
        ConfigError: no such suite or task, or a number of jobs below 1.
    """
    suite = load_suite(options["suite"])
    tasks = list(suite.tasks)
    if "tasks" in options:
        names = [name.strip() for name in options["tasks"].split(",")]
        tasks = [suite.task(name) for name in dict.fromkeys(names)]
    if options.get("jobs", 1) < 1:
        raise ConfigError(f"--jobs {options['jobs']} is out of range", allowed="1 or more")
    return suite, tasks, Path(options.get("out", OUT))
