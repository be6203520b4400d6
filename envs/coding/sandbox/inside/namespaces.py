"""A world of its own: user, pid, net, ipc, uts and mount namespaces.

Three processes: this one (it can write the map of users, and waits), its child, which unshares
(and waits), and the grandchild, which is the new pid namespace's first process and the one that
goes on. If any of them ends, the kernel ends those below; when the first process of a pid
namespace ends, everything in it does.
"""

from __future__ import annotations

import os
import sys

from colllm_bench.envs.coding.sandbox.inside import kernel

NEW_NS, NEW_UTS, NEW_IPC = 0x00020000, 0x04000000, 0x08000000
NEW_USER, NEW_PID, NEW_NET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_NOATIME, MS_NODIRATIME, MS_BIND, MS_REC, MS_PRIVATE = 1024, 2048, 4096, 16384, 1 << 18
MS_RELATIME = 1 << 21
KEPT = {  # what statvfs() shows of a mount, which a remount must not take away
    os.ST_NOEXEC: MS_NOEXEC, os.ST_NOATIME: MS_NOATIME, os.ST_NODIRATIME: MS_NODIRATIME,
    os.ST_RELATIME: MS_RELATIME,
} if sys.platform == "linux" else {}


def enter(uid: int, gid: int, pipes: list[int], folders: list[str], hidden: list[str]) -> None:
    """Return as ``uid`` in the new namespaces, with a root that holds ``folders`` only.

    Args:
        pipes: what the two processes that stay behind must not hold open.
        folders: absolute paths, bound read-only at the same place.
        hidden: folders within them, shown empty.

    Raises:
        OSError: the kernel refuses a step (in whichever process: the one that returns raises).
    """
    if os.getuid() == 0:
        with kernel.step("drop"):
            os.setgroups([])
    unshared, mapped = os.pipe(), os.pipe()
    child = os.fork()
    if child:
        for descriptor in (unshared[1], mapped[0]):
            os.close(descriptor)
        _write_map(child, uid, gid, unshared[0], mapped[1])
        _stay_behind(child, uid, gid, pipes)
    kernel.die_with_parent()
    for descriptor in (unshared[0], mapped[1]):
        os.close(descriptor)
    with kernel.step("userns"):
        kernel.unshare(NEW_USER | NEW_PID | NEW_NET | NEW_IPC | NEW_UTS | NEW_NS)
        os.write(unshared[1], b".")
        said = os.read(mapped[0], 200)
        if said != b".":
            raise PermissionError(f"the map of users: {said.decode() or 'not written'}")
    os.close(unshared[1])
    os.close(mapped[0])
    grandchild = os.fork()
    if grandchild:
        _stay_behind(grandchild, uid, gid, pipes)
    with kernel.step("mount"):  # as whoever we are yet: a private home is shut to the other user
        opened = [(folder, os.open(folder, os.O_PATH | os.O_DIRECTORY)) for folder in folders]
    with kernel.step("userns"):
        kernel.become(uid, gid)
    with kernel.step("mount"):
        _make_root(opened, hidden)
    os.sethostname("jail") if hasattr(os, "sethostname") else None
    kernel.drop_capabilities()
    kernel.die_with_parent()


def _write_map(child: int, uid: int, gid: int, unshared: int, mapped: int) -> None:
    """Map ``uid`` to itself, once the child has its namespace; tell it how that went."""
    if os.read(unshared, 1) == b".":
        said = b"."
        try:
            if os.getuid() != 0:
                _write(f"/proc/{child}/setgroups", "deny")
            _write(f"/proc/{child}/uid_map", f"{uid} {uid} 1")
            _write(f"/proc/{child}/gid_map", f"{gid} {gid} 1")
        except OSError as error:
            said = str(error).encode()[:200]
        os.write(mapped, said)
    os.close(unshared)
    os.close(mapped)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _stay_behind(child: int, uid: int, gid: int, pipes: list[int]) -> None:
    """Hold nothing, be nobody, and end with the child. Never returns."""
    for descriptor in pipes:
        os.close(descriptor)
    try:
        if os.getuid() != uid:
            kernel.become(uid, gid)
        kernel.die_with_parent()
        os.waitpid(child, 0)
    finally:
        os._exit(0)


def _make_root(opened: list[tuple[str, int]], hidden: list[str]) -> None:
    """An empty file system with the folders in it, and nothing of the old one."""
    kernel.mount("none", "/", None, MS_REC | MS_PRIVATE)
    new = next(path for path in ("/tmp", "/var", "/mnt", "/usr") if os.path.isdir(path))
    kernel.mount("none", new, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,nr_inodes=1000,mode=755")
    for folder, descriptor in opened:
        target = new + folder
        os.makedirs(target, 0o755, exist_ok=True)
        os.fchdir(descriptor)
        kernel.mount(".", target, None, MS_BIND | MS_REC)
        flags = MS_RDONLY | MS_NOSUID | MS_NODEV
        seen = os.statvfs(target).f_flag
        for shown, flag in KEPT.items():
            flags |= flag if seen & shown else 0
        kernel.mount("none", target, None, MS_REMOUNT | MS_BIND | flags)
        os.close(descriptor)
    for folder in hidden:
        if os.path.isdir(new + folder):
            options = "size=4k,nr_inodes=2,mode=755"
            kernel.mount("none", new + folder, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, options)
    os.chdir(new)
    kernel.call("pivot_root", b".", b".")
    kernel.unmount_lazily(".")
    os.chdir("/")
    kernel.mount("none", "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
