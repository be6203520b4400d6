"""What a person sees of many runs: a live table of them all, and the tables at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from colllm_bench.display.progress import duration
from colllm_bench.display.tables import cells, plain_table
from colllm_bench.runs import files

STATES = ("failed", "evaluating", "training", "starting", "elsewhere", "waiting", "done")
"""In the order in which runs are shown where not all of them fit."""
WIDE = 200
"""Columns of a line where there is no terminal."""
SUMMARY_EVERY = 60.0
"""Seconds between two lines on the whole where there is no terminal."""


def console_for(**settings: Any) -> Console:
    """A console; wide where it is none, so that logs and pipes get whole lines."""
    console = Console(**settings)
    return console if console.is_terminal else Console(**settings, width=WIDE)


class JobTable:
    """Shows jobs while they go on: a live table on a terminal, elsewhere a line a change.

    Args:
        jobs: :class:`colllm_bench.launchers.jobs.Job`.
        titles: of the columns that their labels fill.
        console: where; a quiet one shows nothing.
    """

    def __init__(self, jobs: Sequence[Any], titles: Sequence[str], console: Console):
        self.jobs, self.titles, self.console = list(jobs), tuple(titles), console
        self.live: Live | None = None
        self.told = {id(job): job.state for job in self.jobs}
        self.summed = time.monotonic()

    def __enter__(self) -> JobTable:
        if self.console.is_terminal and not self.console.quiet:
            self.live = Live(self, console=self.console, transient=True, refresh_per_second=2)
            self.live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.live:
            self.live.stop()

    def __rich__(self) -> Group:
        fit = max(3, self.console.size.height - 4)
        return Group(
            *([Text(self.overview())] if len(self.jobs) > 3 else []),
            progress_table(self.jobs, self.titles, fit),
        )

    def show(self) -> None:
        if self.live:
            self.live.refresh()
            return
        for job in self.jobs:
            if self.told[id(job)] != job.state:
                self.told[id(job)] = job.state
                self._line(f"{self._name(job)}: {job.state}  {job.moving}")
        if len(self.jobs) > 3 and time.monotonic() - self.summed >= SUMMARY_EVERY:
            self.summed = time.monotonic()
            self._line(self.overview())

    def _line(self, text: str) -> None:
        self.console.print(text.rstrip(), highlight=False, markup=False, soft_wrap=True)

    def _name(self, job: Any) -> str:
        if len(self.titles) == 1:
            return f"{self.titles[0]} {job.label[0]}"
        return " ".join(
            text if title in ("env", "algo") else f"{title} {text}"
            for title, text in zip(self.titles, job.label)
        )

    def overview(self) -> str:
        """How many runs are in which state, and the time that is left."""
        counts = Counter(job.state for job in self.jobs)
        parts = [f"{counts[state]} {state}" for state in reversed(STATES) if counts[state]]
        left = self.left()
        if left is not None:
            parts.append(f"about {duration(left)} left")
        return f"{len(self.jobs)} runs: " + ", ".join(parts)

    def left(self) -> float | None:
        """Seconds until all are trained, at the pace so far; None before there is one.

        In work, not in runs: runs of many agents take longer than others. What one episode
        of a run costs is known once that run, or one with the same label but the seed, goes.
        """
        paces: dict[tuple, list[float]] = {}
        for job in self.jobs:
            if job.pace:
                paces.setdefault(job.label[:-1], []).append(job.pace)
        if not paces:
            return None
        known = {label: sum(own) / len(own) for label, own in paces.items()}
        other = sum(known.values()) / len(known)
        totals = [job.total for job in self.jobs if job.total]
        work = 0.0
        for job in self.jobs:
            if job.code is None:
                total = job.total or max(totals)
                work += max(0, total - job.done) * known.get(job.label[:-1], other)
        row_groups = sum(job.running for job in self.jobs)
        return work / max(1, row_groups)


def progress_table(jobs: Sequence[Any], titles: Sequence[str], fit: int | None = None) -> Table:
    """A line a run: state, episodes, win rate and return, time left.

    Args:
        fit: lines there are; of more runs, those that go on or failed are shown first.
    """
    table = plain_table(*titles, "", "episodes", "", "left")
    shown = list(jobs)
    if fit is not None and len(shown) > fit:
        shown = sorted(shown, key=lambda job: STATES.index(job.state))[: fit - 1]
    for job in shown:
        left = job.clock.left(job.done) if job.clock and job.state == "training" else None
        table.add_row(
            *job.label, job.state, f"{job.done}/{job.total}" if job.total else "",
            str(job.moving), duration(left) if left is not None else "",
        )
    if len(shown) < len(jobs):
        table.add_row(f"... {len(jobs) - len(shown)} more")
    return table


def results_table(jobs: Sequence[Any], titles: Sequence[str]) -> Table:
    """A line a run: the held-out result before and after training, and its folder."""
    table = plain_table(*titles, "untrained", "trained", "95% interval")
    table.add_column("run folder", overflow="fold")
    for job in jobs:
        summary_file = job.path / "summary.json"
        if job.code != 0 or not summary_file.exists():
            table.add_row(*job.label, "", job.state, "", str(job.path))
            continue
        summary = files.read_json(summary_file)
        found = summary["success"] or summary["return"]
        untrained, trained = found["untrained"], found["trained"]
        table.add_row(*job.label, f"{untrained['mean']:.3f}", *cells(trained), str(job.path))
    return table


def settings_table(jobs: Sequence[Any], titles: Sequence[str]) -> Table:
    """A line a setting: how many of its runs are done, and each one's held-out result."""
    table = plain_table(*titles[:-1], "done", "mean")
    table.add_column("on held-out tasks, each seed", overflow="fold")
    groups: dict[tuple, list[Any]] = {}
    for job in jobs:
        groups.setdefault(job.label[:-1], []).append(job)
    for label, own in groups.items():
        done = [job for job in own if job.code == 0]
        found = [mean for job in done if (mean := _trained(job)) is not None]
        table.add_row(
            *label, f"{len(done)}/{len(own)}",
            f"{sum(found) / len(found):.3f}" if found else "",
            " ".join(f"{mean:.3f}" for mean in found),
        )
    return table


def _trained(job: Any) -> float | None:
    """The trained team's win rate (or return) on held-out tasks."""
    summary_file = job.path / "summary.json"
    if not summary_file.exists():
        return None
    summary = files.read_json(summary_file)
    return (summary["success"] or summary["return"])["trained"]["mean"]


def failures_table(jobs: Sequence[Any], titles: Sequence[str]) -> Table:
    """A line a run that failed, with the last line that it said."""
    table = plain_table(*titles)
    table.add_column("failed with", overflow="fold")
    for job in jobs:
        table.add_row(*job.label, Text(job.failure))
    return table
