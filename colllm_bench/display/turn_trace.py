"""``--trace``: every field of one turn, printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from rich.console import Console
from rich.text import Text

from colllm_bench.cli.field_docs import field_docs
from colllm_bench.display.console import PlainTable
from colllm_bench.training.callbacks import Callback
from colllm_bench.types import Episode, Turn


class TurnTrace(Callback):
    """Prints every field of one turn, with what the field is: of the best episode of the first
    iteration that has a reward, or at the end of one without."""

    def __init__(self, console: Console):
        self.console, self.printed = console, False
        self.best: Episode | None = None

    def on_iteration(self, row: dict[str, Any], episodes: Sequence[Episode]) -> None:
        if not self.printed:
            self.best = max(episodes, key=lambda episode: episode.return_)
            if any(self.best.rewards):
                self._print()

    def on_train_end(self) -> None:
        if not self.printed and self.best is not None:
            self._print()

    def _print(self) -> None:
        self.printed = True
        self.console.print(turn_table(self.best))


def turn_table(episode: Episode) -> PlainTable:
    """The last turn of the first agent: where rewards are sparse, earlier turns have none."""
    trajectory = episode.trajectories[0]
    number, turn, docs = len(trajectory.turns), trajectory.turns[-1], field_docs(Turn)
    table = PlainTable(
        title=Text(f"The life of a turn: {trajectory.agent}, turn {number}"), title_justify="left"
    )
    table.add_column("field", no_wrap=True)
    table.add_column("value", overflow="fold", ratio=3)
    table.add_column("what it is, and who wrote it", overflow="fold", ratio=4)
    for field in fields(Turn):
        value = _short(getattr(turn, field.name))
        table.add_row(field.name, value, _without_backquotes(docs[field.name].text))
    return table


def _short(value: Any, limit: int = 300) -> str:
    if isinstance(value, list) and value and isinstance(value[0], float):
        value = [round(item, 4) for item in value]
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 4] + " ..."


def _without_backquotes(text: str) -> str:
    return " ".join(text.split()).replace("``", "")
