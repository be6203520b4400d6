"""Many runs at once: jobs, and the pool that runs them; their folders show their progress.

A *launcher* starts a job and returns a *task*, which can be polled and stopped: a process
(:mod:`colllm_bench.launchers.local`) or a task of a Ray cluster
(:mod:`colllm_bench.launchers.ray_cluster`). Both ``run --seeds`` and ``sweep`` work like this.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from colllm_bench import cli
from colllm_bench.display.console import make_wide_console
from colllm_bench.display.job_table import JobTable, results_table
from colllm_bench.display.progress import Eta, MovingAverage
from colllm_bench.launchers.local import LocalLauncher
from colllm_bench.runs import files
from colllm_bench.runs.status import holds_run, read_config

POLL = 0.5
"""Seconds between two polls of the tasks."""
PATIENCE = 20.0
"""Seconds that an interrupted task gets to finish its last write."""


class Task(Protocol):
    """A started job."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs. Below 0: it was killed, and did not end itself."""

    def error(self) -> str:
        """Its last line on stderr, or "" if there is none."""

    def interrupt(self) -> None:
        """Ask it to finish its last write and end."""

    def kill(self) -> None:
        """End it at once; its folder stays resumable."""


class Launcher(Protocol):
    """Where jobs run."""

    def slots(self) -> int:
        """How many tasks there is room for at a time."""

    def start(self, argv: Sequence[str]) -> Task:
        """Start ``python -m colllm_bench.run`` with these arguments."""

    def close(self) -> None:
        """Nothing is started any more."""


class Job:
    """One run: what starts it, and the progress that its folder shows.

    Args:
        label: what tells it from the others, a text for each column of the table.
        path: its run folder.
        argv: the arguments of ``python -m colllm_bench.run``.

    Attributes:
        code: its exit code, once it has ended; ``failure`` is then its last line, if not 0.
        tries: how often it was started; the last start was at ``began`` (of the monotonic
            clock), and took ``seconds``.
        done, total: episodes; ``total`` is None before the run's folder says it.
        average: win rate and return of its last episodes.
        eta: its time left, or None before its second line of metrics.
        seconds_an_episode: measured since it was started here, or None.
    """

    def __init__(self, label: tuple[str, ...], path: Path, argv: Sequence[str]):
        self.label, self.path, self.argv = label, path, list(argv)
        self.task: Task | None = None
        self.code: int | None = None
        self.failure = ""
        self.tries, self.elsewhere = 0, False
        self.began = self.seconds = 0.0
        self.average, self.offset, self.done = MovingAverage(), 0, 0
        self.total: int | None = None
        self.eta: Eta | None = None
        self.seconds_an_episode: float | None = None

    @property
    def running(self) -> bool:
        return self.task is not None and self.code is None

    @property
    def state(self) -> str:
        """waiting, elsewhere (another process writes it), starting, training, evaluating, done
        or failed."""
        if self.code is not None:
            return "done" if self.code == 0 else "failed"
        if self.task is None:
            return "elsewhere" if self.elsewhere else "waiting"
        if self.total is None or not self.done:
            return "starting"
        return "training" if self.done < self.total else "evaluating"

    @property
    def resume_command(self) -> str:
        """The command that goes on with this run alone."""
        if holds_run(self.path):
            return f"python -m colllm_bench.run --resume {cli.quoted(str(self.path))}"
        words = [cli.quoted(word) for word in self.argv if word not in ("--resume", "--quiet")]
        return " ".join(["python -m colllm_bench.run", *words])

    def fail(self, code: int, reason: str) -> None:
        self.code, self.failure = code, reason

    def update_progress(self) -> None:
        """Read the new lines of the run's metrics."""
        path = self.path / "metrics.jsonl"
        if self.task is None or not path.exists():
            return
        if self.total is None and holds_run(self.path):
            config = read_config(self.path)
            self.total = config.iterations * config.batch
        size = path.stat().st_size
        if size < self.offset:  # a resumed run has forgotten its last lines
            self.offset, self.average = 0, MovingAverage()
        if size > self.offset and self.total is not None:
            rows, self.offset = files.lines_from(path, self.offset)
            for row in rows:
                self.average.add(row)
                self.done = row["episodes"]
            if rows and self.eta is None:
                self.eta = Eta(self.total, self.done)
            elif rows:
                measured = self.eta.seconds_an_episode(self.done)
                self.seconds_an_episode = measured or self.seconds_an_episode


