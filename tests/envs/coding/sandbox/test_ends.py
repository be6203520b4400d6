"""Whoever is killed, nothing is left running; and where no jail is safe, none is used."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from paths import ROOT
from sandbox_corpus import drive

from colllm_bench.envs.coding.sandbox import Limits, Pool, isolation, jail
from colllm_bench.errors import ConfigError

ALL = isolation.RUNGS
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the rungs are Linux's")
SLEEP = "import time\ndef f(x):\n    time.sleep(x)\n    return x"
TRAINER = """
import os, sys, threading, time
sys.path.insert(0, "tests/support")
from colllm_bench.envs.coding.sandbox import Limits, Pool
from sandbox_corpus.drive import descendants
pool = Pool(workers=1, rung=sys.argv[1])
loop = "def f(x):\\n    while True: pass" if sys.argv[2] == "busy" else \\
    "import time\\ndef f(x): time.sleep(600)"
before = len(descendants())
if sys.argv[2] != "idle":
    threading.Thread(target=pool.run, args=(loop, "f", [[1]], Limits(cpu=500)), daemon=True).start()
    while len(descendants()) == before:
        time.sleep(0.01)
child = os.fork()  # holds every pipe open, so that only the parent's death can tell
if child == 0:
    time.sleep(20)
    os._exit(0)
lines = [line for line in descendants() if not line.startswith(f"{child} ")]
print(child, *[line.split()[0] for line in lines], flush=True)
time.sleep(600)
"""


OTHERS: set[str] = set()
"""Processes that tests before have left (a logger's service, the environment's own sandbox)."""


@pytest.fixture(autouse=True)
def only_our_own():
    OTHERS.clear()
    OTHERS.update(line.split()[0] for line in drive.descendants())


def descendants() -> list[str]:
    """``pid name state`` of every process that a test here has started."""
    return [line for line in drive.descendants() if line.split()[0] not in OTHERS]


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_gone(pids: list[int], seconds: float = 10.0) -> list[int]:
    """Those of ``pids`` that still run after so long."""
    end = time.monotonic() + seconds
    while any(alive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.01)
    return [pid for pid in pids if alive(pid)]


@pytest.mark.parametrize("doing", ["sleeping", "busy", "idle"])
@pytest.mark.parametrize("rung", ALL)
def test_kill_of_the_trainer_ends_everything(rung, doing):
    trainer = subprocess.Popen([sys.executable, "-c", TRAINER, rung, doing], cwd=ROOT, text=True,
                               stdout=subprocess.PIPE)
    child, *pids = map(int, trainer.stdout.readline().split())
    try:
        assert len(pids) == (3 if rung == "namespaces" else 1) + (doing != "idle")
        assert all(alive(pid) for pid in pids)
        trainer.kill()
        trainer.wait()
        assert wait_gone(pids) == []
    finally:
        for pid in (child, *pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        trainer.stdout.close()


def running(pool: Pool, cases: list, found: list, limits: Limits | None = None) -> threading.Thread:
    """A thread in which the pool runs, once the job is there and so far as it goes."""
    before = len(descendants())
    thread = threading.Thread(target=lambda: found.extend(pool.run(SLEEP, "f", cases, limits)))
    thread.start()
    while len(descendants()) == before and thread.is_alive():
        time.sleep(0.001)
    time.sleep(0.1)
    return thread


@pytest.mark.parametrize("rung", ALL)
def test_kill_of_any_process_of_the_jail_is_made_good(rung):
    """One after another, from the outermost to the watcher; the program is simply run again."""
    with Pool(workers=1, rung=rung) as pool:
        for place in range(3 if rung == "namespaces" else 1):
            found: list = []
            thread = running(pool, [[0.6]], found)
            before = [int(line.split()[0]) for line in descendants()]
            os.kill(before[place], signal.SIGKILL)
            thread.join()
            assert [outcome.value for outcome in found] == [0.6], found
            assert wait_gone(before) == []
        assert pool.run("def f(): return 1", "f", [[]])[0].value == 1
    assert descendants() == []


@pytest.mark.parametrize("rung", ALL)
def test_kill_of_a_job_is_a_crash_and_no_more(rung):
    with Pool(workers=1, rung=rung) as pool:
        found: list = []
        thread = running(pool, [[0.0], [5.0], [0.0]], found)
        os.kill(int(descendants()[-1].split()[0]), signal.SIGKILL)
        thread.join()
        assert [outcome.verdict for outcome in found] == ["ok", "crashed", "ok"]
        assert "SIGKILL" in found[1].error
    assert descendants() == []


def test_a_jail_that_no_longer_answers_is_replaced(monkeypatch):
    monkeypatch.setattr(jail, "GRACE", 0.2)
    with Pool(workers=1, rung="landlock") as pool:
        found: list = []
        thread = running(pool, [[0.4]], found, Limits(cpu=0.5, wall=1.0))
        stopped = int(descendants()[0].split()[0])
        os.kill(stopped, signal.SIGSTOP)
        thread.join()
        assert [outcome.value for outcome in found] == [0.4]
        assert wait_gone([stopped]) == []
    assert descendants() == []


def test_a_pool_that_is_forgotten_ends_with_the_program():
    code = ("import sys; sys.path.insert(0, 'tests/support')\n"
            "from colllm_bench.envs.coding.sandbox import Pool\n"
            "from sandbox_corpus.drive import descendants\n"
            "pool = Pool(workers=1)\n"
            "print(*[line.split()[0] for line in descendants()])\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    pids = list(map(int, done.stdout.split()))
    assert pids and wait_gone(pids) == []


REFUSE = """
import struct, sys
from colllm_bench.envs.coding.sandbox import Pool
from colllm_bench.envs.coding.sandbox.inside import kernel, seccomp
import ctypes, errno
NUMBERS = {"unshare": (272, 97), "landlock_create_ruleset": (444, 444), "seccomp": (317, 277)}
code = seccomp.instruction(seccomp.LOAD, 0)
for name in sys.argv[2:]:
    answer = seccomp.ERRNO | (errno.EPERM if name == "unshare" else errno.ENOSYS)
    code += seccomp.instruction(seccomp.JUMP_EQUAL, NUMBERS[name][kernel.MACHINE != "x86_64"], 0, 1)
    code += seccomp.instruction(seccomp.RETURN, answer)
