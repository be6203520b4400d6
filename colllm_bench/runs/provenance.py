"""What a run ran on: versions, commit, hardware. Never a user's name, a host or a path."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from colllm_bench import processes
from colllm_bench.runs.arithmetic import VARIABLES

PACKAGES = (
    "accelerate", "gymnasium", "numpy", "peft", "pettingzoo", "safetensors", "tokenizers",
    "torch", "transformers",
)
PROCESSOR = {
    "vendor_id": "vendor", "cpu family": "family", "model": "model", "stepping": "stepping",
    "CPU implementer": "vendor", "CPU architecture": "family", "CPU part": "model",
    "CPU revision": "stepping",
}
"""Lines of ``/proc/cpuinfo``, on x86 and on Arm, and what they are called here."""
FLAGS = frozenset((
    "sse4_1 sse4_2 avx avx2 fma fma4 f16c avx_vnni avx512f avx512dq avx512bw avx512vl avx512cd "
    "avx512_bf16 avx512_fp16 avx512_vnni amx_tile amx_bf16 amx_fp16 amx_int8 "
    "asimd asimdhp asimddp bf16 i8mm sve sve2"
).split())
"""Instruction sets by which numerical libraries choose their inner loops."""


def environment() -> dict[str, Any]:
    """The content of ``environment.json``.

    Returns:
        ``colllm_bench`` (version), ``commit`` (of the checkout, or None for an installed
        package), ``modified`` (tracked files outside of ``results`` and ``docs`` differ from it),
        ``python``, ``packages``, ``system``, ``machine``, ``cpu`` (its name), ``processor``
        (:func:`processor`), ``cores`` (that this process may use), ``memory_gib``,
        ``accelerators`` (names; empty where torch sees none), ``variables`` (those that decide how
        many threads compute, and with which instructions) and, where several train together,
        ``processes`` (their number).
    """
    from colllm_bench import __version__

    commit, modified = _commit()
    return {
        "colllm_bench": __version__,
        "commit": commit,
        "modified": modified,
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cpu": _cpu(),
        "processor": processor(),
        "cores": cores(),
        "memory_gib": _memory(),
        "accelerators": _accelerators(),
        "variables": {
            name: os.environ[name]
            for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY", *VARIABLES)
            if name in os.environ
        },
        **({"processes": processes.size()} if processes.size() > 1 else {}),
    }


def processor() -> dict[str, Any]:
    """What of the processor decides how floating-point numbers round; its name does not say it.

    Returns:
        ``vendor``, ``family``, ``model``, ``stepping`` (texts, as far as the system tells them),
        ``flags`` (those of :data:`FLAGS`, in alphabetical order) and ``capability`` (the
        instruction set that torch computes with, ``AVX2`` for instance; None where torch is not
        loaded).
    """
    about: dict[str, Any] = {}
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []  # not Linux
    for line in lines:
        key, _, value = (part.strip() for part in line.partition(":"))
        if key in PROCESSOR:
            about.setdefault(PROCESSOR[key], value)
        elif key in ("flags", "Features"):
            about.setdefault("flags", sorted(FLAGS & set(value.split())))
    torch = sys.modules.get("torch")
    return about | {"capability": torch and str(torch.backends.cpu.get_cpu_capability())}


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_memory() -> dict[str, float]:
    """Most memory that this process ever held, in MiB: ``memory_mib``, on CUDA another."""
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss: bytes there, KiB here
    row = {"memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        row["cuda_memory_mib"] = round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return row


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> tuple[str | None, bool | None]:
    root = Path(__file__).resolve().parents[2]
    # Only our own checkout: an installed package may lie in a folder of someone else's.
    if not (root / ".git").exists():
        return None, None
    try:
        head = _git(root, "rev-parse", "HEAD")
        # Results that a run writes beside those of others are no change of the code.
        code = ("--", ".", ":(exclude)results", ":(exclude)docs")
        return head, bool(_git(root, "status", "--porcelain", "--untracked-files=no", *code))
    except (OSError, subprocess.SubprocessError):
        return None, None


def _git(root: Path, *command: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *command], capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None


def _accelerators() -> list[str]:
    torch = sys.modules.get("torch")  # asked only where it is loaded anyway: it takes seconds
    if torch is None or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
