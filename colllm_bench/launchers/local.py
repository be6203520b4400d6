"""Runs as processes of this machine, which end with the one that started them. No torch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence

from colllm_bench.runs.provenance import cores

FOLLOW = "COLLLM_BENCH_FOLLOW"
"""Set in the environment of a run that must not outlive the process that started it."""


class LocalLauncher:
    """A process with one thread for each run. Two on two cores beat one with two threads."""

    def slots(self) -> int:
        return cores()

    def start(self, argv: Sequence[str]) -> LocalTask:
        return LocalTask([sys.executable, "-m", "colllm_bench.run", *argv])

    def close(self) -> None:
        pass


class LocalTask:
    """A process that ends itself when the process that started it is gone."""

    def __init__(self, command: Sequence[str]):
        threads = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=self.errors, stdin=subprocess.PIPE,
            env=os.environ | threads | {FOLLOW: "1"},
            start_new_session=True,  # Ctrl-C reaches it through us, once
        )

    def poll(self) -> int | None:
        code = self.process.poll()
        if code is not None:
            self.process.stdin.close()
        return code

    def error(self) -> str:
        self.errors.seek(0)
        lines = self.errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""

    def interrupt(self) -> None:
        self.process.terminate()  # not SIGINT: what was started with "&" may ignore that

    def kill(self) -> None:
        self.process.kill()


def exit_with_parent() -> None:
    """Where :data:`FOLLOW` is set, end as by SIGTERM once stdin closes.

    The process that started this one holds the other end of the pipe. The system closes it when
    that process is gone, by kill -9 too, so no run is left behind.
    """
    if os.environ.pop(FOLLOW, None) is None:
        return

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
