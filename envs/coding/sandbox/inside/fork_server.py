"""The process that a pool starts for each jail: import, enter, then fork once a job.

    python -S fork_server.py RUNG CONTROL PAYLOAD RESULT STATUS

The four numbers are pipes, see :mod:`.protocol`. It is exec'd and never forked from the trainer, so
that a job costs the fork of this small process and not of one with a model in it. It never reads
a program nor a result: what it knows, the next job could find in its memory.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":  # as a script: our files, and the standard library, nothing else
    sys.path.pop(0)  # the folder of this file, which the interpreter put there
    import types

    _folder = os.path.dirname(os.path.abspath(__file__))
    _packages = "colllm_bench.envs.coding.sandbox.inside".split(".")
    for _depth in range(len(_packages)):  # empty packages in front of ours: theirs stay unread
        _module = types.ModuleType(".".join(_packages[: _depth + 1]))
        _beneath = {3: os.path.dirname(_folder), 4: _folder}.get(_depth)
        _module.__path__ = [_beneath] if _beneath else []
        sys.modules[_module.__name__] = _module
    # What modules want done after a fork (threads and seeds anew), a process with one thread,
    # seeded for every case, has nothing of; every job would pay for it.
    os.register_at_fork = lambda **_: None

import gc
import importlib
import json
import mmap
import select
import signal
import struct
import time

from colllm_bench.envs.coding.sandbox.inside import job, protocol

COMMON = """
    abc binascii bisect collections.abc contextlib copy enum functools heapq io itertools json
    keyword math operator os random re string struct textwrap time typing warnings weakref zlib
"""
"""What most solutions import, and what may need a C library from outside the standard library.

