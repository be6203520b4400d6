"""From what a job sent and how it ended to one outcome a case: the trusted side's reading."""

from __future__ import annotations

import os
import signal
from typing import Any

from colllm_bench.envs.coding.sandbox.inside import protocol, values
from colllm_bench.envs.coding.sandbox.jail import Ended
from colllm_bench.envs.coding.sandbox.results import Limits, Outcome, Program, plain_text

ERROR_CHARS = 1_000
VERDICT_OF = {
    "raised": "runtime-error",
    "load": "load-error",
    "memory": "memory",
    "large": "output-limit",
    "unfit": "no-result",
}
"""Kinds of frame but ``returned``. A program can send any of them, to its own harm only."""


def refusal(program: Program) -> Outcome | None:
    """The outcome of a program that need not run to be known not to."""
    length = len(program.source.encode("utf-8", "surrogatepass"))
    if length > program.limits.source_bytes:
        text = f"the source has {length:,} bytes; allowed: {program.limits.source_bytes:,}"
        return Outcome("load-error", error=text)
    return None


def outcomes(ended: Ended, cases: int, limits: Limits) -> list[Outcome]:
    """Outcomes of the first cases, at least one, up to the one that ended the job.

    A job whose program cannot be loaded answers once; the caller does the rest.
    """
    done: list[Outcome] = []
    for number, frame in enumerate(ended.frames):
        seconds = ended.seconds[number] if number < len(ended.seconds) else 0.0
        done.append(read(frame, seconds, limits))
        if done[-1].verdict == "load-error":
            return done
    if len(done) < cases:
        seconds = ended.seconds[min(len(done), len(ended.seconds) - 1)]
        done.append(cut_short(ended, seconds, limits))
    return done


def read(frame: bytes, seconds: float, limits: Limits) -> Outcome:
    """The outcome that a frame tells of; whatever is not of its form is no result."""
    try:
        content = values.loads(frame)
        kind, value, error, stdout = content if type(content) is list else ()
        stdout = plain_text(stdout, limits.stdout_chars)
        error = plain_text(error, ERROR_CHARS).replace("\n", " ")
        if kind == "returned":
            return Outcome("ok", _value(value), stdout, "", seconds)
        verdict = VERDICT_OF[kind]
        return Outcome(verdict, None, stdout, error or verdict, seconds)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        text = plain_text(f"no readable result: {error}", ERROR_CHARS)
        return Outcome("no-result", error=text, seconds=seconds)


def _value(tagged: Any) -> Any:
    value = values.decode(tagged)
    values.encode(value)  # no deeper and no larger than what a job may send
    return value


def cut_short(ended: Ended, seconds: float, limits: Limits) -> Outcome:
    """The outcome of the case in which the job ended without a frame."""
    if ended.flooded:
        text = f"more came out of it than the {limits.result_bytes:,} bytes of a result"
        return Outcome("output-limit", error=text, seconds=seconds)
    if ended.why == protocol.CPU:
        text = f"more than {limits.cpu:g} s of CPU time"
        return Outcome("cpu-timeout", error=text, seconds=seconds)
    if ended.why == protocol.WALL:
        text = f"more than {limits.wall:g} s, most of it waiting"
        return Outcome("wall-timeout", error=text, seconds=seconds)
    if os.WIFSIGNALED(ended.status) and ended.why == protocol.EXITED:
        number = os.WTERMSIG(ended.status)
        if number == getattr(signal, "SIGXCPU", None):
            return Outcome("cpu-timeout", error="SIGXCPU", seconds=seconds)
        text = f"the process was ended by signal {number} ({_name(number)})"
        return Outcome("crashed", error=text, seconds=seconds)
    text = "the process ended without a result"
    return Outcome("no-result", error=text, seconds=seconds)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
