"""Many runs at once: jobs, and the pool that works them off, watched through their folders.

A *launcher* starts a job somewhere and hands back a *task* to ask and to stop;
:mod:`colllm_bench.launchers.local` has a process of one thread for each,
:mod:`colllm_bench.launchers.ray_cluster` a task of a cluster. ``run --seeds`` and ``sweep`` share
all of this.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from colllm_bench import cli
from colllm_bench.display.job_table import JobTable, results_table
from colllm_bench.display.progress import Eta, MovingAverage
from colllm_bench.launchers.local import Local
from colllm_bench.runs import files
from colllm_bench.runs.folder import holds_run, read_config

POLL = 0.5
"""Seconds between two looks at the tasks."""
PATIENCE = 20.0
"""Seconds that an interrupted task gets to finish its last write."""


class Task(Protocol):
    """A started job."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs. Below 0: it was killed, and did not end itself."""

    def error(self) -> str:
        """The last line that it said on stderr, or "" if it said nothing."""

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
    """One run: what starts it, and how far its folder says it is.

    Args:
        label: what tells it from the others, a text for each column of the table.
        path: its run folder.
        argv: the arguments of ``python -m colllm_bench.run``.

    Attributes:
        code: its exit code, once it has ended; ``failure`` is then its last line, if not 0.
        tries: how often it was started; the last start was at ``began`` (of the monotonic
            clock), and took ``seconds``.
        done, total: episodes; ``total`` is None before the run's folder says it.
        pace: seconds an episode took since it was started here, or None.
    """

    def __init__(self, label: tuple[str, ...], path: Path, argv: Sequence[str]):
        self.label, self.path, self.argv = label, path, list(argv)
        self.task: Task | None = None
        self.code: int | None = None
        self.failure = ""
        self.tries, self.elsewhere = 0, False
        self.began = self.seconds = 0.0
        self.moving, self.offset, self.done = MovingAverage(), 0, 0
        self.total: int | None = None
        self.clock: Eta | None = None
        self.pace: float | None = None

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
        """What a person types to go on with this run alone."""
        if holds_run(self.path):
            return f"python -m colllm_bench.run --resume {self.path}"
        words = [cli.quoted(word) for word in self.argv if word not in ("--resume", "--quiet")]
        return " ".join(["python -m colllm_bench.run", *words])

    def fail(self, code: int, reason: str) -> None:
        self.code, self.failure = code, reason

    def look(self) -> None:
        """Read the new lines of the run's metrics."""
        path = self.path / "metrics.jsonl"
        if self.task is None or not path.exists():
            return
        if self.total is None and holds_run(self.path):
            config = read_config(self.path)
            self.total = config.iterations * config.batch
        size = path.stat().st_size
        if size < self.offset:  # a resumed run has forgotten its last lines
            self.offset, self.moving = 0, MovingAverage()
        if size > self.offset and self.total is not None:
            rows, self.offset = files.lines_from(path, self.offset)
            for row in rows:
                self.moving.add(row)
                self.done = row["episodes"]
            if rows and self.clock is None:
                self.clock = Eta(self.total, self.done)
            elif rows:
                self.pace = self.clock.pace(self.done) or self.pace


class Pool:
    """Works off jobs, so many at a time.

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
        """Until every job has ended; ``show`` is called after every look at them.

        Raises:
            KeyboardInterrupt: passed on, after the running tasks were asked to end and did.
        """
        try:
            while any(job.code is None for job in self.jobs):
                self._start_some()
                time.sleep(POLL)
                for job in self.jobs:
                    if job.running:
                        job.look()
                        self._collect(job)
                show()
        except BaseException:
            self.stop()
            raise
        finally:
            self.launcher.close()

    def _start_some(self) -> None:
        free = (self.at_once or self.launcher.slots()) - sum(job.running for job in self.jobs)
        for job in self.jobs:
            if free <= 0:
                break
            if job.task is not None or job.code is not None:
                continue
            # Two sweeps over one grid share its runs: who comes second waits for the first.
            job.elsewhere = "--resume" in job.argv and files.is_locked(job.path)
            if not job.elsewhere:
                job.tries, job.began = job.tries + 1, time.monotonic()
                job.task = self.launcher.start(job.argv)
                free -= 1

    def _collect(self, job: Job) -> None:
        code = job.task.poll()
        if code is None:
            return
        said = job.task.error()
        if code == 2 and "--resume" in job.argv and files.is_locked(job.path):
            job.task, job.tries = None, job.tries - 1  # another was quicker to take the folder
        elif code < 0 and job.tries <= self.retries:
            job.task = None  # killed: by the system for its memory, by somebody; it goes on
        else:
            job.code, job.seconds = code, time.monotonic() - job.began
            job.failure = "" if code == 0 else said or _ending(code)

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


def run_seeds(argv: Sequence[str], paths: dict[int, Path], given: dict[str, Any]) -> int:
    """Run all seeds; the exit code is 0 only if every one of them ended well.

    Args:
        argv: the command line, with ``--seeds``.
        paths: each seed's run folder.
        given: the options of the command line (``jobs``, ``quiet``).
    """
    own = _without(argv, "--seeds", "--jobs")
    jobs = [Job((str(s),), p, [*own, "--seed", str(s), "--quiet"]) for s, p in paths.items()]
    console = Console(quiet="quiet" in given)
    try:
        with JobTable(jobs, ("seed",), console) as board:
            Pool(jobs, Local(), given.get("jobs")).work(board.show)
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
