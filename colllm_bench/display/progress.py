"""What a person sees while a run goes on: a live bar, or plain lines where there is no terminal.

A callback has ``start(total, done)``, ``iteration(row, episodes)`` and ``close()``; the trainer
calls them and knows nothing else of it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from colllm_bench.display.turn_trace import Trace
from colllm_bench.types import Episode

WINDOW = 256
"""Episodes that the shown win rate and return are means of."""


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
        return "  ".join(f"{name} {value:.3f}" for name, value in parts if value is not None)


class Eta:
    """Time left, from the pace of this process alone: a resumed run starts counting anew."""

    def __init__(self, total: int, done: int):
        self.total, self.first, self.began = total, done, time.monotonic()

    def left(self, done: int) -> float | None:
        """Seconds, or None before anything was done."""
        pace = self.pace(done)
        return None if pace is None else pace * (self.total - done)

    def pace(self, done: int) -> float | None:
        """Seconds an episode, or None before anything was done."""
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


class Bar:
    """A bar with episodes, win rate, return and time left; for a terminal."""

    def __init__(self, console: Console):
        self.progress = Progress(
            TextColumn("training"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("episodes  {task.fields[numbers]}"),
            TextColumn("{task.fields[left]}"),
            console=console,
        )
        self.moving = MovingAverage()

    def start(self, total: int, done: int) -> None:
        self.clock = Eta(total, done)
        self.moving.seen = done
        self.task = self.progress.add_task("", total=total, completed=done, numbers="", left="")
        self.progress.start()

    def iteration(self, row: dict[str, Any], episodes: Sequence[Episode]) -> None:
        self.moving.add(row)
        left = f"{duration(self.clock.left(row['episodes']))} left"
        self.progress.update(
            self.task, completed=row["episodes"], numbers=str(self.moving), left=left
        )

    def close(self) -> None:
        self.progress.stop()


class Lines:
    """A plain line now and then: for logs, pipes and schedulers."""

    def __init__(self, console: Console, every: float = 15.0):
        self.console, self.every, self.told = console, every, 0.0
        self.moving = MovingAverage()

    def start(self, total: int, done: int) -> None:
        self.clock = Eta(total, done)
        self.moving.seen = done

    def iteration(self, row: dict[str, Any], episodes: Sequence[Episode]) -> None:
        self.moving.add(row)
        done, now = row["episodes"], time.monotonic()
        if now - self.told < self.every and done < self.clock.total:
            return
        self.told = now
        left = duration(self.clock.left(done))
        self.console.print(
            f"{done}/{self.clock.total} episodes  {self.moving}  {left} left",
            highlight=False, soft_wrap=True,
        )

    def close(self) -> None:
        pass


class After:
    """Listeners as one, that calls ``first`` before training shows its own progress."""

    def __init__(self, first: Any, then: Sequence[Any]):
        self.first, self.then = first, then

    def start(self, total: int, done: int) -> None:
        self.first()
        for callback in self.then:
            callback.start(total, done)

    def iteration(self, row: dict, episodes: Sequence[Any]) -> None:
        for callback in self.then:
            callback.iteration(row, episodes)

    def close(self) -> None:
        for callback in self.then:
            callback.close()


def make_callback(console: Console, *, quiet: bool = False, trace: bool = False) -> Any:
    """The callback that fits the terminal; None for ``quiet`` without ``trace``."""
    shown = None if quiet else Bar(console) if console.is_terminal else Lines(console)
    return Trace(console, shown) if trace else shown
