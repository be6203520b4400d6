"""What a run ran on: versions, commit, hardware. Never a user's name, a host or a path."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "accelerate", "gymnasium", "numpy", "peft", "pettingzoo", "safetensors", "tokenizers",
    "torch", "transformers",
)


def environment() -> dict[str, Any]:
    """The content of ``environment.json``.

    Returns:
        ``colllm_bench`` (version), ``commit`` (of the checkout, or None for an installed
        package), ``modified`` (tracked files differ from the commit), ``python``, ``packages``,
        ``system``, ``machine``, ``cpu``, ``cores`` (that this process may use), ``memory_gib``,
        ``accelerators`` (names; empty where torch sees none) and ``variables`` (those that
        decide how many threads compute).
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
        "cores": cores(),
        "memory_gib": _memory(),
        "accelerators": _accelerators(),
        "variables": {
            name: os.environ[name]
            for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY")
            if name in os.environ
        },
    }


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
        return head, bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
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
