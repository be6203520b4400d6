"""What each rung does: once to the watcher, on entering, and once to every job."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable

from colllm_bench.envs.coding.sandbox.inside import job

FILES = 64
"""Descriptors that a job may have: its own three, and what an import opens."""
NOBODY = (64_321, 65_534)
"""What root becomes: an id that nobody has, or where a container has no such id, ``nobody``."""
HIDDEN = ("site-packages", "dist-packages")
"""Of the standard library's folder: what is not the standard library."""
STACK = 64 << 20


def enter(rung: str, pipes: list[int]) -> tuple[dict, Callable[[tuple], None]]:
    """Confine this process as ``rung`` says; under ``namespaces`` only a grandchild returns.

    Returns:
        What the pool is told of it, and the function that confines a job, given its header.

    Raises:
        OSError: a step was refused; its attribute ``step`` names it.
    """
    baseline = address_space()
    raise_stack()
    if rung == "unsafe":
        return {"uid": os.getuid(), "landlock": 0}, unconfined(baseline)
    from colllm_bench.envs.coding.sandbox.inside import kernel, landlock, seccomp

    with kernel.step("seccomp"):
        block = seccomp.Filter(files=rung != "seccomp")
    folders = library()
    abi = 0
    if rung == "namespaces":
        from colllm_bench.envs.coding.sandbox.inside import namespaces

        with kernel.step("landlock"):
            landlock.version()
        hidden = [os.path.join(folder, name) for folder in folders for name in HIDDEN]
        roots = [folder for folder in folders if os.path.isdir(folder)]
        namespaces.enter(*somebody(), pipes, roots, hidden)
        readable = folders
    else:
        readable = [path for folder in folders for path in entries(folder)]
    if rung != "seccomp":
        with kernel.step("landlock"):
            opened = landlock.open_all(readable)
    if rung != "namespaces":
        with kernel.step("drop"):
            if os.getuid() == 0:
                kernel.become(*somebody())
            kernel.drop_capabilities()
            kernel.die_with_parent()
    if rung != "seccomp":
        with kernel.step("landlock"):
            abi = landlock.restrict(opened)

    job.limit_all(FILES)

    def confine(header: tuple) -> None:
        kernel.die_with_parent()
        job.limit_one(header, baseline)
        block.install()

    return {"uid": os.getuid(), "landlock": abi}, confine


def unconfined(baseline: int) -> Callable[[tuple], None]:
    """What the rung ``unsafe`` does to a job: resource limits, and the end with the watcher's."""
    job.limit_all(FILES)
    if sys.platform != "linux":
        return lambda header: job.limit_one(header, 0)
    from colllm_bench.envs.coding.sandbox.inside import kernel

    kernel.die_with_parent()

    def confine(header: tuple) -> None:
        kernel.die_with_parent()
        os.setpgid(0, 0)  # so that what it starts can be ended with it
        job.limit_one(header, baseline)

    return confine


def somebody() -> tuple[int, int]:
    """The user and group to be: oneself, or as root an id that owns nothing."""
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    for number in NOBODY:
        if has_id("uid", number) and has_id("gid", number):
            return number, number
    return NOBODY[-1], NOBODY[-1]


def has_id(kind: str, number: int) -> bool:
    """Whether this user namespace has such an id."""
    with contextlib.suppress(OSError), open(f"/proc/self/{kind}_map") as file:
        ranges = [[int(word) for word in line.split()] for line in file]
        return any(first <= number < first + count for first, _, count in ranges)
    return True


def library() -> list[str]:
    """The folders and archives of the standard library; of two nested ones, the outer."""
    paths = [os.path.abspath(path) for path in sys.path if path and os.path.exists(path)]
    return [p for p in dict.fromkeys(paths) if not any(p.startswith(q + "/") for q in paths)]


def entries(folder: str) -> list[str]:
    """What the standard library's folder holds, but for other people's packages."""
    if not os.path.isdir(folder):
        return [folder]
    return [entry.path for entry in os.scandir(folder) if entry.name not in HIDDEN]


def can_import(rung: str) -> bool:
    """Whether jobs will be able to import of the standard library what is not loaded yet.

    As root under ``landlock``: if whom it becomes can read it, which a forked process finds out.
    """
    if rung != "landlock" or os.getuid() != 0:
        return rung != "seccomp"
    from colllm_bench.envs.coding.sandbox.inside import kernel

    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(OSError):
            kernel.become(*somebody())
            os._exit(0 if reads_library() else 1)
        os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def reads_library() -> bool:
    """Whether this process can read the standard library."""
    return os.access(os.path.join(os.path.dirname(os.__file__), "this.py"), os.R_OK)


def raise_stack() -> None:
    """Room for deep recursion where the interpreter uses the C stack for it (3.10)."""
    import resource

    with contextlib.suppress(ValueError, OSError):
        _, hard = resource.getrlimit(resource.RLIMIT_STACK)
        wanted = STACK if hard == resource.RLIM_INFINITY else min(STACK, hard)
        resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))


def address_space() -> int:
    """Bytes of address space in use; 0 where it cannot be known."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0 if sys.platform != "linux" else 64 << 20
