"""One job: a fork of the watcher that runs one program on its cases and is then ended.

From :func:`one_case` on, this process belongs to the program: it may do here whatever the kernel
lets it. All it can reach is its own result pipe, where a forged frame is worth as much as a value
that it returned: the expected one is not here, nor is any trace of an earlier program.
"""

from __future__ import annotations

import io
import json
import math
import os
import random
import resource
import sys
import time
import types

from colllm_bench.envs.coding.sandbox.inside import protocol, values

NAME = "solution"
FILE = "<solution>"
READ = json.JSONDecoder().scan_once
"""``json.loads`` without its Python parts: a fork pays for every page of memory that it uses."""
if json.encoder.c_make_encoder is None:  # an interpreter without it
    ENCODE = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
else:
    _CHUNKS = json.encoder.c_make_encoder(
        None, json.JSONEncoder().default, json.encoder.encode_basestring_ascii, None, ":", ",",
        False, False, True,
    )

    def ENCODE(value: object) -> str:
        return "".join(_CHUNKS(value, 0))


class Flood(BaseException):
    """More printed than allowed."""


class Printed(io.TextIOBase):
    """A standard output that keeps the first ``limit`` characters and then stops the program."""

    def __init__(self, limit: int):
        self.parts: list[str] = []
        self.left = limit
        self.flooded = False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.parts.append(text[: self.left])
        if len(text) > self.left:
            self.left, self.flooded = 0, True
            raise Flood
        self.left -= len(text)
        return len(text)


def limit(what: int, value: int) -> None:
    """A resource limit that cannot be raised again."""
    try:
        resource.setrlimit(what, (value, value))
    except (ValueError, OSError):  # macOS has no RLIMIT_AS to speak of
        if sys.platform == "linux":
            raise


def limit_all(files: int) -> None:
    """What every job has in common, and its watcher may have too: nothing is written."""
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_FSIZE, 0)
    limit(resource.RLIMIT_NOFILE, files)


def limit_one(header: tuple, baseline: int) -> None:
    """A job's own: address space beyond ``baseline``, no process.

    The limit of CPU time is the last resort only: the watcher ends a job long before.
    """
    limit(resource.RLIMIT_NPROC, 0)
    limit(resource.RLIMIT_AS, baseline + header[4])
    limit(resource.RLIMIT_CPU, math.ceil(header[1] * header[2]) + 2)


def run(payload: int, result: int, alive: int, board, header: tuple, confine) -> None:
    """Read the program, enter the job's own confinement, answer every case. Never returns.

    Args:
        alive: a pipe that the watcher sees closed when this process ends, however it does.
        board: where each case's begin is noted, see :data:`.protocol.STAMP`.
        confine: what the rung does last, once nothing but the program is left to run.
    """
    size, _, _, _, _, recursion, result_bytes, stdout_chars = header
    task, _ = READ(protocol.read_exactly(payload, size).decode(), 0)
    os.close(payload)
    confine(header)
    sys.setrecursionlimit(recursion)
    os.write(alive, b".")  # from here on it is the program's, whatever happens
    answer(task, result, board, result_bytes, stdout_chars)
    os._exit(0)


def answer(task: dict, result: int, board, result_bytes: int, stdout_chars: int) -> None:
    """A frame for each case; one only if the program cannot be loaded."""
    code: types.CodeType | None = None
    draws = "random" in task["source"]  # or else its state stays as the watcher seeded it
    for number, case in enumerate(task["cases"]):
        at = number * protocol.STAMP.size
        protocol.STAMP.pack_into(board, at, time.thread_time(), time.monotonic())
        printed = Printed(stdout_chars)
        sys.stdout = sys.stderr = printed
        sys.stdin = io.StringIO()
        if draws:
            random.seed(0)
        try:
            if code is None:
                code = compile(task["source"], FILE, "exec", dont_inherit=True)
            frame = one_case(code, task["entry"], values.decode(case))
        except BaseException as error:  # of compile()
            frame = ["load", None, describe(error)]
        if printed.flooded:
            frame = ["large", None, f"printed more than {stdout_chars:,} characters"]
        send(result, frame, printed, result_bytes)
        if frame[0] == "load":
            break


REHEARSAL = """
from typing import Dict, List
class A:
    def __init__(self, x: int): self.x = x
def g(x: int) -> List[int]: return [int(d) for d in str(x) if d]
def f(x: int, y: Dict) -> int:
    seen = {i: (i, str(i)) for i in range(9)}
    print(sum(g(x)) + A(x).x, len(seen), sorted(y.items()))
    return {"a": [x, 1.5, (None, True)], "b": "c"} if x % 2 else [][x]
"""


def rehearse(board) -> None:
    """Answer a program of our own a few times, to nobody, before the first fork.

    The interpreter then has at hand, once for all jobs, what it makes when code runs first.
    """
    random.seed(0)
    kept = sys.stdout, sys.stderr, sys.stdin
    unread, nobody = os.pipe()
    cases = [values.encode([x, {"k": [x]}]) for x in range(20)]
    task, _ = READ(ENCODE({"source": REHEARSAL, "entry": "f", "cases": cases}), 0)
    answer(task, nobody, board, 1 << 20, 1 << 20)
    os.close(nobody)
    os.close(unread)
    sys.stdout, sys.stderr, sys.stdin = kept
    del sys.modules[NAME]


def one_case(code: types.CodeType, entry: str, arguments: list) -> list:
    """``[kind, value, error]`` of a call of ``entry`` in a module that is made anew."""
    module = types.ModuleType(NAME)
    sys.modules[NAME] = module  # dataclasses look their module up there
    try:
        exec(code, module.__dict__)
        function = module.__dict__.get(entry)
    except MemoryError:
        return ["memory", None, "MemoryError while it was loaded"]
    except BaseException as error:
        return ["load", None, describe(error)]
    if not callable(function):
        what = "is no function" if entry in module.__dict__ else "is not defined"
        return ["load", None, f"NameError: {entry} {what}"]
    try:
        value = function(*arguments)
    except MemoryError as error:
        return ["memory", None, describe(error)]
    except BaseException as error:
        return ["raised", None, describe(error)]
    try:
        return ["returned", values.encode(value), ""]
    except values.LargeValue as error:
        return ["large", None, f"the result has {error}"]
    except BaseException as error:
        return ["unfit", None, describe(error)]


def send(result: int, frame: list, printed: Printed, result_bytes: int) -> None:
    """Write a frame, or one that says that it was too large."""
    kind, value, error = frame
    try:
        text = ENCODE(value)
    except MemoryError:
        kind, text, error = "memory", "null", "MemoryError while the result was written"
    if len(text) > result_bytes:
        kind, text, error = "large", "null", f"the result is longer than {result_bytes:,} bytes"
    rest = ENCODE([error, "".join(printed.parts)])
    data = f'["{kind}",{text},{rest[1:]}'.encode()
    protocol.write_all(result, protocol.FRAME.pack(len(data)) + data)


def describe(error: BaseException) -> str:
    """``Type: message (line 3)``; asks the exception for its text, so it may run the program."""
    try:
        text = str(error)
    except BaseException:
        text = "(its text cannot be had)"
    line = None
    if isinstance(error, SyntaxError) and error.filename == FILE:
        text, line = str(error.msg), error.lineno
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f" (line {line})" if line else ""
    return f"{type(error).__name__}: {text[:1000]}{where}" if text else type(error).__name__ + where