class JobPool:
    """Runs jobs, at most so many at a time.

    Args:
        jobs: in the order in which they start; those that have an exit code are left alone.
        launcher: where they run.
        at_once: tasks at a time; None for as many as the launcher has room for.
        retries: how often a job whose task was *killed* starts again. Failures do not.
    """

    def __init__(self, jobs: Sequence[Job], launcher: Launcher, at_once: int | None = None,
                 retries: int = 0):
        self.jobs, self.launcher = list(jobs), launcher
        self.at_once, self.retries = at_once and max(1, at_once), retries

    def work(self, show: Callable[[], None]) -> None:
        """Run until all jobs have ended; ``show`` is called after each poll.

        Raises:
            KeyboardInterrupt: passed on, after the running tasks were asked to end and did.
        """
        # Of runs that leave nothing the last to end does not know which folders were new.
        new_folders = [folder for job in self.jobs for folder in files.missing_folders(job.path)]
        try:
            while any(job.code is None for job in self.jobs):
                self._start_some()
                time.sleep(POLL)
                for job in self.jobs:
                    if job.running:
                        job.update_progress()
                        self._collect(job)
                show()
        except BaseException:
            self.stop()
            raise
        finally:
            self.launcher.close()
            # The deepest first: a folder is empty once those in it are gone.
            files.remove_empty(sorted(new_folders, key=lambda path: -len(path.parts)))

    def _start_some(self) -> None:
        free = (self.at_once or self.launcher.slots()) - sum(job.running for job in self.jobs)
        for job in self.jobs:
            if free <= 0:
                break
            if job.task is not None or job.code is not None:
                continue
            # Two sweeps over one grid share its runs: the second waits for the first.
            job.elsewhere = "--resume" in job.argv and files.is_locked(job.path)
            if not job.elsewhere:
                job.tries, job.began = job.tries + 1, time.monotonic()
                job.task = self.launcher.start(job.argv)
                free -= 1

    def _collect(self, job: Job) -> None:
        code = job.task.poll()
        if code is None:
            return
        last_line = job.task.error()
        if code == 2 and "--resume" in job.argv and files.is_locked(job.path):
            job.task, job.tries = None, job.tries - 1  # another was quicker to take the folder
        elif code < 0 and job.tries <= self.retries:
            job.task = None  # killed: by the system for its memory, by somebody; it goes on
        else:
            job.code, job.seconds = code, time.monotonic() - job.began
            job.failure = "" if code == 0 else last_line or _ending(code)

    def stop(self) -> None:
        """Interrupt what runs; kill what has not ended after :data:`PATIENCE` seconds."""
        for act, patience in (("interrupt", PATIENCE), ("kill", 5.0)):
            going = [job.task for job in self.jobs if job.running and job.task.poll() is None]
            for task in going:
                getattr(task, act)()
            until = time.monotonic() + patience
            while any(task.poll() is None for task in going) and time.monotonic() < until:
                time.sleep(0.1)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with code {code} and no message"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    hint = "; out of memory? fewer --jobs, or a smaller --micro-batch" if name == "SIGKILL" else ""
    return f"killed by {name}{hint}"


def run_seeds(argv: Sequence[str], paths: dict[int, Path], options: dict[str, Any]) -> int:
    """Run all seeds; the exit code is 0 only if every one of them ended well.

    Args:
        argv: the command line, with ``--seeds``.
        paths: each seed's run folder.
        options: of the command line; ``jobs`` and ``quiet`` are read.
    """
    shared = _without(argv, "--seeds", "--jobs")
    jobs = [Job((str(s),), p, [*shared, "--seed", str(s), "--quiet"]) for s, p in paths.items()]
    console = make_wide_console(quiet="quiet" in options)
    try:
        with JobTable(jobs, ("seed",), console) as table:
            JobPool(jobs, LocalLauncher(), options.get("jobs")).work(table.show)
    except KeyboardInterrupt as interrupt:
        again = "the same command with --resume goes on"
        raise type(interrupt)(f"interrupted: {again}") from None
    console.print(results_table(jobs, ("seed",)))
    failed = [job for job in jobs if job.code != 0]
    for job in failed:
        cli.say(f"seed {job.label[0]}: {job.failure}")
    if failed and len(jobs) > 1:
        cli.say(f"error: {len(failed)} of {len(jobs)} seeds failed")
    return exit_code(jobs)


def exit_code(jobs: Sequence[Job]) -> int:
    """0 if all ended well, 2 if one asked for what cannot be, else 1."""
    return max((2 if job.code == 2 else 1 for job in jobs if job.code != 0), default=0)


def _without(argv: Sequence[str], *options: str) -> list[str]:
    """The command line less these options and their values."""
    kept, skip = [], False
    for word in argv:
        if skip:
            skip = False
        elif word in options:
            skip = True
        elif word.partition("=")[0] not in options:
            kept.append(word)
    return kept