code += seccomp.instruction(seccomp.RETURN, seccomp.ALLOW)
buffer = ctypes.create_string_buffer(code, len(code))
program = seccomp.Program(len(code) // 8, ctypes.addressof(buffer))
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
kernel.call("seccomp", 1, 0, ctypes.byref(program))
with Pool(workers=1, rung=None if sys.argv[1] == "auto" else sys.argv[1]) as pool:
    print(pool.rung, pool.run("def f(): return 5", "f", [[]])[0].value)
"""


def on_a_kernel_without(rung: str, *refused: str) -> subprocess.CompletedProcess:
    """A pool where the kernel refuses these calls, as old ones and containers do."""
    return subprocess.run([sys.executable, "-c", REFUSE, rung, *refused], cwd=ROOT,
                          capture_output=True, text=True, timeout=60)


def test_the_ladder_is_climbed_down_only_as_far_as_is_safe():
    assert on_a_kernel_without("auto").stdout == "namespaces 5\n"
    assert on_a_kernel_without("auto", "unshare").stdout == "landlock 5\n"
    refused = on_a_kernel_without("auto", "unshare", "landlock_create_ruleset")
    assert refused.returncode != 0 and refused.stdout == ""
    line = refused.stderr.splitlines()[-1]
    for part in ("no safe jail", "namespaces: ", "landlock: ", "Linux 5.13", "Docker 23",
                 "'seccomp'", "'unsafe'"):
        assert part in line
    assert on_a_kernel_without(
        "seccomp", "unshare", "landlock_create_ruleset").stdout == "seccomp 5\n"


@pytest.mark.parametrize("rung, refused, parts", [
    ("namespaces", "unshare", ("Operation not permitted", "unprivileged_userns_clone",
                               "apparmor_restrict_unprivileged_userns")),
    ("namespaces", "landlock_create_ruleset", ("not implemented", "5.13")),
    ("landlock", "landlock_create_ruleset", ("not implemented", "5.13", "CONFIG_LSM")),
    ("seccomp", "seccomp", ("not implemented", "CONFIG_SECCOMP_FILTER")),
])
def test_a_rung_that_was_asked_for_is_never_replaced(rung, refused, parts):
    done = on_a_kernel_without(rung, refused)
    assert done.returncode != 0 and done.stdout == ""
    line = done.stderr.splitlines()[-1]
    for part in parts:
        assert part in line


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to drop capabilities")
def test_root_that_may_not_become_somebody_is_refused():
    """As in a container that was started with --cap-drop ALL: nothing runs as its root."""
    code = (
        "from colllm_bench.envs.coding.sandbox.inside import kernel\n"
        "kernel.drop_capabilities()\n"
        "from colllm_bench.envs.coding.sandbox import Pool\n"
        "Pool(workers=1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    line = done.stderr.splitlines()[-1]
    assert done.returncode != 0 and line.count("capabilities SETUID and SETGID") == 2


def test_elsewhere_than_on_linux_the_line_says_what_to_do(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ConfigError, match="kernel of darwin.*run on Linux.*Docker.*'unsafe'"):
        Pool(workers=1)


def test_a_jail_that_leaks_fails_its_self_test():
    leaky = jail.Jail("unsafe")
    leaky.wait_ready()
    leaky.rung = "landlock"
    with pytest.raises(jail.JailRefused) as refused:
        isolation.check(leaky)
    assert refused.value.step == "self-test"
    for name in ("socket", "open", "list", "write", "kill"):
        assert repr(name) in str(refused.value)
    assert leaky.process.poll() is not None


def test_a_jail_whose_python_does_not_start_is_refused(tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 7\n")
    broken.chmod(0o755)
    started = jail.Jail("landlock", python=str(broken))
    with pytest.raises(jail.JailRefused, match="exit code 7"):
        started.wait_ready()
    with pytest.raises(jail.JailRefused, match="No such file"):
        jail.Jail("landlock", python=str(tmp_path / "none"))


def test_the_jail_is_told_nothing_of_the_environment(monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/lib")
    assert set(jail.environment()) - {"PYTHONHOME", "DYLD_LIBRARY_PATH"} == {
        "LD_LIBRARY_PATH", "LD_BIND_NOW", "PYTHONHASHSEED", "PYTHONUTF8", "LC_ALL"}


def test_unsafe_starts_only_by_name_and_says_so():
    with Pool(workers=1, rung="unsafe") as pool:
        assert pool.rung == "unsafe"
        assert pool.run("def f(): return open('/etc/passwd').read(1)", "f", [[]])[0].ok
    assert "unsafe" not in isolation.LADDER and "seccomp" not in isolation.LADDER


def test_a_job_that_ends_before_it_begins_is_the_jails_fault(monkeypatch):
    """Its program may still lie in the pipe, where the next job would read it."""
    with Pool(workers=1, rung="landlock") as pool:
        (first,) = pool._all
        real = first._feed

        def feed(data):
            calls.append(None)
            if len(calls) == 1:
                return data  # nothing yet, so the job will wait for its payload
            if not killed:
                end = time.monotonic() + 30
                while len(descendants()) < 2 and time.monotonic() < end:
                    time.sleep(0.001)
                killed.append(int(descendants()[-1].split()[0]))
                os.kill(killed[0], signal.SIGKILL)
                wait_gone(killed)
            return real(data)

        calls: list[None] = []
        killed: list[int] = []
        first._feed = feed
        assert pool.run("def f(): return 1", "f", [[]])[0].value == 1
        assert killed and first not in pool._all
        assert pool.run("def f(): return 2", "f", [[]])[0].value == 2
