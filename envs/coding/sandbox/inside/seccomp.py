"""The system calls that a program's process may make: to compute, and to read what it may.

An allowlist, as a classic BPF program (Linux, Documentation/userspace-api/seccomp_filter.rst):
what is not in it fails with EPERM. Numbers are those of x86-64 and aarch64.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from colllm_bench.envs.coding.sandbox.inside import kernel

ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32 = 0x40000000
"""Bit of the numbers of x86-64's third, 32-bit set of calls: refused as a whole."""

COMPUTE = {  # name: x86_64, aarch64; None: there is none
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "lseek": (8, 62), "mmap": (9, 222),
    "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "pread64": (17, 67),
    "readv": (19, 65), "writev": (20, 66), "poll": (7, None), "select": (23, None),
    "sched_yield": (24, 124), "mremap": (25, 216), "madvise": (28, 233), "nanosleep": (35, 101),
    "getpid": (39, 172), "exit": (60, 93), "gettimeofday": (96, 169), "getrusage": (98, 165),
    "times": (100, 153), "getuid": (102, 174), "getgid": (104, 176), "geteuid": (107, 175),
    "getegid": (108, 177), "sigaltstack": (131, 132), "gettid": (186, 178), "time": (201, None),
    "futex": (202, 98), "restart_syscall": (219, 128), "clock_gettime": (228, 113),
    "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "exit_group": (231, 94),
    "pselect6": (270, 72), "ppoll": (271, 73), "getrandom": (318, 278),
}
READ_FILES = {
    "stat": (4, None), "fstat": (5, 80), "lstat": (6, None), "access": (21, None),
    "getcwd": (79, 17), "readlink": (89, None), "getdents64": (217, 61), "newfstatat": (262, 79),
    "readlinkat": (267, 78), "faccessat": (269, 48), "statx": (332, 291),
}
"""Where the kernel itself (a private root, Landlock) decides what there is to be read."""

OPEN = {"open": (2, None, 1), "openat": (257, 56, 2)}
"""With the place of the flags among the arguments: for reading only."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
FCNTL, FCNTL_COMMANDS = (72, 25), (0, 1, 2, 3, 1030)
"""Duplicate, get and set flags; not F_SETOWN and the like, which send signals."""
CLONE3, IOCTL = (435, 435), (16, 29)
"""Answered with ENOSYS, as by an old kernel, and ENOTTY, as by what is no terminal."""

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, AND, RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
SET_FILTER, ACTION_AVAILABLE = 1, 2
NUMBER_AT, ARCHITECTURE_AT = 0, 4


def argument_at(index: int) -> int:
    return 16 + 8 * index  # the lower half: both machines are little-endian


def instruction(code: int, k: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("<HBBI", code, then, otherwise, k)


def build(machine: str, files: bool) -> bytes:
    """The filter for ``machine``; ``files``: with opening for reading and its company.

    A binary search over the numbers: the kernel walks a new filter for every call that there is,
    once a job.
    """
    which = 0 if machine == "x86_64" else 1
    allow, refuse = instruction(RETURN, ALLOW), instruction(RETURN, ERRNO | errno.EPERM)
    calls = {**COMPUTE, **(READ_FILES if files else {})}
    answers = {numbers[which]: allow for numbers in calls.values()}
    answers[CLONE3[which]] = instruction(RETURN, ERRNO | errno.ENOSYS)
    answers[IOCTL[which]] = instruction(RETURN, ERRNO | errno.ENOTTY)
    for *numbers, place in OPEN.values() if files else ():
        answers[numbers[which]] = b"".join([
            instruction(LOAD, argument_at(place)),
            instruction(AND, WRITING),
            instruction(JUMP_EQUAL, 0, 0, 1),
            allow,
            refuse,
        ])
    commands = [
        instruction(JUMP_EQUAL, command, 0, 1) + allow for command in FCNTL_COMMANDS
    ]
    answers[FCNTL[which]] = b"".join([instruction(LOAD, argument_at(1)), *commands, refuse])
    answers.pop(None, None)  # calls that this machine does not have
    return b"".join([
        instruction(LOAD, ARCHITECTURE_AT),
        instruction(JUMP_EQUAL, ARCHITECTURE[machine], 1, 0),
        instruction(RETURN, KILL),
        instruction(LOAD, NUMBER_AT),
        instruction(JUMP_AT_LEAST, X32, 0, 1),
        refuse,
        search(sorted(answers.items()), refuse),
    ])


def search(answers: list[tuple[int, bytes]], otherwise: bytes) -> bytes:
    """Code that finds the number's answer; ``answers`` are sorted."""
    if len(answers) == 1:
        (number, answer), = answers
        return instruction(JUMP_EQUAL, number, 0, len(answer) // 8) + answer + otherwise
    middle = len(answers) // 2
    below, above = search(answers[:middle], otherwise), search(answers[middle:], otherwise)
    return instruction(JUMP_AT_LEAST, answers[middle][0], len(below) // 8, 0) + below + above


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


class Filter:
    """A filter of this machine, made once and installed in every job.

    Raises:
        OSError: no list for this machine, or a kernel without seccomp filters.
    """

    def __init__(self, files: bool):
        if kernel.MACHINE is None:
            raise OSError("no list of system calls for this machine")
        kernel.call("seccomp", ACTION_AVAILABLE, 0, ctypes.byref(ctypes.c_uint32(ERRNO)))
        code = build(kernel.MACHINE, files)
        self._buffer = ctypes.create_string_buffer(code, len(code))
        self._program = Program(len(code) // 8, ctypes.addressof(self._buffer))
        self._ready = kernel.words("seccomp", SET_FILTER, 0, ctypes.byref(self._program))

    def install(self) -> None:
        """From here on, in this process, for good."""
        kernel.call_ready("seccomp", self._ready)
