"""One jail as the pool sees it: a process, four pipes, one job at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench.envs.coding.sandbox.inside import protocol, values
from colllm_bench.envs.coding.sandbox.results import Limits

FORK_SERVER = Path(__file__).parent / "inside" / "fork_server.py"
START = 20.0
"""Seconds that a jail may take to say that it is ready, on however busy a machine."""
FIRST_PAUSE, LAST_PAUSE = 0.004, 0.02
"""Seconds between two looks at the result pipe while the job runs."""
GRACE = 10.0
"""Seconds beyond the wall limit of all cases after which a silent jail counts as lost."""


class JailLost(Exception):
    """The jail is gone or out of step; it says nothing about the program."""


class JailRefused(Exception):
    """The jail could not be entered: the step and the system's error."""

    def __init__(self, step: str, error: str):
        super().__init__(error)
        self.step = step


class Ended:
    """How a job ended: the frames that were whole, and the watcher's word."""

    def __init__(self, frames: Frames, why: int, status: int, seconds: list[float]):
        self.frames, self.flooded = frames.whole, frames.flooded
        self.why, self.status, self.seconds = why, status, seconds

    @property
    def length(self) -> int:
        """Bytes of all frames."""
        return sum(map(len, self.frames))


class Jail:
    """Start with :meth:`__init__` and :meth:`wait_ready`; both from a thread that lives on.

    The kernel ends the jail when the *thread* that started it ends, see ``PR_SET_PDEATHSIG``.
    """

    def __init__(self, rung: str, python: str | None = None):
        self.rung = rung
        self.ready: dict[str, Any] = {}
        theirs, ours = [], []
        for ends in ((0, 1), (0, 1), (1, 0), (1, 0)):  # control, payload, result, status
            pipe = os.pipe()
            theirs.append(pipe[ends[0]])
            ours.append(pipe[ends[1]])
        self.control, self.payload, self.result, self.status = ours
        for descriptor in (self.payload, self.result):
            os.set_blocking(descriptor, False)
            with contextlib.suppress(OSError, AttributeError):  # Linux: room for a large result
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 1 << 20)
        try:
            self.process = subprocess.Popen(
                [python or sys.executable, "-S", "-s", "-W", "ignore", str(FORK_SERVER), rung,
                 *map(str, theirs)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                pass_fds=theirs, cwd="/", env=environment(), start_new_session=True,
            )
        except OSError as error:
            self._close_pipes()
            raise JailRefused("start", f"{sys.executable}: {error.strerror}") from error
        finally:
            for descriptor in theirs:
                os.close(descriptor)

    def wait_ready(self) -> None:
        """Wait for the jail's word.

        Raises:
            JailRefused: it could not enter the rung, or said nothing.
        """
        line, deadline = b"", time.monotonic() + START
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            part = b""
            if left > 0 and _readable(self.status, left):
                part = os.read(self.status, 1)
            if not part:
                self.kill()
                code = self.process.returncode
                raise JailRefused("start", f"the jail's process said nothing (exit code {code})")
            line += part
        said = json.loads(line)
        if "error" in said:
            self.kill()
            raise JailRefused(said["step"], said["error"])
        self.ready = said

    def run(
        self, source: str, entry: str, cases: Sequence[Any], limits: Limits, room: int
    ) -> Ended:
        """One job. ``cases`` are encoded argument lists, ``room`` the bytes that it may answer.

        Raises:
            JailLost: the jail is no longer usable: kill it.
        """
        task = {"source": source, "entry": entry, "cases": cases}
        data = json.dumps(task, separators=(",", ":")).encode()
        header = protocol.JOB.pack(
            len(data), len(cases), limits.cpu, limits.wall, limits.memory_mb << 20,
            limits.recursion, limits.result_bytes, limits.stdout_chars,
        )
        try:
            rest = self._feed(memoryview(data))  # first: the job need not wait for it
            os.write(self.control, b"J" + header)
            frames = Frames(limits, len(cases), room)
            return self._exchange(rest, frames, len(cases) * limits.wall + GRACE)
        except (OSError, EOFError) as error:
            raise JailLost(str(error)) from error

    def _exchange(self, data: memoryview, frames: Frames, seconds: float) -> Ended:
        """Give the rest of the program, take the frames, until the watcher says: it has ended.

        Frames are fetched now and then, and not one by one as they come: on a core that is
        shared with the job, every waking costs as much as a case.
        """
        deadline = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self.status, select.POLLIN)
        if data:
            poll.register(self.payload, select.POLLOUT)
        pause = FIRST_PAUSE
        while True:
            ready = dict(poll.poll(pause * 1000))
            if self.status in ready:
                break
            if self.payload in ready:
                data = self._feed(data)
                if not data:
                    poll.unregister(self.payload)
            pause = min(2 * pause, LAST_PAUSE) if self._drain(frames) == 0 else FIRST_PAUSE / 4
            if time.monotonic() > deadline:
                raise JailLost("it no longer answers")
        end = protocol.read_exactly(self.status, protocol.END.size)
        why, status, count = protocol.END.unpack(end)
        if why == protocol.UNBORN or data or not count:  # its payload may lie in the pipe still
            raise JailLost("the job ended before it began")
        seconds = memoryview(protocol.read_exactly(self.status, 8 * count)).cast("d").tolist()
        while self._drain(frames):
            pass
        return Ended(frames, why, status, seconds)

    def _drain(self, frames: Frames) -> int:
        """Take what lies in the result pipe, but not for ever; how often there was something."""
        for times in range(16):
            fine = frames.take(self.result)
            if fine is None:
                return times
            if not fine and not frames.asked:
                frames.asked = True
                os.write(self.control, b"K")
        return 16

    def _feed(self, data: memoryview) -> memoryview:
        with contextlib.suppress(BlockingIOError):
            while data:
                data = data[os.write(self.payload, data) :]
        return data

    def close(self) -> None:
        """Let it end by itself; see that it did."""
        self._close_pipes()
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        """End it at once; its own jobs end with it."""
        self._close_pipes()
        self.process.kill()
        self.process.wait()

    def _close_pipes(self) -> None:
        for name in ("control", "payload", "result", "status"):
            descriptor = getattr(self, name)
            setattr(self, name, -1)
            if descriptor >= 0:
                os.close(descriptor)


