"""The system calls that Python has no function for, on Linux; each raises what the kernel says."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import signal
from collections.abc import Iterator

MACHINE = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}.get(
    platform.machine().lower()
)
NUMBERS = {  # x86_64, aarch64
    "pivot_root": (155, 41),
    "capset": (126, 91),
    "seccomp": (317, 277),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP = 1, 4, 24
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
CAPABILITY_VERSION_3 = 0x20080522
LAST_CAPABILITY = 63

_libc = ctypes.CDLL(None, use_errno=True)
ZERO = ctypes.c_ulong(0)
DIE = (ctypes.c_int(PR_SET_PDEATHSIG), ctypes.c_ulong(signal.SIGKILL), ZERO, ZERO, ZERO)


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """Marks what fails within as failing at this step of entering a rung."""
    try:
        yield
    except Exception as error:
        if not hasattr(error, "step"):
            error.step = name
        raise


def checked(name: str, result: int) -> int:
    """``result`` of a call of the C library.

    Raises:
        OSError: it is negative.
    """
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def call(name: str, *arguments: object) -> int:
    """A system call by name, for this machine.

    Raises:
        OSError: the kernel refuses, or the machine is neither x86-64 nor aarch64.
    """
    return call_ready(name, words(name, *arguments))


def words(name: str, *arguments: object) -> list[object]:
    """What :func:`call` hands over: to make a call ready whose time counts."""
    if MACHINE is None:
        raise OSError(f"{platform.machine()}: neither x86-64 nor aarch64")
    number = NUMBERS[name][MACHINE == "aarch64"]
    return [ctypes.c_long(a) if isinstance(a, int) else a for a in (number, *arguments)]


def call_ready(name: str, ready: list[object]) -> int:
    """:func:`call` of what :func:`words` has made.

    Raises:
        OSError: the kernel refuses.
    """
    return checked(name, _libc.syscall(*ready))


def prctl(option: int, value: int = 0) -> None:
    result = _libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), ZERO, ZERO, ZERO)
    checked(f"prctl {option}", result)


def unshare(flags: int) -> None:
    checked("unshare", _libc.unshare(ctypes.c_int(flags)))


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None):
    def text(value: str | None) -> bytes | None:
        return None if value is None else os.fsencode(value)

    result = _libc.mount(
        text(source), text(target), text(kind), ctypes.c_ulong(flags), text(options)
    )
    checked(f"mount {kind or 'bind'}", result)


def unmount_lazily(target: str) -> None:
    checked("umount", _libc.umount2(os.fsencode(target), 2))


def die_with_parent() -> None:
    """SIGKILL for this process when the one that made it ends.

    The kernel forgets it when the process changes its user: call it again after that.
    """
    checked("prctl PR_SET_PDEATHSIG", _libc.prctl(*DIE))


def become(uid: int, gid: int) -> None:
    """Be somebody else for good, in all three ids, in no further group."""
    with contextlib.suppress(PermissionError):  # a user namespace may forbid it; then they are gone
        os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def drop_capabilities() -> None:
    """None left, none to be had: not by exec either."""
    for number in range(LAST_CAPABILITY + 1):
        with contextlib.suppress(OSError):  # none to drop, or no such capability in this kernel
            prctl(PR_CAPBSET_DROP, number)
    with contextlib.suppress(OSError):
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    call("capset", ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 0)
