"""The pool of jails: programs in, outcomes out. See :class:`Pool`."""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

from colllm_bench.envs.coding.sandbox import decoding, isolation
from colllm_bench.envs.coding.sandbox.inside import protocol, values
from colllm_bench.envs.coding.sandbox.jail import Jail, JailLost, JailRefused, encode_cases
from colllm_bench.envs.coding.sandbox.results import Limits, Outcome, Program
from colllm_bench.errors import ConfigError, RunError

RESULTS = 16
"""Of ``Limits.result_bytes``: what all results of one call may have together."""
LOST = Outcome("sandbox-lost", error="the sandbox was lost twice while it ran this program")


class Pool:
    """Jails that run programs nobody has read.

    >>> with Pool(workers=1) as pool:
    ...     pool.run("def f(x): return x + 1", "f", [[1], [2]])[1].value
    3

    A program's cases run in one forked process, each in a module made anew, so that an honest
    program carries nothing from case to case; a dishonest one can, and gains nothing: what is
    expected never enters the jail, so it can only answer. When a case ends the process (a crash,
    a time-out), the next case begins in a new one. With ``isolate`` every case has its own
    process, at the price of a fork each.

    Calls may come from several threads; each takes a free jail or waits for one.

    Args:
        workers: jails, one a core; default: the cores that this process may use.
        rung: ``namespaces``, ``landlock``, ``seccomp``, ``unsafe``; default: the first of the
            first two that works here. The others must be asked for, and belong into the results.

    Attributes:
        rung: the one in use.

    Raises:
        ConfigError: no rung works here; the line says why not, and what helps.
    """

    def __init__(self, workers: int | None = None, rung: str | None = None):
        if workers is None:
            workers = cores()
        if type(workers) is not int or not 1 <= workers <= 1024:
            raise ConfigError(f"sandbox workers = {workers!r}", allowed="1 to 1024")
        self.workers = workers
        self._pid = os.getpid()
        self._closed = False
        self._idle: queue.LifoQueue[Jail | None] = queue.LifoQueue()
        self._all: set[Jail] = set()
        self._lock = threading.Lock()
        # a thread of its own starts the jails: they end with the thread that started them
        self._spawner = ThreadPoolExecutor(1, thread_name_prefix="sandbox-spawner")
        try:
            first = self._spawner.submit(isolation.choose, rung).result()
            self.rung = first.rung
            self._keep(first)
            for _ in range(workers - 1):
                self._idle.put(None)  # started when first needed
            self._idle.put(first)
        except BaseException:
            self._spawner.shutdown()
            raise
        atexit.register(self.close)

    def run(
        self,
        source: str,
        entry: str,
        cases: Sequence[Sequence[Any]],
        limits: Limits | None = None,
        isolate: bool = False,
    ) -> list[Outcome]:
        """Run ``entry(*case)`` of a program for each of ``cases``.

        Args:
            source: the whole program, as text.
            entry: the name of the function to call.
            cases: a list of positional arguments each: numbers, text, bytes, None, and lists,
                tuples, sets and dictionaries of them.
            limits: default: ``Limits()``.
            isolate: a process of its own for each case.

        Returns:
            One outcome a case, in order. ``sandbox-lost`` means that the jail failed, twice, not
            the program: never make it a score.

        Raises:
            ConfigError: an argument that is no text, no list, no data.
            RunError: the pool is closed, or a jail cannot be started again.
        """
        return self.run_program(Program(source, entry, cases, limits or Limits(), isolate))

    def run_many(self, programs: Sequence[Program]) -> list[list[Outcome]]:
        """:meth:`run_program` of each, on all jails at once; results in the order given."""
        if self.workers == 1 or len(programs) < 2:
            return [self.run_program(program) for program in programs]
        with ThreadPoolExecutor(self.workers, thread_name_prefix="sandbox") as threads:
            return list(threads.map(self.run_program, programs))

    def run_program(self, program: Program) -> list[Outcome]:
        """:meth:`run`, its arguments in one object."""
        cases, limits = _checked(program), program.limits
        early = decoding.refusal(program)
        if early is not None:
            return [early] * len(cases)
        done: list[Outcome] = []
        timeouts, room = 0, RESULTS * limits.result_bytes
        while len(done) < len(cases):
            share = cases[len(done) :][: 1 if program.isolate else protocol.MOST_CASES]
            got, length = self._job(program, share, room)
            done += got
            room -= length
            last = got[-1]
            timeouts += last.verdict in ("cpu-timeout", "wall-timeout")
            if last.verdict in ("load-error", "sandbox-lost"):
                done += [last] * (len(cases) - len(done))
            elif last.verdict == "output-limit" and room < limits.result_bytes:
                text = f"not run: {RESULTS} times as much as one result may have came already"
                done += [Outcome(last.verdict, error=text)] * (len(cases) - len(done))
            elif timeouts >= limits.timeouts:
                text = f"not run: {timeouts} cases before it were timed out"
                done += [Outcome(last.verdict, error=text)] * (len(cases) - len(done))
        return done

    def close(self) -> None:
        """End all jails. The pool cannot be used afterwards; calling it again does nothing."""
        if self._closed or self._pid != os.getpid():
            return
        self._closed = True
        atexit.unregister(self.close)
        with self._lock:
            jails, self._all = self._all, set()
        for jail in jails:
            jail.close()
        self._spawner.shutdown()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Pool holds processes and cannot be pickled; make one in each process")

    def _job(self, program: Program, cases: list[Any], room: int) -> tuple[list[Outcome], int]:
        """Outcomes of one job, at least one, and their bytes; a lost jail is tried again once."""
        for _ in range(2):
            with self._jail() as jail:
                try:
                    ended = jail.run(
                        program.source, program.entry, cases, program.limits, room
                    )
                except JailLost:
                    self._drop(jail)
                    continue
            return decoding.outcomes(ended, len(cases), program.limits), ended.length
        return [LOST], 0

    @contextlib.contextmanager
    def _jail(self) -> Iterator[Jail]:
        """A free jail; one whose use was cut short (Ctrl-C) is killed and replaced when needed."""
        self._check_open()
        jail = self._idle.get()
        try:
            if jail is None:
                jail = self._start()
            yield jail
        except BaseException:
            if jail is not None:
                self._drop(jail)
            raise
        finally:
            self._idle.put(jail if jail in self._all else None)

    def _start(self) -> Jail:
        try:
            return self._keep(self._spawner.submit(isolation.start, self.rung).result())
        except JailRefused as error:
            raise RunError(f"the sandbox cannot be started again: {error}") from error

    def _keep(self, jail: Jail) -> Jail:
        with self._lock:
            self._all.add(jail)
        return jail

    def _drop(self, jail: Jail) -> None:
        with self._lock:
            known = jail in self._all
            self._all.discard(jail)
        if known:
            jail.kill()

    def _check_open(self) -> None:
        if self._closed:
            raise RunError("the sandbox pool is closed")
        if self._pid != os.getpid():
            raise RunError("this sandbox pool belongs to the process that this one was forked from")


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _checked(program: Program) -> list[Any]:
    """The encoded cases.

    Raises:
        ConfigError: names what is wrong with the program's fields.
    """
    if type(program.source) is not str:
        raise ConfigError(f"a program must be text, not {type(program.source).__name__}")
    if type(program.entry) is not str:
        raise ConfigError(f"entry must be the name of a function, not {program.entry!r:.100}")
    if type(program.limits) is not Limits:
        raise ConfigError(f"limits must be a Limits, not {program.limits!r:.100}")
    try:
        return encode_cases(program.cases)
    except (values.UnfitValue, TypeError) as error:
        raise ConfigError(
            f"a case cannot enter the sandbox: {error}",
            allowed="lists of arguments made of None, bool, int, float, str, bytes, complex, list, "
            "tuple, set, frozenset, dict",
        ) from error