Every module more makes every job slower: its fork, and its end.
"""
HANG_UP = 0 if sys.platform == "linux" else select.POLLIN
"""Linux tells of a closed pipe unasked; asking for less, the watcher sleeps on while a job runs."""


def preload(names: str) -> None:
    """Import them, so that every job finds them loaded."""
    for name in names.split():
        try:
            importlib.import_module(name)
        except ImportError:  # an interpreter built without it
            pass


def forget_ourselves() -> None:
    """Take our own modules and paths out of what a job can name; those who use them keep them."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "colllm_bench"]:
        del sys.modules[name]
    sys.modules["__main__"] = type(sys)("__main__")
    sys.argv[:], sys.orig_argv[:] = [""], [sys.executable]
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for path in [path for path in sys.path_importer_cache if path.startswith(ours)]:
        del sys.path_importer_cache[path]  # the library's stay: they know what is there


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, exactly; elsewhere than on Linux unknown: 0."""
    if sys.platform != "linux":
        return 0.0
    return time.clock_gettime((~pid << 3) | 2)  # the kernel's number for "CPU clock of pid"


class Watch:
    """Watches one job: its time, its end, the pool's word.

    Made before the job is forked, as every page of memory that either of the two uses after that
    must be copied. ``group``: what the job has started is to end with it.
    """

    pid: int

    def __init__(self, alive: int, control: int, board: mmap.mmap, header: tuple, group: bool):
        self.alive, self.control, self.board, self.group = alive, control, board, group
        self.cases, self.cpu, self.wall = header[1:4]
        self.marks: list[float] = []  # CPU seconds at the begin of each case
        self.since = time.monotonic()
        self.poll = select.poll()
        self.poll.register(alive, HANG_UP)
        self.poll.register(control, select.POLLIN)
        self.why = protocol.EXITED
        self.begun = False

    def look(self, total: float | None = None) -> float:
        """CPU time so far, or ``total``; notes the cases that have begun.

        What stands on the board is the program's claim: a time that cannot be is taken as now,
        and each case counts once, so that all it could win is the time of all its cases.
        """
        claims = []
        while len(self.marks) + len(claims) < self.cases:
            at = (len(self.marks) + len(claims)) * protocol.STAMP.size
            claims.append(protocol.STAMP.unpack_from(self.board, at))
            if claims[-1] == (0.0, 0.0):
                claims.pop()
                break
        spent, now = cpu_seconds(self.pid) if total is None else total, time.monotonic()
        for cpu, clock in claims:
            earliest = self.marks[-1] if self.marks else 0.0
            self.marks.append(cpu if earliest <= cpu <= spent else max(earliest, spent))
            self.since = clock if self.since <= clock <= now else now
        return spent

    def left(self) -> float:
        """Seconds until its time can be up; sets ``why`` when it is."""
        spent = self.look() - (self.marks[-1] if self.marks else 0.0)
        cpu, wall = self.cpu - spent, self.wall - (time.monotonic() - self.since)
        if cpu <= 0:
            self.why = protocol.CPU
        elif wall <= 0:
            self.why = protocol.WALL
        return min(cpu, wall)

    def gone(self) -> bool:
        """Whether the job has closed its pipe: it is dead, or wants to be."""
        data = os.read(self.alive, 16)
        self.begun = self.begun or bool(data)
        return not data

    def asked(self) -> bool:
        """Whether the pool wants the end of it; if the pool itself is gone, this is the end."""
        word = os.read(self.control, 1)
        if not word:
            self.kill()
            os._exit(0)
        self.why = protocol.ASKED
        return word == b"K"

    def until_end(self) -> None:
        left = min(self.cpu, self.wall)
        while left > 0:
            for descriptor, _ in self.poll.poll(left * 1000):
                if descriptor == self.alive and self.gone():
                    return
                if descriptor == self.control and self.asked():
                    return
            left = self.left()

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)  # never fails: it is ours, and not waited for yet
        if self.group:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except OSError:  # it has not become a group yet
                pass

    def report(self) -> bytes:
        """End it, and say how it went; one that has exited keeps its own status."""
        self.kill()
        _, status, usage = os.wait4(self.pid, 0)
        while not self.begun and not self.gone():
            pass
        total = usage.ru_utime + usage.ru_stime
        self.look(total)
        times = [*(self.marks or [0.0]), total] if self.begun else [0.0]
        seconds = [max(0.0, after - before) for before, after in zip(times, times[1:])]
        end = protocol.END.pack(self.why, status, len(seconds))
        return end + struct.pack(f"<{len(seconds)}d", *seconds)


def serve(pipes: list[int], board: mmap.mmap, confine, group: bool) -> None:
    """Jobs, one after another, until the pool closes its end."""
    control, payload, result, status = pipes
    empty = bytes(len(board))
    while True:
        word = os.read(control, 1)
        if not word:
            os._exit(0)
        if word != b"J":
            continue  # a K that came too late
        header = protocol.JOB.unpack(protocol.read_exactly(control, protocol.JOB.size))
        board[:] = empty
        alive, living = os.pipe()
        watch = Watch(alive, control, board, header, group)
        try:
            pid = watch.pid = os.fork()
        except OSError:
            protocol.write_all(status, protocol.END.pack(protocol.UNBORN, 0, 0))
            os._exit(1)  # the payload is still in its pipe: start afresh
        if pid == 0:
            try:
                for descriptor in (control, status, alive):
                    os.close(descriptor)
                job.run(payload, result, living, board, header, confine)
            finally:
                os._exit(1)
        os.close(living)
        watch.until_end()
        protocol.write_all(status, watch.report())
        os.close(alive)


def main() -> None:
    rung, *numbers = sys.argv[1:]
    pipes = [int(number) for number in numbers]
    status = pipes[3]
    from colllm_bench.envs.coding.sandbox.inside import confinement

    try:
        preload(COMMON)
        if not confinement.can_import(rung):
            from colllm_bench.envs.coding.sandbox.inside import library

            memory = library.Library()
            memory.read(confinement.library())
            sys.meta_path.append(memory)
        board = mmap.mmap(-1, protocol.MOST_CASES * protocol.STAMP.size)
        job.rehearse(board)  # what it imports by the way can still be read
        ready, confine = confinement.enter(rung, pipes)
        os.environ.clear()
        gc.collect()
        forget_ourselves()
        job.rehearse(board)  # again: jobs then find memory laid out as one leaves it
        gc.freeze()
    except Exception as error:
        step = getattr(error, "step", "start")
        said = {"error": f"{type(error).__name__}: {error}", "step": step}
        protocol.write_all(status, json.dumps(said).encode() + b"\n")
        os._exit(1)
    protocol.write_all(status, json.dumps({"ready": True, **ready}).encode() + b"\n")
    try:
        serve(pipes, board, confine, rung == "unsafe")
    except (EOFError, BrokenPipeError):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
