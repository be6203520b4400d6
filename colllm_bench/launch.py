"""Several seeds of one run: a process of one thread each, and a live table of them all."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from colllm_bench import files
from colllm_bench.cli import say
from colllm_bench.progress import Clock, Moving, duration
from colllm_bench.provenance import cores
from colllm_bench.record import holds_run, read_config
from colllm_bench.report import cells, plain_table

POLL = 0.5
"""Seconds between two looks at the processes."""
PATIENCE = 20.0
"""Seconds that an interrupted process gets to finish its last write."""


class Job:
    """One seed's process, watched through its run folder."""

    def __init__(self, seed: int, path: Path, command: list[str]):
        self.seed, self.path, self.command = seed, path, command
        self.process: subprocess.Popen | None = None
        self.errors = tempfile.TemporaryFile()
        self.moving, self.offset, self.done = Moving(), 0, 0
        self.total: int | None = None
        self.clock: Clock | None = None

    def start(self) -> None:
        """One thread: two such processes on two cores beat one process with two threads."""
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.DEVNULL, stderr=self.errors, stdin=subprocess.DEVNULL,
            env=environment, start_new_session=True,  # Ctrl-C reaches it through us, once
        )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def code(self) -> int | None:
        return None if self.process is None else self.process.poll()

    @property
    def state(self) -> str:
        if self.process is None:
            return "waiting"
        if self.running:
            if self.total is None or not self.done:
                return "starting"
            return "training" if self.done < self.total else "evaluating"
        return "done" if self.code == 0 else "failed"

    def look(self) -> None:
        """Read the new lines of the run's metrics."""
        path = self.path / "metrics.jsonl"
        if self.process is None or not path.exists():
            return
        if self.total is None and holds_run(self.path):
            config = read_config(self.path)
            self.total = config.iterations * config.batch
        size = path.stat().st_size
        if size < self.offset:  # a resumed run has forgotten its last lines
            self.offset, self.moving = 0, Moving()
        if size > self.offset and self.total is not None:
            rows, self.offset = files.lines_from(path, self.offset)
            for row in rows:
                self.moving.add(row)
                self.done = row["episodes"]
            if rows and self.clock is None:
                self.clock = Clock(self.total, self.done)

    def error(self) -> str:
        """The last line that the process said on stderr."""
        self.errors.seek(0)
        lines = self.errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"ended with code {self.code}"


def run_seeds(argv: Sequence[str], paths: dict[int, Path], given: dict[str, Any]) -> int:
    """Run all seeds; the exit code is 0 only if every one of them ended well.

    Args:
        argv: the command line, with ``--seeds``.
        paths: each seed's run folder.
        given: the options of the command line (``jobs``, ``quiet``, ``threads``).
    """
    own = _without(argv, "--seeds", "--jobs")
    own += [] if "threads" in given else ["--threads", "1"]
    program = [sys.executable, "-m", "colllm_bench.run"]
    jobs = [Job(s, p, [*program, *own, "--seed", str(s), "--quiet"]) for s, p in paths.items()]
    console = Console(quiet="quiet" in given)
    try:
        _run(jobs, max(1, given.get("jobs") or cores()), console)
    except KeyboardInterrupt as interrupt:
        _stop(jobs)
        again = "the same command with --resume goes on"
        raise type(interrupt)(f"interrupted: {again}") from None
    failed = [job for job in jobs if job.code != 0]
    console.print(seeds_table(jobs))
    for job in failed:
        say(f"seed {job.seed}: {job.error()}")
    if failed and len(jobs) > 1:
        say(f"error: {len(failed)} of {len(jobs)} seeds failed")
    return max((1 if job.code != 2 else 2 for job in failed), default=0)


def _run(jobs: list[Job], at_once: int, console: Console) -> None:
    with _display(jobs, console) as show:
        while any(job.process is None or job.running for job in jobs):
            for job in jobs:
                if job.process is None and sum(other.running for other in jobs) < at_once:
                    job.start()
            time.sleep(POLL)
            for job in jobs:
                job.look()
            show()


@contextlib.contextmanager
def _display(jobs: list[Job], console: Console) -> Iterator[Any]:
    """A live table on a terminal; elsewhere a line whenever a seed's state changes."""
    if console.is_terminal and not console.quiet:
        with Live(progress_table(jobs), console=console, transient=True) as live:
            yield lambda: live.update(progress_table(jobs))
        return
    told: dict[int, str] = {}

    def lines() -> None:
        for job in jobs:
            if told.get(job.seed) != job.state:
                told[job.seed] = job.state
                text = f"seed {job.seed}: {job.state}  {job.moving}".rstrip()
                console.print(text, highlight=False, soft_wrap=True)

    yield lines


def progress_table(jobs: Sequence[Job]) -> Table:
    """A line a seed: state, episodes, win rate and return, time left."""
    table = plain_table("seed", "", "episodes", "", "left")
    for job in jobs:
        left = job.clock.left(job.done) if job.clock and job.state == "training" else None
        table.add_row(
            str(job.seed), job.state, f"{job.done}/{job.total}" if job.total else "",
            str(job.moving), duration(left) if left is not None else "",
        )
    return table


def seeds_table(jobs: Sequence[Job]) -> Table:
    """A line a seed: the held-out result before and after training, and its folder."""
    table = plain_table("seed", "untrained", "trained", "95% interval")
    table.add_column("run folder", overflow="fold")
    for job in jobs:
        summary_file = job.path / "summary.json"
        if job.code != 0 or not summary_file.exists():
            table.add_row(str(job.seed), "", job.state, "", str(job.path))
            continue
        summary = files.read_json(summary_file)
        found = summary["success"] or summary["return"]
        trained = found["trained"]
        table.add_row(
            str(job.seed), f"{found['untrained']['mean']:.3f}", *cells(trained), str(job.path)
        )
    return table


def _stop(jobs: Sequence[Job]) -> None:
    for number, patience in ((signal.SIGINT, PATIENCE), (signal.SIGKILL, 5.0)):
        for job in jobs:
            if job.running:
                job.process.send_signal(number)
        until = time.monotonic() + patience
        while any(job.running for job in jobs) and time.monotonic() < until:
            time.sleep(0.1)


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
