"""The argument parser that every command uses, and how a command ends. No torch."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import shlex
import signal
import sys
import typing
from collections.abc import Callable, Sequence
from typing import Any

from colllm_bench.cli.origin import origin_of
from colllm_bench.config import RENAMED
from colllm_bench.errors import ColllmError, ConfigError


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line, with the nearest option."""

    def __init__(self, **settings: Any):
        super().__init__(allow_abbrev=False, argument_default=argparse.SUPPRESS, **settings)

    def error(self, message: str) -> typing.NoReturn:
        raise ConfigError(message, fix=f"see {self.prog} --help")

    def parse(self, argv: Sequence[str] | None) -> argparse.Namespace:
        """The options that were given, and no others.

        Raises:
            ConfigError: an unknown option (with the nearest), a value of the wrong kind.
        """
        args, extra = self.parse_known_args(argv)
        if extra:
            self._refuse(extra[0])
        return args

    def _refuse(self, given: str) -> typing.NoReturn:
        if not given.startswith("-"):
            raise ConfigError(f"unexpected argument {given!r}", fix=f"see {self.prog} --help")
        name = given.partition("=")[0]
        if new := RENAMED.get(name[2:].replace("-", "_")):
            raise ConfigError(
                f"{name} has another name now", fix=f"--{new.replace('_', '-')}"
            )
        known = [flag for flag in self._option_string_actions if flag.startswith("--")]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"unknown option {name!r}", fix=f"{hint}see {self.prog} --help")


def execute(
    main: Callable[[Sequence[str]], int | None], argv: Sequence[str] | None = None
) -> int:
    """Run a command; failures become one line on stderr and an exit code.

    2 for what the user asked for and cannot have, 1 for failures while running, 130 and 143
    for Ctrl-C and SIGTERM. With ``--debug`` among ``argv``, exceptions pass through.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    with contextlib.suppress(AttributeError, ValueError):  # replaced by something else, or closed
        # A path that is no UTF-8, or a terminal that is none, must not end a finished run.
        sys.stdout.reconfigure(errors="backslashreplace")
    end_on_sigterm()
    try:
        return main(argv) or 0
    except (ColllmError, KeyboardInterrupt, Exception) as error:
        if "--debug" in argv:
            raise
        return _tell(error)


def end_on_sigterm() -> None:
    """SIGTERM raises :class:`Terminated` from now on."""
    try:
        signal.signal(signal.SIGTERM, _terminated)
    except ValueError:
        pass  # not in the main thread: whoever called us sees to signals


class Terminated(KeyboardInterrupt):
    """SIGTERM: a scheduler's Ctrl-C."""


def _terminated(number: int, frame: Any) -> None:
    raise Terminated


def _tell(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        say(str(error) or "interrupted")
        return 143 if isinstance(error, Terminated) else 130
    notes = "".join(f"; {note}" for note in getattr(error, "__notes__", []))
    if isinstance(error, ColllmError):
        say("error: " + " ".join(str(error).split()) + notes)
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        sys.stderr.close()  # `--list | head`: nobody reads on, and nothing is wrong
        return 0
    reason = " ".join(str(error).split()) or "no message"
    origin = origin_of(error)
    raised = f", raised by {origin}" if origin else ""
    say(
        f"error: {type(error).__name__}: {reason}{raised}{notes}; run with --debug for the "
        "traceback"
    )
    return 1


def quoted(word: str) -> str:
    """A word of a command line as a shell takes it."""
    return shlex.quote(word)


def say(line: str) -> None:
    """A line for the person at the terminal; stdout is for results."""
    print(line, file=sys.stderr, flush=True)
