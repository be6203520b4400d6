"""A run's progress: a live bar on a terminal, elsewhere plain lines."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from colllm_bench.display.turn_trace import TurnTrace
from colllm_bench.training.callbacks import Callback
from colllm_bench.types import Episode

WINDOW = 256
"""Episodes over which the shown win rate and return are averaged."""
MANY_INVALID = 0.2
"""Share of actions that cannot be read from which on it is told: a team of them learns nothing."""


class MovingAverage:
    """Win rate and return over the last :data:`WINDOW` episodes, from rows of metrics."""

    def __init__(self) -> None:
        self.rows: deque[tuple[int, dict[str, Any]]] = deque()
        self.seen = 0

    def add(self, row: dict[str, Any]) -> None:
        self.rows.append((row["episodes"] - self.seen, row))
        self.seen = row["episodes"]
        while sum(count for count, _ in self.rows) - self.rows[0][0] >= WINDOW:
            self.rows.popleft()

    def mean(self, key: str) -> float | None:
        """None where no row has ``key`` (an environment without a verdict, say)."""
        pairs = [(count, row[key]) for count, row in self.rows if row.get(key) is not None]
        total = sum(count for count, _ in pairs)
        return sum(count * value for count, value in pairs) / total if total else None

    def __str__(self) -> str:
        parts = [("win rate", self.mean("success")), ("return", self.mean("return"))]
        shown = [f"{name} {value:.3f}" for name, value in parts if value is not None]
        if (share := self.mean("invalid") or 0.0) >= MANY_INVALID:
            shown.append(f"{share:.0%} of actions invalid")
        return "  ".join(shown)


class Eta:
    """Time left, from the speed of this process alone: a resumed run measures anew.

    Args:
        total: episodes of the run.
        done: episodes that were trained before this process.
    """

    def __init__(self, total: int, done: int):
        self.total, self.first, self.began = total, done, time.monotonic()

    def left(self, done: int) -> float | None:
        """Seconds, or None before anything was done."""
        seconds = self.seconds_an_episode(done)
        return None if seconds is None else seconds * (self.total - done)

    def seconds_an_episode(self, done: int) -> float | None:
        """None before anything was done."""
        if done <= self.first:
            return None
        return (time.monotonic() - self.began) / (done - self.first)


def duration(seconds: float | None) -> str:
    """``45 s``, ``7 min 05 s``, ``3 h 20 min``."""
    if seconds is None:
        return "?"
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


class ProgressBar(Callback):
    """Episodes, win rate, return and time left, for a terminal."""

    def __init__(self, console: Console):
        self.progress = Progress(
            TextColumn("training"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("episodes  {task.fields[numbers]}"),
            TextColumn("{task.fields[left]}"),
            console=console,
        )
        self.average = MovingAverage()

    def on_start(self, total: int, done: int) -> None:
        self.eta = Eta(total, done)
        self.average.seen = done
        self.task = self.progress.add_task("", total=total, completed=done, numbers="", left="")
        self.progress.start()

    def on_iteration(self, row: dict[str, Any], episodes: Sequence[Episode]) -> None:
        self.average.add(row)
        left = f"{duration(self.eta.left(row['episodes']))} left"
        self.progress.update(
            self.task, completed=row["episodes"], numbers=str(self.average), left=left
        )

    def on_train_end(self) -> None:
        self.progress.stop()


class ProgressLines(Callback):
    """A plain line now and then, for logs, pipes and schedulers.

    Args:
        console: where.
        every: seconds between two lines.
    """

    def __init__(self, console: Console, every: float = 15.0):
        self.console, self.every, self.printed_at = console, every, 0.0
        self.average = MovingAverage()

    def on_start(self, total: int, done: int) -> None:
        self.eta = Eta(total, done)
        self.average.seen = done

    def on_iteration(self, row: dict[str, Any], episodes: Sequence[Episode]) -> None:
        self.average.add(row)
        done, now = row["episodes"], time.monotonic()
        if now - self.printed_at < self.every and done < self.eta.total:
            return
        self.printed_at = now
        left = duration(self.eta.left(done))
        self.console.print(
            f"{done}/{self.eta.total} episodes  {self.average}  {left} left", soft_wrap=True
        )


def make_progress(console: Console, *, quiet: bool = False, trace: bool = False) -> list[Callback]:
    """The callbacks that show a run on ``console``: a bar on a terminal, else lines.

    Args:
        quiet: no progress.
        trace: also the fields of one turn, before the progress of the first iteration.
    """
    callbacks: list[Callback] = [TurnTrace(console)] if trace else []
    if not quiet:
        callbacks.append(ProgressBar(console) if console.is_terminal else ProgressLines(console))
    return callbacks
