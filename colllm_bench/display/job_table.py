"""Many runs on a terminal: a live table while they run, and the tables at the end."""

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
SUMMARY_EVERY = 60.0
"""Seconds between two lines on all runs together where there is no terminal."""


class JobTable:
    """Jobs while they run: a live table on a terminal, elsewhere a line for each change of state.

    Args:
        jobs: :class:`colllm_bench.launchers.jobs.Job`.
        titles: the columns of the jobs' labels.
        console: where; a quiet one shows nothing.
    """

    def __init__(self, jobs: Sequence[Any], titles: Sequence[str], console: Console):
        self.jobs, self.titles, self.console = list(jobs), tuple(titles), console
        self.live: Live | None = None
        self.shown = {id(job): job.state for job in self.jobs}
        self.overview_at = time.monotonic()

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
            if self.shown[id(job)] != job.state:
                self.shown[id(job)] = job.state
                self._line(f"{self._name(job)}: {job.state}  {job.average}")
        if len(self.jobs) > 3 and time.monotonic() - self.overview_at >= SUMMARY_EVERY:
            self.overview_at = time.monotonic()
            self._line(self.overview())

    def _line(self, text: str) -> None:
        self.console.print(text.rstrip(), soft_wrap=True)

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
        """Seconds until all runs are trained at the speed so far; None before one is known.

        Counts episodes, not runs: those of many agents take longer than others. The seconds of
        an episode are known from this run or from runs that differ in the seed alone; for other
        runs the mean of all is taken.
        """
        measured: dict[tuple, list[float]] = {}
        for job in self.jobs:
            if job.seconds_an_episode:
                measured.setdefault(job.label[:-1], []).append(job.seconds_an_episode)
        if not measured:
            return None
        means = {label: sum(seconds) / len(seconds) for label, seconds in measured.items()}
        overall = sum(means.values()) / len(means)
        totals = [job.total for job in self.jobs if job.total]
        work = 0.0
        for job in self.jobs:
            if job.code is None:
                total = job.total or max(totals)
                work += max(0, total - job.done) * means.get(job.label[:-1], overall)
        return work / max(1, sum(job.running for job in self.jobs))


def progress_table(jobs: Sequence[Any], titles: Sequence[str], fit: int | None = None) -> Table:
    """A line for each run: state, episodes, win rate and return, time left.

    Args:
        fit: lines of the table; if there are more runs, those that failed or run come first.
    """
    table = plain_table(*titles, "", "episodes", "", "left")
    shown = list(jobs)
    if fit is not None and len(shown) > fit:
        shown = sorted(shown, key=lambda job: STATES.index(job.state))[: fit - 1]
    for job in shown:
        left = job.eta.left(job.done) if job.eta and job.state == "training" else None
        table.add_row(
            *job.label, job.state, f"{job.done}/{job.total}" if job.total else "",
            str(job.average), duration(left) if left is not None else "",
        )
    if len(shown) < len(jobs):
        table.add_row(f"... {len(jobs) - len(shown)} more")
    return table


def results_table(jobs: Sequence[Any], titles: Sequence[str]) -> Table:
    """A line for each run: the held-out result before and after training, and its folder."""
    table = plain_table(*titles, f"{_measure(jobs)}: untrained", "trained", "95% interval")
    table.add_column("run folder", overflow="fold")
    for job in jobs:
        summary_file = job.path / "summary.json"
        if job.code != 0 or not summary_file.exists():
            table.add_row(*job.label, "", job.state, "", str(job.path))
            continue
        summary = files.read_json(summary_file)
        measure = summary["success"] or summary["return"]
        untrained, trained = measure["untrained"], measure["trained"]
        table.add_row(*job.label, f"{untrained['mean']:.3f}", *cells(trained), str(job.path))
    return table


def settings_table(jobs: Sequence[Any], titles: Sequence[str]) -> Table:
    """A line for each setting: how many of its runs are done, and their held-out results."""
    table = plain_table(*titles[:-1], "done", f"{_measure(jobs)}: mean")
    table.add_column("each seed", overflow="fold")
    groups: dict[tuple, list[Any]] = {}
    for job in jobs:
        groups.setdefault(job.label[:-1], []).append(job)
    for label, members in groups.items():
        done = [job for job in members if job.code == 0]
        means = [mean for job in done if (mean := _trained_mean(job)) is not None]
        table.add_row(
            *label, f"{len(done)}/{len(members)}",
            f"{sum(means) / len(means):.3f}" if means else "",
            " ".join(f"{mean:.3f}" for mean in means),
        )
    return table


def _measure(jobs: Sequence[Any]) -> str:
    """What the tables show of runs on tasks that they did not train on; both where they differ or
    none is done."""
    paths = [job.path / "summary.json" for job in jobs]
    found = {bool(files.read_json(path)["success"]) for path in paths if path.exists()}
    return {(True,): "win rate", (False,): "return"}.get(tuple(found), "win rate or return")


def _trained_mean(job: Any) -> float | None:
    """The trained team's win rate (or return) on held-out tasks."""
    summary_file = job.path / "summary.json"
    if not summary_file.exists():
        return None
    summary = files.read_json(summary_file)
    return (summary["success"] or summary["return"])["trained"]["mean"]


def failures_table(jobs: Sequence[Any], titles: Sequence[str]) -> Table:
    """A line for each failed run, with its last line on stderr."""
    table = plain_table(*titles)
    table.add_column("failed with", overflow="fold")
    for job in jobs:
        table.add_row(*job.label, job.failure)
    return table
