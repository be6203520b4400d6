"""The runs of a sweep: which there are, where they lie, how far they are, and what starts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from colllm_bench import cli
from colllm_bench.config import RunConfig
from colllm_bench.display.console import make_wide_console
from colllm_bench.display.job_table import JobTable, failures_table, settings_table
from colllm_bench.errors import ColllmError, ConfigError
from colllm_bench.launchers import grid
from colllm_bench.launchers.jobs import Job, JobPool, Launcher
from colllm_bench.launchers.local import LocalLauncher
from colllm_bench.launchers.ray_cluster import RayLauncher
from colllm_bench.launchers.slurm import SlurmLauncher
from colllm_bench.runs.naming import run_folder
from colllm_bench.runs.status import run_status
from colllm_bench.setup.prepare import check_names, prepare

RETRIES = 3
"""How often a run starts again whose process was killed. Ray does that itself."""
STATUSES = {
    "complete": "complete", "started": "to go on with", "new": "new",
    "invalid": "with settings that cannot be run", "blocked": "blocked by what their folder holds",
}
"""Status of a planned run -> words for it, in the order in which they are counted."""


@dataclass
class PlannedRun:
    """A run of the grid.

    Attributes:
        status: a key of :data:`STATUSES`.
        reason: the error, where it is ``invalid`` or ``blocked``.
        resolved: its configuration without open questions; None where it is ``invalid``.
    """

    config: RunConfig
    path: Path
    status: str = "new"
    reason: str = ""
    resolved: RunConfig | None = None

    @property
    def open(self) -> bool:
        """Whether there is work left that can be done."""
        return self.status in ("new", "started")


def plan_runs(grids: Sequence[grid.Grid], options: dict[str, Any]) -> list[PlannedRun]:
    """The runs of the grids with their folders, inspected.

    Args:
        options: the sweep's own; ``name`` and ``out`` are read.

    Raises:
        ConfigError: an unknown environment or algorithm, or two runs in one folder.
    """
    runs: dict[Path, PlannedRun] = {}
    for config in grid.configs(list(grids)):
        check_names(config)
        path = run_folder(config, options.get("name"), options.get("out"))
        if path in runs:
            one, other = runs[path].config.to_dict(), config.to_dict()
            differ = ", ".join(key for key in one if one[key] != other[key])
            raise ConfigError(
                f"two runs of the grid that differ in {differ} share the folder {path}",
                fix="leave --name out" if "name" in options
                else f"one value of {differ} a sweep, or --name",
            )
        runs[path] = PlannedRun(config, path)
    prepared: dict[str, RunConfig | ColllmError] = {}
    for run in runs.values():
        inspect_run(run, prepared)
    return list(runs.values())


def inspect_run(run: PlannedRun, prepared: dict[str, RunConfig | ColllmError]) -> None:
    """Find out how far a run is, or why it cannot be one; loads no model.

    Args:
        run: its ``status``, ``reason`` and ``resolved`` are written.
        prepared: digest of the settings without the seed -> the resolved configuration or the
            error of an earlier run with these settings. This run's entry is added.
    """
    key = run.config.digest
    if key not in prepared:
        try:
            prepared[key] = prepare(run.config)
        except ColllmError as error:
            prepared[key] = error
    settings = prepared[key]
    if isinstance(settings, ColllmError):
        run.status, run.reason = "invalid", _line(settings)
        return
    run.resolved = settings.replace(seed=run.config.seed)
    try:
        run.status = run_status(run.path, run.resolved)
    except ColllmError as error:
        run.status, run.reason = "blocked", _line(error)


def _line(error: ColllmError) -> str:
    return "error: " + " ".join(str(error).split())


def refuse_invalid(runs: Sequence[PlannedRun]) -> None:
    """Raise ConfigError if settings of the grid cannot be run: before any other run starts."""
    invalid = [run for run in runs if run.status == "invalid"]
    if not invalid:
        return
    titles, labels = label_runs([run.config for run in runs])
    reasons: dict[str, list[str]] = {}
    for run, texts in zip(runs, labels, strict=True):
        if run.status == "invalid":
            pairs = zip(titles[:-1], texts[:-1], strict=True)
            setting = " ".join(text if title == "algo" else f"{title} {text}"
                               for title, text in pairs if text)
            reasons.setdefault(run.reason.removeprefix("error: "), []).append(setting)
    each = "; ".join(
        f"{', '.join(dict.fromkeys(settings))}: {reason}" for reason, settings in reasons.items()
    )
    raise ConfigError(
        f"{len(invalid)} of {len(runs)} runs of the grid cannot be run, none was started ({each})",
        fix="settings that belong to some runs alone go into a [[grid]] table of a --config file",
    )


def overview(runs: Sequence[PlannedRun]) -> str:
    """How many runs there are, and how far they are."""
    counts = Counter(run.status for run in runs)
    parts = [f"{counts[status]} {words}" for status, words in STATUSES.items() if counts[status]]
    return f"{len(runs)} runs: {', '.join(parts)}"


def make_jobs(
    runs: Sequence[PlannedRun], options: dict[str, Any]
) -> tuple[list[Job], tuple[str, ...]]:
    """A job for every run, and the titles of their labels' columns."""
    titles, labels = label_runs([run.config for run in runs])
    jobs = []
    for run, texts in zip(runs, labels, strict=True):
        job = Job(texts, run.path, [*run_argv(run.config, options), "--resume", "--quiet"])
        if run.status == "complete":
            job.code = 0
        elif not run.open:
            job.fail(2, run.reason)
        jobs.append(job)
    return jobs, titles