class Frames:
    """Splits what a job sends into frames, and stops storing when it is more than allowed.

    Args:
        cases: no more frames than these.
        room: bytes that the caller still takes from this program.
    """

    def __init__(self, limits: Limits, cases: int, room: int):
        self.most = limits.result_bytes + 6 * limits.stdout_chars + 8192
        self.cases, self.room = cases, room
        self.whole: list[bytes] = []
        self.rest = bytearray()
        self.flooded = False
        self.asked = False

    def take(self, descriptor: int) -> bool | None:
        """Read what is there. False: too much, end the job. None: nothing was there."""
        try:
            part = os.read(descriptor, 1 << 18)
        except BlockingIOError:
            return None
        if not part:
            raise EOFError("the jail is gone")
        if self.flooded:
            return False
        self.rest += part
        while len(self.rest) >= protocol.FRAME.size:
            (length,) = protocol.FRAME.unpack_from(self.rest)
            self.room -= length
            if length > self.most or len(self.whole) == self.cases or self.room < 0:
                self.flooded = True
                self.rest.clear()
                return False
            end = protocol.FRAME.size + length
            if len(self.rest) < end:
                self.room += length  # counted when it is whole
                break
            self.whole.append(bytes(self.rest[protocol.FRAME.size : end]))
            del self.rest[:end]
        return True


def environment() -> dict[str, str]:
    """All that the jail's process is told of this one's environment."""
    keep = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")
    ours = {key: os.environ[key] for key in keep if key in os.environ}
    ours["LD_BIND_NOW"] = "1"  # find functions of C libraries here once, and not in every job
    return {**ours, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"}


def encode_cases(cases: Sequence[Sequence[Any]]) -> list[Any]:
    """The argument lists, tagged.

    Raises:
        values.UnfitValue: a case is no list, or has a part that is no data.
    """
    for case in cases:
        if type(case) not in (list, tuple):
            raise values.UnfitValue(f"a case must be a list of arguments, not {case!r:.100}")
    return [values.encode(list(case)) for case in cases]


def _readable(descriptor: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
