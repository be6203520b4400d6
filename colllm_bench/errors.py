"""The error model in one place.

Three kinds, and what a command does with each:

* :class:`ConfigError`: the user asked for something that cannot be. One line, exit code 2.
* :class:`RunError`: something failed while running (a full disk, a folder that became
  read-only). One line, exit code 1; what was written stays resumable.
* anything else is a bug of ours and keeps its traceback (``--debug`` shows every one).

A bad *action* of a model is none of these: it is data, recorded in ``Turn.info``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ColllmError(Exception):
    """Base of all errors that a command prints as one line."""

    exit_code = 1


class ConfigError(ColllmError, ValueError):
    """A value that cannot be used: says which, what is allowed, and how to mend it."""

    exit_code = 2

    def __init__(self, message: str, *, allowed: str | None = None, fix: str | None = None):
        parts = [message.rstrip(".")]
        if allowed:
            parts.append(f"allowed: {allowed}")
        if fix:
            parts.append(f"fix: {fix}")
        super().__init__("; ".join(parts))


class RunError(ColllmError, RuntimeError):
    """A failure while running; the run folder stays as the last complete write left it."""


MOST_NAMES = 40
"""Longer lists are cut to the nearest names: a line of a hundred hides the one that was meant."""


def unknown_name(kind: str, name: str, known: Iterable[str], fix: str | None = None) -> ConfigError:
    """The error for a name that is in no list: nearest match first, then the list (of a long one
    the nearest names, and how many there are)."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    shown = ", ".join(known) or "none are registered"
    if len(known) > MOST_NAMES:
        nearest = difflib.get_close_matches(name, known, n=8, cutoff=0.3)
        shown = f"{len(known)} names" + (f", nearest {', '.join(nearest)}" if nearest else "")
    return ConfigError(
        f"unknown {kind} {name!r}",
        allowed=shown,
        fix=(hint + (fix or "use one of these, 'module:Class' or './file.py:Class'")),
    )


def check_choice(name: str, value: object, allowed: Iterable, words: str | None = None) -> None:
    """Refuse an option that is none of ``allowed``; 1 is not True, and 1.0 is not 1.

    Args:
        words: how the message says what is allowed; default: the choices themselves.

    Raises:
        ConfigError: names the option, its value and what is allowed.
    """
    for choice in allowed:
        if value == choice and type(value) is type(choice):
            return
    words = words or ", ".join(repr(choice) for choice in allowed)
    raise ConfigError(f"{name}={value!r}", allowed=words)
