"""The life of one turn, printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from rich.console import Console
from rich.table import Table

from colllm_bench.cli.field_docs import field_docs
from colllm_bench.types import Episode, Turn


class Trace:
    """The life of one turn: every field of a turn of the first iteration, and who wrote it.

    Args:
        console: where it is printed.
        then: the callback behind it, or None.
    """

    def __init__(self, console: Console, then: Any = None):
        self.console, self.then, self.told = console, then, False

    def start(self, total: int, done: int) -> None:
        if self.then:
            self.then.start(total, done)

    def iteration(self, row: dict[str, Any], episodes: Sequence[Episode]) -> None:
        if not self.told:
            self.told = True
            self.console.print(turn_table(max(episodes, key=lambda episode: episode.return_)))
        if self.then:
            self.then.iteration(row, episodes)

    def close(self) -> None:
        if self.then:
            self.then.close()


def turn_table(episode: Episode) -> Table:
    """The last turn of the first agent: rewards come late where they are sparse."""
    trajectory = episode.trajectories[0]
    number, turn, docs = len(trajectory.turns), trajectory.turns[-1], field_docs(Turn)
    table = Table(
        title=f"The life of a turn: {trajectory.agent}, turn {number}", title_justify="left"
    )
    table.add_column("field", no_wrap=True)
    table.add_column("value", overflow="fold", ratio=3)
    table.add_column("what it is, and who wrote it", overflow="fold", ratio=4)
    for field in fields(Turn):
        table.add_row(field.name, _short(getattr(turn, field.name)), _plain(docs[field.name].text))
    return table


def _short(value: Any, limit: int = 300) -> str:
    if isinstance(value, list) and value and isinstance(value[0], float):
        value = [round(item, 4) for item in value]
    text = repr(value)
    text = text if len(text) <= limit else text[: limit - 4] + " ..."
    return text.replace("[", r"\[")


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("``", "").replace("[", r"\[")
