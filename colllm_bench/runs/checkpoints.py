"""Checkpoint files: whole, the last two kept, a torn one passed over."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from colllm_bench.config import RunConfig
from colllm_bench.runs import files

KEPT = 2
"""The newest, and the one before it should a failing disk tear the newest."""


def is_due(config: RunConfig, iteration: int) -> bool:
    """Whether a run writes the state that ``iteration`` starts from without being interrupted."""
    return iteration == config.iterations or iteration % config.checkpoint_every == 0


def save(
    folder: Path,
    iteration: int,
    state: dict[str, Any],
    due: Callable[[int], bool] = lambda iteration: True,
) -> Path:
    """Write the state that ``iteration`` starts from, and remove what is no longer needed.

    Of the checkpoints that are due the last :data:`KEPT` stay. One that an interrupted run wrote
    stays until the next that is due, so that a run leaves the same files whether or not it was
    interrupted.

    Returns:
        The checkpoint's path.

    Raises:
        RunError, ConfigError: no space, no permission; earlier checkpoints stay.
    """
    path = folder / f"iteration-{iteration:06d}.pt"
    state = canonical(state)
    files.atomic_write(path, lambda file: _write(state, file))
    planned = [old for old in checkpoint_files(folder) if due(iteration_of(old))]
    for old in checkpoint_files(folder):
        if old != path and old not in planned[-KEPT:]:
            old.unlink(missing_ok=True)
    return path


def load(folder: Path, *, remove_torn: bool = True) -> tuple[int, dict[str, Any]] | None:
    """(iteration, state) of the newest whole checkpoint, or None; tensors on the CPU.

    Args:
        remove_torn: torn ones are removed, so that the lines after the one taken can be
            forgotten too. For who resumes; who only looks must leave a run's files alone.
    """
    paths = checkpoint_files(folder)
    if not paths:
        return None
    import torch

    for path in reversed(paths):
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception:  # torch says "torn" in many ways
            if remove_torn:
                path.unlink(missing_ok=True)
            continue
        return iteration_of(path), state
    return None


def checkpoint_files(folder: Path) -> list[Path]:
    """Checkpoint files, oldest first."""
    return sorted(folder.glob("iteration-*.pt"))


def iteration_of(checkpoint: Path) -> int:
    """The iteration that a checkpoint file goes on with."""
    return int(checkpoint.stem.rpartition("-")[2])


def canonical(state: Any) -> Any:
    """The same state in a form whose bytes depend on its values alone.

    Pickle writes an object that it meets again as a reference to the first, so that equal
    texts and storages make different files when one was loaded and the other computed.
    """
    if isinstance(state, dict):
        return {canonical(key): canonical(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(canonical(item) for item in state)
    if type(state) is str:
        return sys.intern(state)
    if hasattr(state, "detach"):
        return state.detach().cpu().clone()  # a storage of its own, no larger than the tensor
    return state


class _Watched:
    """Remembers the system's own error: torch reports a failed write as its own, unnamed."""

    def __init__(self, file: BinaryIO):
        self.file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self.file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self.file.flush()


def _write(state: dict[str, Any], file: BinaryIO) -> None:
    import torch

    watched = _Watched(file)
    try:
        torch.save(state, watched)
    except Exception:
        if watched.error is not None:
            raise watched.error from None
        raise
