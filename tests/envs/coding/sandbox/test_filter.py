"""The system call filter of both machines, decided by an interpreter of BPF written here."""

from __future__ import annotations

import errno
import os
import struct
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
from colllm_bench.envs.coding.sandbox.inside import seccomp  # noqa: E402

MACHINES = ("x86_64", "aarch64")
EPERM = seccomp.ERRNO | errno.EPERM


def decide(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What the kernel would return for such a call; fails on a jump out of the program."""
    words = [argument & (2**64 - 1) for argument in (*arguments, *[0] * (6 - len(arguments)))]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *words)
    steps = [struct.unpack_from("<HBBI", program, i) for i in range(0, len(program), 8)]
    accumulator, at = 0, 0
    while True:
        code, then, otherwise, k = steps[at]
        at += 1
        if code == seccomp.LOAD:
            (accumulator,) = struct.unpack_from("<I", data, k)
        elif code == seccomp.AND:
            accumulator &= k
        elif code == seccomp.JUMP_EQUAL:
            at += then if accumulator == k else otherwise
        elif code == seccomp.JUMP_AT_LEAST:
            at += then if accumulator >= k else otherwise
        else:
            assert code == seccomp.RETURN
            return k


@pytest.fixture(params=MACHINES)
def machine(request):
    return request.param


def test_only_what_is_listed_is_allowed(machine):
    which = MACHINES.index(machine)
    architecture = seccomp.ARCHITECTURE[machine]
    compute = {numbers[which] for numbers in seccomp.COMPUTE.values()} - {None}
    reading = {numbers[which] for numbers in seccomp.READ_FILES.values()} - {None}
    opening = {numbers[which] for numbers in seccomp.OPEN.values()} - {None}
    special = {seccomp.FCNTL[which], seccomp.IOCTL[which], 435}
    for files, allowed in ((False, compute), (True, compute | reading | opening)):
        program = seccomp.build(machine, files)
        assert len(program) % 8 == 0 and len(program) // 8 < 4096
        for number in range(600):
            got = decide(program, architecture, number)
            if number in allowed - special:
                assert got == seccomp.ALLOW, number
            elif number not in special:
                assert got == EPERM, number


def test_names_have_the_numbers_of_this_kernel_family():
    """Spot checks against the kernel's tables, arch/x86/entry/syscalls and asm-generic/unistd.h."""
    known = {"read": (0, 63), "mmap": (9, 222), "exit_group": (231, 94), "getrandom": (318, 278),
             "futex": (202, 98), "clock_nanosleep": (230, 115), "madvise": (28, 233)}
    for name, numbers in known.items():
        assert seccomp.COMPUTE[name] == numbers
    every = {**seccomp.COMPUTE, **seccomp.READ_FILES}
    for which in (0, 1):
        numbers = [numbers[which] for numbers in every.values() if numbers[which] is not None]
        assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("name, x86, arm", [
    ("fork", 57, None), ("vfork", 58, None), ("clone", 56, 220), ("execve", 59, 221),
    ("execveat", 322, 281), ("kill", 62, 129), ("tkill", 200, 130), ("tgkill", 234, 131),
    ("ptrace", 101, 117), ("socket", 41, 198), ("connect", 42, 203), ("mount", 165, 40),
    ("unshare", 272, 97), ("setns", 308, 268), ("bpf", 321, 280), ("io_uring_setup", 425, 425),
    ("memfd_create", 319, 279), ("prctl", 157, 167), ("prlimit64", 302, 261), ("setuid", 105, 146),
    ("unlinkat", 263, 35), ("mkdirat", 258, 34), ("renameat2", 316, 276), ("chmod", 90, None),
    ("process_vm_readv", 310, 270), ("pidfd_getfd", 438, 438), ("seccomp", 317, 277),
    ("openat2", 437, 437), ("rt_sigqueueinfo", 129, 138), ("timer_create", 222, 107),
    ("uname", 63, 160), ("chdir", 80, 49), ("fchdir", 81, 50), ("ftruncate", 77, 46),
])
def test_dangerous_calls_are_refused(name, x86, arm):
    for machine, number in zip(MACHINES, (x86, arm)):
        if number is not None:
            program = seccomp.build(machine, True)
            assert decide(program, seccomp.ARCHITECTURE[machine], number) == EPERM, machine


def test_files_open_for_reading_only(machine):
    program = seccomp.build(machine, True)
    architecture, which = seccomp.ARCHITECTURE[machine], MACHINES.index(machine)
    for *numbers, place in seccomp.OPEN.values():
        if numbers[which] is None:
            continue
        for flags in (os.O_RDONLY, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW):
            arguments = [0] * place + [flags]
            assert decide(program, architecture, numbers[which], *arguments) == seccomp.ALLOW
        for flags in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_APPEND, 3,
                      os.O_RDWR | os.O_TMPFILE):
            arguments = [0] * place + [flags]
            assert decide(program, architecture, numbers[which], *arguments) == EPERM
        assert decide(seccomp.build(machine, False), architecture, numbers[which]) == EPERM


def test_fcntl_cannot_send_signals(machine):
    program, which = seccomp.build(machine, True), MACHINES.index(machine)
    for command in range(0, 2000):
        got = decide(program, seccomp.ARCHITECTURE[machine], seccomp.FCNTL[which], 0, command)
        assert (got == seccomp.ALLOW) == (command in (0, 1, 2, 3, 1030)), command


def test_other_architectures_are_killed(machine):
    program = seccomp.build(machine, True)
    for architecture in (0x40000003, 0x40000028, 0, seccomp.ARCHITECTURE[
            MACHINES[1 - MACHINES.index(machine)]]):
        assert decide(program, architecture, 0) == seccomp.KILL
    own = seccomp.ARCHITECTURE[machine]
    assert decide(program, own, seccomp.X32 | 1) == EPERM  # x32
    assert decide(program, own, 435) == seccomp.ERRNO | errno.ENOSYS
    assert decide(program, own, seccomp.IOCTL[MACHINES.index(machine)]) == (
        seccomp.ERRNO | errno.ENOTTY)
