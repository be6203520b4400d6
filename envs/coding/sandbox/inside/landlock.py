"""Landlock: of all files, only the standard library can be read; no TCP, no signal outwards.

Source: Documentation/userspace-api/landlock.rst of Linux, ABI 1 (5.13) to 6 (6.12).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterable

from colllm_bench.envs.coding.sandbox.inside import kernel

READ_FILE, READ_DIR = 1 << 2, 1 << 3
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights over files each version of the ABI knows; later ones know as many as 5."""
ALL_NET, ALL_SCOPES = 0b11, 0b11
"""Bind and connect (ABI 4); abstract unix sockets and signals (ABI 6)."""


class Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("rights", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def version() -> int:
    """The ABI of this kernel.

    Raises:
        OSError: it has no Landlock, or it is switched off.
    """
    return kernel.call("landlock_create_ruleset", None, 0, 1)


def open_all(paths: Iterable[str]) -> list[tuple[int, int]]:
    """(descriptor, rights over what is beneath) of each path; those that cannot be opened: none.

    Apart from :func:`restrict` so that it can be done before the user is dropped: the folder
    above a private Python may be closed to everybody else.
    """
    opened = []
    for path in paths:
        with contextlib.suppress(OSError):
            rights = READ_FILE | READ_DIR if os.path.isdir(path) else READ_FILE
            opened.append((os.open(path, os.O_PATH | os.O_CLOEXEC), rights))
    return opened


def restrict(readable: list[tuple[int, int]]) -> int:
    """Forbid this process, for good, all that Landlock knows but reading beneath ``readable``.

    Args:
        readable: from :func:`open_all`; closed here.

    Returns:
        The ABI.

    Raises:
        OSError: no Landlock here.
    """
    abi = version()
    rules = Ruleset((1 << FILE_RIGHTS[min(abi, 5)]) - 1, ALL_NET, ALL_SCOPES)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = kernel.call("landlock_create_ruleset", ctypes.byref(rules), size, 0)
    for descriptor, rights in readable:
        rule = PathBeneath(rights, descriptor)
        kernel.call("landlock_add_rule", ruleset, 1, ctypes.byref(rule), 0)
        os.close(descriptor)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.call("landlock_restrict_self", ruleset, 0)
    os.close(ruleset)
    return abi
