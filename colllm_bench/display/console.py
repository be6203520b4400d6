"""Consoles that print text as it is.

rich reads ``[bold]`` and ``:smile:`` in every string, in table cells and titles too: a folder
named ``a[b]`` would lose letters, and ``a[/b]`` raise. Every console of this package is made here.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 200
"""Columns of a line where there is no terminal."""


def make_console(**settings: Any) -> Console:
    """A console that reads no markup, no emoji codes and no numbers to highlight.

    Args:
        settings: of :class:`rich.console.Console`.
    """
    return Console(**settings, markup=False, emoji=False, highlight=False)


def make_wide_console(**settings: Any) -> Console:
    """As :func:`make_console`; wide where there is no terminal, so that logs and pipes get whole
    lines."""
    console = make_console(**settings)
    return console if console.is_terminal else make_console(**settings, width=WIDE)


def plain(text: str) -> Text:
    """Text for a spinner (``console.status``), which reads markup whatever its console does."""
    return Text(text)


class PlainTable(Table):
    """A table whose texts are shown as they are on any console, brackets too."""

    def add_column(self, header: Any = "", **settings: Any) -> None:
        super().add_column(_as_it_is(header), **settings)

    def add_row(self, *row: Any, **settings: Any) -> None:
        super().add_row(*map(_as_it_is, row), **settings)


def _as_it_is(cell: Any) -> Any:
    return Text(cell) if isinstance(cell, str) else cell
