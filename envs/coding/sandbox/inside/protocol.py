"""What goes through the four pipes between the pool and a jail; both sides import this.

* control, pool to watcher: ``J`` and a JOB header starts a job, ``K`` ends the one that runs;
  end of file: the pool is gone, so everything ends.
* payload, pool to job: the program as JSON, read by the forked job itself, so that no program
  stays in the memory that the next one is forked from.
* result, job to pool: a frame for every case. The job is the solution's, so a frame is only data.
* status, watcher to pool: one line of JSON when the jail is ready, then an END for every job.
"""

from __future__ import annotations

import os
import struct

JOB = struct.Struct("<IIddQIII")
"""payload bytes, cases, cpu s, wall s, memory bytes, recursion, result bytes, printed chars"""

END = struct.Struct("<BiI")
"""why (one of the following), wait status, cases begun; then a double for each: CPU seconds"""
EXITED, CPU, WALL, ASKED, UNBORN = range(5)

MOST_CASES = 256
"""In one job."""
STAMP = struct.Struct("<dd")
"""On the board, the page that watcher and job share, at the place of each case that has begun:
CPU seconds of the process, and the clock. The job is the solution's, so this is only a claim."""

FRAME = struct.Struct("<I")
"""Length of the JSON that follows: ``[kind, value, error, stdout]``."""


def read_exactly(descriptor: int, count: int) -> bytes:
    """``count`` bytes.

    Raises:
        EOFError: the other side is gone.
    """
    parts = []
    while count:
        part = os.read(descriptor, min(count, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def write_all(descriptor: int, data: bytes) -> None:
    """All of ``data``, however often it takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
