"""Runs of a suite: where they lie, and the pool that works through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colllm_bench import cli
from colllm_bench.config import RunConfig
from colllm_bench.display.console import make_wide_console
from colllm_bench.errors import RunError
from colllm_bench.launchers.jobs import Job
from colllm_bench.launchers.local import LocalLauncher
from colllm_bench.launchers.plan import (
    PlannedRun,
    inspect_run,
    overview,
    refuse_invalid,
    run_argv,
    work_through,
)
from colllm_bench.runs.naming import run_folder
from colllm_bench.setup.prepare import check_names


@dataclass
class SuiteRun:
    """A run of the suite.

    Attributes:
        task: its id.
        settings: that were chosen for it.
        name: of the folder that holds the seeds.
        out: the root of the run folders.
        draws: of how many the settings are the best; None: they were not searched for.
        code: the algorithm's source file (:func:`colllm_bench.suites.tuned.code_label`).
    """

    task: str
    config: RunConfig
    settings: dict[str, Any]
    name: str
    out: Path
    draws: int | None = None
    code: str = ""

    @property
    def path(self) -> Path:
        return run_folder(self.config, self.name, self.out)


def train(runs: Sequence[SuiteRun], options: dict[str, Any]) -> None:
    """Train and evaluate what is not complete; the same call again goes on.

    Args:
        options: of the command; ``jobs`` and ``quiet`` are read.

    Raises:
        ConfigError: a run that cannot be; nothing was started.
        RunError: a run failed.
    """
    planned, prepared = [], {}
    for run in runs:
        check_names(run.config)
        one = PlannedRun(run.config, run.path)
        inspect_run(one, prepared)
        planned.append(one)
    refuse_invalid(planned)
    console = make_wide_console(quiet="quiet" in options)
    console.print(overview(planned), soft_wrap=True)
    jobs = [_job(run, plan) for run, plan in zip(runs, planned, strict=True)]
    failed = work_through(jobs, ("task", "run", "seed"), LocalLauncher(), console,
                          at_once=options.get("jobs"))
    if failed:
        raise RunError(
            f"{len(failed)} of {len(jobs)} runs failed, the first: {failed[0].failure}; the same "
            f"command goes on, or: {failed[0].resume_command}"
        )


def _job(run: SuiteRun, plan: PlannedRun) -> Job:
    argv = run_argv(run.config, {"name": run.name, "out": str(run.out)})
    label = (run.task, run.name.removeprefix(f"{run.task}-"), str(run.config.seed))
    job = Job(label, run.path, [*argv, "--resume", "--quiet"])
    if plan.status == "complete":
        job.code = 0
    elif not plan.open:
        job.fail(2, plan.reason)
    return job


def progress(options: dict[str, Any], line: str) -> None:
    """A line for the person at the terminal, unless they want none."""
    if "quiet" not in options:
        cli.say(line)
