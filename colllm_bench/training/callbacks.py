"""What is told of a training run while it goes on: progress, loggers, a user's own code.

No torch at import.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from colllm_bench.types import Episode


class Callback:
    """Told of a run's progress. Subclasses override what they need; each method does nothing.

    :func:`colllm_bench.train` calls the first three, ``python -m colllm_bench.run`` also the
    last. An exception ends the run; the run folder stays resumable.
    """

    def on_start(self, total: int, done: int) -> None:
        """Training begins, or goes on after a resume.

        Args:
            total: training episodes of the run.
            done: those that earlier processes have trained.
        """

    def on_iteration(self, row: dict[str, Any], episodes: Sequence[Episode]) -> None:
        """An iteration has been trained and recorded.

        Args:
            row: its line of ``metrics.jsonl``; ``row["episodes"]`` counts from the run's start.
            episodes: the iteration's training episodes, with rewards and advantages.
        """

    def on_train_end(self) -> None:
        """Training is over: finished, failed or interrupted. Comes once after ``on_start``."""

    def on_run_end(self, summary: dict[str, Any] | None) -> None:
        """The run is over.

        Args:
            summary: the run's ``summary.json``; None if there was no held-out evaluation.
        """


class CallbackList(Callback):
    """Several callbacks as one, called in order."""

    def __init__(self, callbacks: Sequence[Callback]):
        self.callbacks = list(callbacks)

    def on_start(self, total: int, done: int) -> None:
        for callback in self.callbacks:
            callback.on_start(total, done)

    def on_iteration(self, row: dict[str, Any], episodes: Sequence[Episode]) -> None:
        for callback in self.callbacks:
            callback.on_iteration(row, episodes)

    def on_train_end(self) -> None:
        for callback in self.callbacks:
            callback.on_train_end()

    def on_run_end(self, summary: dict[str, Any] | None) -> None:
        for callback in self.callbacks:
            callback.on_run_end(summary)
