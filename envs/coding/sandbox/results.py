"""What goes into a run of the jail and what comes out of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from colllm_bench.errors import ConfigError

VERDICTS = {
    "ok": "the entry function returned data; whether it is right is for the caller to compare",
    "load-error": "the source does not compile, fails when it is run, or lacks the entry function",
    "runtime-error": "the entry function raised an exception",
    "cpu-timeout": "more CPU time than Limits.cpu in one case",
    "wall-timeout": "more time on the clock than Limits.wall in one case (it slept or blocked)",
    "output-limit": "the result or what was printed is larger than allowed",
    "memory": "it asked for more memory than Limits.memory_mb",
    "crashed": "the process was ended by a signal (a segmentation fault, an abort)",
    "no-result": "it returned what is no data, or the process ended without an answer",
    "sandbox-lost": "the jail itself was lost twice: an infrastructure failure, not a wrong answer",
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one program may use; the defaults suit tests of small functions."""

    cpu: float = 2.0
    """CPU seconds a case; this is what decides time-outs."""
    wall: float | None = None
    """Seconds a case on the clock; default: the larger of 5 and three times ``cpu``."""
    memory_mb: int = 512
    """MB of address space beyond what the empty interpreter has."""
    recursion: int = 5_000
    """Depth of Python's stack."""
    source_bytes: int = 256 * 1024
    """Length of the source in UTF-8."""
    result_bytes: int = 1024 * 1024
    """Length of one result as JSON."""
    stdout_chars: int = 20_000
    """Characters that one case may print."""
    timeouts: int = 2
    """After so many time-outs of one program its further cases are not run but get the same
    verdict, so that an endless loop costs 2 x ``cpu`` and not ``cpu`` for every case."""

    def __post_init__(self):
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name == "wall" and value is None:
                continue
            whole = f.type == "int"
            if type(value) is not int and (whole or type(value) is not float):
                raise ConfigError(f"limits: {f.name} = {value!r}",
                                  allowed="a whole number" if whole else "a number")
            if not 0 < value < math.inf:
                raise ConfigError(f"limits: {f.name} = {value!r}", allowed="more than 0")
        if self.wall is None:
            object.__setattr__(self, "wall", max(5.0, 3.0 * self.cpu))
        if self.recursion > 20_000:
            raise ConfigError(f"limits: recursion = {self.recursion}", allowed="1 to 20000")


@dataclass(frozen=True)
class Program:
    """A source, the function to call and the argument lists to call it with."""

    source: str
    entry: str
    cases: Sequence[Sequence[Any]]
    limits: Limits = field(default_factory=Limits)
    isolate: bool = False
    """A process of its own for every case: see :meth:`.pool.Pool.run`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case. Data that the program made: never a judgement on it."""

    verdict: str
    """One of VERDICTS."""
    value: Any = None
    """What the entry function returned, if ``verdict`` is ``ok``."""
    stdout: str = ""
    """What it printed, control characters replaced."""
    error: str = ""
    """One line for people (and prompts) on anything but ``ok``; from the program, so any text."""
    seconds: float = 0.0
    """CPU seconds of the case; where in a call's time a case began is the program's own claim."""

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.verdict == "ok"

    @property
    def lost(self) -> bool:
        """Whether it is the jail that failed, not the program: no score may be made of it."""
        return self.verdict == "sandbox-lost"


def plain_text(text: Any, limit: int) -> str:
    """``text`` without what could move a terminal or break a file, cut at ``limit``."""
    if type(text) is not str or not text:
        return ""
    text = text if len(text) <= limit else text[: limit - 1] + "\u2026"
    text = text.encode("utf-8", "replace").decode("utf-8")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def safe_repr(value: Any) -> str:
    """``repr`` of any data: of numbers of more than 4,300 digits, which Python does not print, how
    many digits they have, about."""
    try:
        return repr(value)
    except (ValueError, RecursionError):
        pass
    kind = type(value)
    if kind is int:
        return f"(a number of {int(value.bit_length() * 0.30103) + 1:,} digits)"
    if kind in (list, tuple, set, frozenset):
        inside = ", ".join(map(safe_repr, value))
        return {list: "[{}]", tuple: "({},)" if len(value) == 1 else "({})"}.get(
            kind, f"{kind.__name__}(({{}},))").format(inside)
    if kind is dict:
        return "{" + ", ".join(f"{safe_repr(k)}: {safe_repr(v)}" for k, v in value.items()) + "}"
    return f"({kind.__name__} that cannot be shown)"


def shown(value: Any, limit: int = 200) -> str:
    """``value`` as a short text for people and prompts, whatever data it is."""
    return plain_text(safe_repr(value), limit)
