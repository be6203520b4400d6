"""The process that a pool starts for each jail: import, enter, then fork once a job.

    python -S zygote.py RUNG CONTROL PAYLOAD RESULT STATUS

The four numbers are pipes, see :mod:`.wire`. It is exec'd and never forked from the trainer, so
that a job costs the fork of this small process and not of one with a model in it. It never reads
a program nor a result: what it knows, the next job could find in its memory.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":  # as a script: our files, and the standard library, nothing else
    sys.path.pop(0)  # the folder of this file, which the interpreter put there
    import types
    from pathlib import Path

    _folder = Path(__file__).resolve().parent
    _packages = "colllm_bench.envs.coding.sandbox.inside".split(".")
    for _depth in range(len(_packages)):  # empty packages in front of ours: theirs stay unread
        _module = types.ModuleType(".".join(_packages[: _depth + 1]))
        _beneath = {3: _folder.parent, 4: _folder}.get(_depth)
        _module.__path__ = [str(_beneath)] if _beneath else []
        sys.modules[_module.__name__] = _module

import gc
import importlib
import json
import os
import select
import signal
import struct
import time

from colllm_bench.envs.coding.sandbox.inside import job, wire

PRELOADED = """
    abc array ast base64 binascii bisect calendar cmath collections.abc contextlib copy csv ctypes
    dataclasses datetime decimal difflib enum fractions functools graphlib hashlib heapq html
    inspect io itertools json keyword locale math numbers operator os pprint queue random re secrets
    shlex statistics string struct textwrap threading time traceback typing unicodedata uuid
    warnings weakref zlib _socket _strptime encodings.ascii encodings.latin_1 encodings.cp1252
    encodings.utf_16 encodings.utf_32 encodings.hex_codec encodings.rot_13
"""
"""What solutions import: all that they can, where a rung or a private home shuts the library."""


def preload() -> None:
    for name in PRELOADED.split():
        try:
            importlib.import_module(name)
        except ImportError:  # an interpreter built without it
            pass


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, exactly; elsewhere than on Linux unknown: 0."""
    if sys.platform != "linux":
        return 0.0
    return time.clock_gettime((~pid << 3) | 2)  # the kernel's number for "CPU clock of pid"


class Watch:
    """Watches one job: its time, its ticks (one at each case's begin), the pool's word."""

    def __init__(self, pid: int, tick: int, control: int, header: tuple):
        self.pid, self.tick, self.control = pid, tick, control
        self.cases, self.cpu, self.wall = header[1:4]
        self.marks: list[float] = []  # CPU seconds at each tick
        self.since_cpu, self.since = 0.0, time.monotonic()
        self.poll = select.poll()
        self.poll.register(tick, select.POLLIN)
        self.poll.register(control, select.POLLIN)
        self.why = wire.EXITED

    def left(self) -> float:
        """Seconds until its time can be up; sets ``why`` when it is."""
        wall = self.wall - (time.monotonic() - self.since)
        cpu = self.cpu - (cpu_seconds(self.pid) - self.since_cpu)
        if cpu <= 0:
            self.why = wire.CPU
        elif wall <= 0:
            self.why = wire.WALL
        return min(cpu, wall)

    def ticks(self) -> bool:
        """Note the cases that began; whether the job has ended."""
        data = os.read(self.tick, 4096)
        if not data:  # it is dead, or it closed this on purpose and soon will be
            return True
        now = cpu_seconds(self.pid)
        for _ in data:
            if len(self.marks) == self.cases:
                self.why = wire.DONE
                return True
            self.marks.append(now)
            self.since_cpu, self.since = now, time.monotonic()
        return False

    def asked(self) -> bool:
        """Whether the pool wants the end of it; if the pool itself is gone, this is the end."""
        word = os.read(self.control, 1)
        if not word:
            self.kill()
            os._exit(0)
        self.why = wire.ASKED
        return word == b"K"

    def until_end(self) -> None:
        while True:
            left = self.left()
            if left <= 0:
                return
            for descriptor, _ in self.poll.poll(left * 1000):
                if descriptor == self.tick and self.ticks():
                    return
                if descriptor == self.control and self.asked():
                    return

    def kill(self) -> None:
        """The job, and under ``unsafe`` its group: elsewhere it cannot have started anything."""
        for end in (os.kill, os.killpg):
            try:
                end(self.pid, signal.SIGKILL)
            except OSError:
                pass

    def report(self) -> bytes:
        """End it, and say how it went; one that has exited keeps its own status."""
        self.kill()
        _, status, usage = os.wait4(self.pid, 0)
        times = [*self.marks, max(usage.ru_utime + usage.ru_stime, *self.marks, 0.0)]
        seconds = [after - before for before, after in zip(times, times[1:])]
        end = wire.END.pack(self.why, status, len(seconds))
        return end + struct.pack(f"<{len(seconds)}d", *seconds)


def serve(control: int, payload: int, result: int, status: int, confine) -> None:
    """Jobs, one after another, until the pool closes its end."""
    while True:
        word = os.read(control, 1)
        if not word:
            os._exit(0)
        if word != b"J":
            continue  # a K that came too late
        header = wire.JOB.unpack(wire.read_exactly(control, wire.JOB.size))
        tick, ticking = os.pipe()
        try:
            pid = os.fork()
        except OSError:
            wire.write_all(status, wire.END.pack(wire.UNBORN, 0, 0))
            os._exit(1)  # the payload is still in its pipe: start afresh
        if pid == 0:
            try:
                for descriptor in (control, status, tick):
                    os.close(descriptor)
                job.run(payload, result, ticking, header, confine)
            finally:
                os._exit(1)
        os.close(ticking)
        watch = Watch(pid, tick, control, header)
        watch.until_end()
        wire.write_all(status, watch.report())
        os.close(tick)


def main() -> None:
    rung, *numbers = sys.argv[1:]
    pipes = [int(number) for number in numbers]
    status = pipes[3]
    from colllm_bench.envs.coding.sandbox.inside import confinement

    try:
        preload()
        ready, confine = confinement.enter(rung, pipes)
        os.environ.clear()
        gc.collect()
        gc.freeze()
    except Exception as error:
        step = getattr(error, "step", "start")
        said = {"error": f"{type(error).__name__}: {error}", "step": step}
        wire.write_all(status, json.dumps(said).encode() + b"\n")
        os._exit(1)
    wire.write_all(status, json.dumps({"ready": True, **ready}).encode() + b"\n")
    try:
        serve(*pipes, confine)
    except (EOFError, BrokenPipeError):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
