"""What each rung does: once to the watcher, on entering, and once to every job."""

from __future__ import annotations

import os
import sys

from colllm_bench.envs.coding.sandbox.inside import job

FILES = 64
"""Descriptors that a job may have: its own three, and what an import opens."""


def enter(rung: str, pipes: list[int]) -> tuple[dict, object]:
    """Confine this process as ``rung`` says; under ``namespaces`` only a grandchild returns.

    Returns:
        What the pool is told of it, and the function that confines a job, given its header.

    Raises:
        OSError: a step was refused; its attribute ``step`` names it.
    """
    baseline = address_space()
    if rung == "unsafe":
        return {"uid": os.getuid()}, lambda header: job.limit(
            baseline + header[4], FILES, processes=False
        )
    raise ValueError(f"unknown rung {rung}")


def address_space() -> int:
    """Bytes of address space in use; 0 where it cannot be known."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0 if sys.platform != "linux" else 64 << 20
