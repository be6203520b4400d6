"""What the jail is measured against: a process for every sample, in human-eval's manner.

Written after ``check_correctness`` of https://github.com/openai/human-eval (Chen et al. 2021,
MIT licence): a ``multiprocessing.Manager`` for the verdict, a forked ``Process`` in which the
program runs with its asserts, in a temporary folder, under an interval timer, with the dangerous
functions of ``os`` and the like set to None. Used as a benchmark only: it is no jail.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import multiprocessing
import os
import signal
import tempfile

import numpy  # noqa: F401 - as in human_eval/evaluation.py: what its parent process holds

FORK = multiprocessing.get_context("fork")


def check(program: str, timeout: float = 3.0) -> bool:
    """Whether a program that ends in asserts passes, by a manager and a process of its own."""
    with FORK.Manager() as manager:
        result = manager.list()
        process = FORK.Process(target=_execute, args=(program, timeout, result))
        process.start()
        process.join(timeout=timeout + 1)
        if process.is_alive():
            process.kill()
        return list(result) == ["passed"]


def check_bare(program: str, timeout: float = 3.0) -> bool:
    """The same without the manager: the least that a process per sample can cost in Python."""
    ours, theirs = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_execute, args=(program, timeout, _Sender(theirs)))
    process.start()
    theirs.close()
    passed = ours.poll(timeout + 1) and ours.recv() == "passed"
    process.join()
    ours.close()
    return passed


class _Sender:
    def __init__(self, pipe):
        self.append = pipe.send


def _execute(program: str, timeout: float, result) -> None:
    with tempfile.TemporaryDirectory() as folder:
        import shutil

        kept = os.chdir, shutil.rmtree, os.rmdir, os.unlink, os.getcwd
        os.chdir(folder)
        _guard()
        try:
            with _quiet(), _time_limit(timeout):
                exec(program, {})
            result.append("passed")
        except TimeoutError:
            result.append("timed out")
        except BaseException as error:
            result.append(f"failed: {error}")
        os.chdir, shutil.rmtree, os.rmdir, os.unlink, os.getcwd = kept
        os.chdir("/")


@contextlib.contextmanager
def _time_limit(seconds: float):
    def ring(number, frame):
        raise TimeoutError

    signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.signal(signal.SIGALRM, ring)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextlib.contextmanager
def _quiet():
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        yield


def _guard() -> None:
    import builtins
    import shutil
    import subprocess

    faulthandler.disable()
    builtins.exit = builtins.quit = None
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in ("kill system putenv remove removedirs rmdir fchdir setuid fork forkpty killpg "
                 "rename renames truncate replace unlink fchmod fchown chmod chown chroot lchown "
                 "getcwd chdir").split():
        setattr(os, name, None)
    shutil.rmtree = shutil.move = shutil.chown = None
    subprocess.Popen = None
