"""A setting as a flag: what its help says, what stands for its value, what reads it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import MISSING
from typing import Any

from colllm_bench.options import Option

NUMBER_OR_NAME = int | str
"""The kind of a setting that is a whole number or a name."""
LETTERS = {int: "N", float: "X", str: "NAME", NUMBER_OR_NAME: "N|NAME"}
"""What stands for a value in a help text."""


def help_of(about: Option, default: Any) -> str:
    """A setting's line in a help text."""
    text = about.help.replace("%", "%%")
    return text if default is None or default is MISSING else f"{text} (default: {default})"


def add_option(
    group: Any, flag: str, kind: Any, help_text: str, choices: Sequence[str] = ()
) -> None:
    """A flag for one setting of this kind."""
    if kind is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, help=help_text)
    else:
        metavar = metavar_of(kind, choices)
        group.add_argument(flag, type=reader_of(kind), metavar=metavar, help=help_text)


def reader_of(kind: Any) -> Callable[[str], Any]:
    """What makes a word of the command line a value of this kind."""
    return _number_or_name if kind == NUMBER_OR_NAME else kind


def _number_or_name(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def metavar_of(kind: Any, choices: Sequence[str] = ()) -> str:
    """What stands for a setting's value in a help text: its choices, or a letter of its kind."""
    return "|".join(choices) or LETTERS[kind]
