"""Run the corpora in this process's name, with canaries around; print what went wrong as JSON.

    python -m sandbox_corpus.drive RUNG [attacks|solutions]

A script, so that a test can run it as another user and with another Python, without pytest.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator

from colllm_bench.envs.coding.sandbox import VERDICTS, Limits, Pool, compare
from sandbox_corpus import attacks_host, attacks_limits, attacks_values
from sandbox_corpus.solutions import SOLUTIONS

ATTACKS = {**attacks_values.ATTACKS, **attacks_limits.ATTACKS, **attacks_host.ATTACKS}
SHORT = Limits(cpu=0.15, wall=2.0, timeouts=1)
LATE = {"cpu-timeout", "wall-timeout"}
"""On a starved machine the clock may be up before so little CPU time is; told apart elsewhere."""
KNOWN = "def f(info): return [info['pid'], 'known']"


class Canaries:
    """Things that only a jail that leaks could touch; :meth:`harm` says which were."""

    def __init__(self, folder: str):
        self.token = "canary-of-" + secrets.token_hex(16)
        self.folder = os.path.join(folder, "open")
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o777)
        self.file = os.path.join(folder, "secret.txt")
        with open(self.file, "w") as file:
            file.write(self.token)
        os.chmod(self.file, 0o666)
        os.utime(self.file, (10**9, 10**9))
        self.before = os.stat(self.file)
        os.environ["COLLLM_CANARY"] = self.token
        self.callbacks = [socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)]
        self.callbacks[1].bind("\0" + self.token[:30])
        self.callbacks[1].listen()
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(self.callbacks[0].getsockname())
        self.victim = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(999)"])
        self.signals: list[int] = []
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGIO, signal.SIGHUP):
            signal.signal(number, lambda number, _: self.signals.append(number))

    def info(self) -> dict:
        import colllm_bench

        return {
            "file": self.file, "folder": self.folder, "pid": os.getpid(),
            "victim": self.victim.pid, "port": self.callbacks[0].getsockname()[1],
            "socket": "\0" + self.token[:30], "source": colllm_bench.__file__,
        }

    def harm(self) -> list[str]:
        found = []
        if os.listdir(self.folder):
            found.append(f"written: {os.listdir(self.folder)}")
        after = os.stat(self.file)
        for name in ("st_mode", "st_uid", "st_size", "st_mtime", "st_nlink"):
            if getattr(after, name) != getattr(self.before, name):
                found.append(f"the canary's {name} changed")
        for callback in self.callbacks:
            callback.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                callback.accept()
                found.append("a connection came in")
        self.datagrams.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            self.datagrams.recv(10)
            found.append("a datagram came in")
        state = self.state()
        if state in "TtZXx":  # stopped or dead; S, R, and D while it reads its files, are alive
            found.append(f"the victim is in state {state}")
        if os.getpriority(os.PRIO_PROCESS, self.victim.pid) > os.getpriority(os.PRIO_PROCESS, 0):
            found.append("the victim's priority changed")
        if self.signals:
            found.append(f"signals came in: {self.signals}")
        return found

    def state(self) -> str:
        with open(f"/proc/{self.victim.pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]

    def close(self) -> None:
        self.victim.kill()
        self.victim.wait()
        for one in (*self.callbacks, self.datagrams):
            one.close()


def descendants() -> list[str]:
    """``pid name state`` of every process that comes from this one."""
    parents = {}
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            with open(f"/proc/{int(entry)}/stat") as file:
                text = file.read()
            name, rest = text[text.index("(") : text.rindex(")") + 1], text.rpartition(")")[2]
            parents[int(entry)] = (int(rest.split()[1]), name, rest.split()[0])
    found, layer = [], {os.getpid()}
    while layer:
        layer = {pid for pid, (parent, _, _) in parents.items() if parent in layer}
        found += [f"{pid} {parents[pid][1]} {parents[pid][2]}" for pid in sorted(layer)]
    return found


def attacks(pool: Pool, canaries: Canaries) -> Iterator[tuple[str, list[str]]]:
    """(name, what went wrong) of each attack."""
    info = canaries.info()
    secret = secrets.randbits(60)
    planted = f"def f(x): return ['{canaries.token}', x]"  # an earlier program, to be looked for
    idle = len(descendants())
    for name, (verdicts, source) in ATTACKS.items():
        wrong = []
        assert pool.run(planted, "f", [[canaries.token]])[0].ok
        cases = [[info], [info]]
        outcomes = pool.run(source, "f", cases, SHORT)
        if len(outcomes) != 2:
            wrong.append(f"{len(outcomes)} outcomes")
        for outcome in outcomes:
            allowed = verdicts | LATE if "cpu-timeout" in verdicts else verdicts
            if outcome.verdict not in VERDICTS or outcome.verdict not in allowed:
                wrong.append(f"{outcome.verdict}, not {verdicts}: {outcome.error or outcome.value}")
            for expected in (secret, None, True, 1, 3, "a", [1], 1.5, {}):
                honest = expected in (True, 1) and outcome.value in (1, True)
                if outcome.ok and compare(outcome.value, expected) and not honest:
                    wrong.append(f"scored as {expected!r}")
            said = repr((outcome.value, outcome.stdout, outcome.error))
            if canaries.token in said or canaries.token.encode().hex() in said:
                wrong.append("the secret came out")
            if not "".join((outcome.stdout + outcome.error).split()).isprintable():
                wrong.append("control characters came out")
        after = pool.run(KNOWN, "f", [[info]])[0]
        if after.value != [info["pid"], "known"]:
            wrong.append(f"the next job: {after}")
        wrong += canaries.harm()
        if len(descendants()) != idle:
            wrong.append(f"left running: {descendants()}")
        if wrong:
            yield name, wrong


def solutions(pool: Pool) -> Iterator[tuple[str, list[str]]]:
    """(name, what went wrong) of each correct program."""
    for name, (source, cases) in SOLUTIONS.items():
        outcomes = pool.run(source, "f", [arguments for arguments, _ in cases])
        wrong = [
            f"{arguments!r:.100}: {outcome.verdict} {outcome.error} {outcome.value!r:.200}"
            for (arguments, expected), outcome in zip(cases, outcomes, strict=True)
            if not (outcome.ok and compare(outcome.value, expected))
        ]
        if wrong:
            yield name, wrong


def drive(rung: str, what: str = "attacks") -> dict:
    """``{"rung", "uid", "count", "wrong": {name: [...]}, "left": [...]}``."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        canaries = Canaries(folder)
        try:
            with Pool(workers=1, rung=rung) as pool:
                made = attacks(pool, canaries) if what == "attacks" else solutions(pool)
                wrong = dict(made)
                used = pool.rung
            victim = f"{canaries.victim.pid} "
            left = [line for line in descendants() if not line.startswith(victim)]
        finally:
            canaries.close()
    count = len(ATTACKS if what == "attacks" else SOLUTIONS)
    threads = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
    return {"rung": used, "uid": os.getuid(), "python": sys.version.split()[0], "count": count,
            "wrong": wrong, "left": left, "threads": threads}


if __name__ == "__main__":
    print(json.dumps(drive(*sys.argv[1:]), indent=1))
