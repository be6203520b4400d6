"""The ladder: which confinements there are, how one is tried, what helps where it is refused."""

from __future__ import annotations

import json
import os
import sys

from colllm_bench.envs.coding.sandbox.jail import Jail, JailLost, JailRefused
from colllm_bench.envs.coding.sandbox.results import Limits
from colllm_bench.errors import ConfigError

RUNGS = ("namespaces", "landlock", "seccomp", "unsafe")
LADDER = ("namespaces", "landlock")
"""What is tried, in this order, where nobody asked for a rung by name."""

PROBE = '''
def known(x):
    return {"twice": (x * 2, [x])}

def probe(pid, path):
    import os
    found = {}

    def attempt(name, act):
        try:
            act()
        except BaseException as error:
            found[name] = type(error).__name__
        else:
            found[name] = ""

    def fork():
        if os.fork() == 0:
            os._exit(0)

    def network():
        import _socket
        _socket.socket()

    def write():
        os.open("/tmp/.colllm-probe", os.O_WRONLY | os.O_CREAT, 0o600)
        os.unlink("/tmp/.colllm-probe")

    attempt("fork", fork)
    attempt("socket", network)
    attempt("open", lambda: os.open(path, os.O_RDONLY))
    attempt("list", lambda: os.listdir("/etc"))
    attempt("write", write)
    attempt("kill", lambda: os.kill(pid, 0))
    attempt("memory", lambda: bytearray(1 << 30))
    return found
'''
MUST_FAIL = ("fork", "socket", "open", "list", "write", "kill", "memory")

REMEDIES = {
    "start": "see that this Python can run `python -S -c ''` and has the ctypes module",
    "userns": (
        "allow user namespaces: sysctl -w user.max_user_namespaces=10000; on Debian also "
        "kernel.unprivileged_userns_clone=1, on Ubuntu 24.04 "
        "kernel.apparmor_restrict_unprivileged_userns=0; in Docker run with "
        "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    ),
    "mount": (
        "let a user namespace mount: on Ubuntu 24.04 sysctl -w "
        "kernel.apparmor_restrict_unprivileged_userns=0; in Docker --security-opt "
        "apparmor=unconfined --security-opt systempaths=unconfined"
    ),
    "landlock": (
        "Linux 5.13 or newer with landlock in the list of CONFIG_LSM or of the boot parameter "
        "lsm=; in a container Docker 23 or newer, whose seccomp profile lets Landlock through"
    ),
    "seccomp": "a kernel with CONFIG_SECCOMP_FILTER, on x86-64 or aarch64",
    "drop": "give the container the capabilities SETUID and SETGID, or run as an ordinary user",
    "platform": "run on Linux (on macOS and Windows: in Docker or a virtual machine)",
    "self-test": "a jail that leaks is never used: please report it with this line",
}


def start(rung: str) -> Jail:
    """A jail on ``rung`` that has passed its self-test.

    Raises:
        JailRefused: it could not be entered, or a real child could do what it must not.
    """
    if sys.platform != "linux" and rung != "unsafe":
        raise JailRefused("platform", f"the kernel of {sys.platform} has no such confinement")
    jail = Jail(rung)
    jail.wait_ready()
    check(jail)
    return jail


def check(jail: Jail) -> None:
    """The self-test: what must fail fails, and one known job passes.

    Raises:
        JailRefused: not so; the jail is killed.
    """
    try:
        ended = jail.run(PROBE, "known", [[7]], Limits(), 1 << 20)
        frames = [json.loads(frame) for frame in ended.frames]
        good = [["returned", {"dict": [["twice", {"tuple": [14, [7]]}]]}, "", ""]]
        if frames != good:
            raise JailRefused("self-test", f"a known job gave {frames} (end {ended.status})")
        if jail.rung == "unsafe":
            return
        ended = jail.run(PROBE, "probe", [[os.getpid(), __file__]], Limits(), 1 << 20)
        if len(ended.frames) != 1:
            raise JailRefused("self-test", f"the probe did not answer (end {ended.status})")
        found = dict(json.loads(ended.frames[0])[1]["dict"])
        leaks = [name for name in MUST_FAIL if not found.get(name)]
        if leaks:
            raise JailRefused("self-test", f"a program could do what it must not: {leaks}")
    except JailLost as error:
        jail.kill()
        raise JailRefused("self-test", f"the jail was lost: {error}") from error
    except BaseException:
        jail.kill()
        raise


def choose(rung: str | None) -> Jail:
    """The first jail of the ladder that starts, or the one that was asked for.

    Raises:
        ConfigError: none does; the line has each rung's error and what helps.
    """
    if rung not in (None, "auto", *RUNGS):
        allowed = ", ".join(("auto", *RUNGS))
        raise ConfigError(f"unknown rung {rung!r} of the sandbox", allowed=allowed)
    refused = []
    for name in LADDER if rung in (None, "auto") else (rung,):
        try:
            return start(name)
        except JailRefused as error:
            remedy = REMEDIES.get(error.step, REMEDIES["start"])
            refused.append(f"{name}: {error} [{remedy}]")
    if rung == "unsafe":
        raise ConfigError("no process for programs here: " + "; ".join(refused))
    raise ConfigError(
        "no safe jail for untrusted programs here: " + "; ".join(refused),
        fix="what stands in brackets; or, if you accept less and say so with the results, ask for "
        "the rung 'seccomp' (a filter of system calls alone) or 'unsafe' (no jail at all: only "
        "for programs that you trust)",
    )