def work_through(
    jobs: Sequence[Job], titles: Sequence[str], launcher: Launcher, console: Console, *,
    at_once: int | None = None, retries: int = RETRIES,
) -> list[Job]:
    """Run the jobs, show how far they are, and the results by setting. Returns those that failed,
    after telling why and how each goes on.

    Args:
        titles: of the columns of the jobs' labels.
        at_once, retries: as :class:`colllm_bench.launchers.jobs.JobPool` takes them.
    """
    try:
        with JobTable(jobs, tuple(titles), console) as table:
            JobPool(jobs, launcher, at_once, retries).work(table.show)
    except KeyboardInterrupt as interrupt:
        raise type(interrupt)("interrupted: the same command goes on") from None
    console.print(settings_table(jobs, tuple(titles)))
    failed = [job for job in jobs if job.code != 0]
    if failed:
        errors = make_wide_console(stderr=True)
        errors.print(failures_table(failed, tuple(titles)))
        errors.print("\ngo on with one of them alone:")
        for job in failed:
            errors.print(f"  {job.resume_command}", soft_wrap=True)
    return failed


def label_runs(configs: Sequence[RunConfig]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """What tells the runs of a grid from each other: the names of the settings that vary (and
    always the algorithm and, last, the seed), and each run's values as texts."""
    rows = []
    for config in configs:
        row = config.to_dict()
        rows.append({**row.pop("env_options"), **row.pop("algo_options"), **row})
    first = ("env", "algo", "agents")
    names = dict.fromkeys(name for row in reversed(rows) for name in (*first, *row))
    titles = [
        name for name in names
        if name == "algo" or name != "seed" and len({str(row.get(name)) for row in rows}) > 1
    ]
    titles.append("seed")
    texts = [tuple("" if row.get(t) is None else str(row[t]) for t in titles) for row in rows]
    return tuple(titles), texts


def run_argv(config: RunConfig, options: dict[str, Any]) -> list[str]:
    """The arguments with which ``run`` does the same.

    Args:
        options: the sweep's own; ``name``, ``out``, ``log`` and ``no_eval`` are passed on.
    """
    argv = cli.command_line(config, always=("env", "algo", "seed"))
    argv += [f"--{name}={options[name]}" for name in ("name", "out", "log") if options.get(name)]
    return argv + (["--no-eval"] if "no_eval" in options else [])


def make_launcher(runs: Sequence[PlannedRun], options: dict[str, Any]) -> Launcher:
    """The launcher that ``--launcher`` names."""
    if options.get("launcher", "local") == "local":
        return LocalLauncher()
    cuda = any(run.config.device.startswith("cuda") for run in runs)
    gpus = options.get("gpus", 1 if cuda else 0)
    if options["launcher"] == "slurm":
        chosen = {key: options[key] for key in ("minutes", "partition") if key in options}
        more = dict(cli.pair(text, "--slurm") for text in options.get("slurm", ()))
        out = Path(options.get("out") or "results")
        return SlurmLauncher(out / ".slurm", gpus=int(gpus), options=more, **chosen)
    return RayLauncher(
        options.get("address"), cpus=options.get("jobs"), gpus=gpus,
        retries=options.get("retries", RETRIES),
    )
