"""Which base model a run had: two under one name must not be averaged, and older runs recorded
neither its digest nor its size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from colllm_bench.leaderboard.data.run_reader import Run


def base_digests(
    runs: Sequence[Run], key: Callable[[Run], tuple[str, ...]]
) -> dict[Path, str]:
    """The digest of each run's base model, by the run's path.

    Args:
        runs: complete ones.
        key: what would be averaged but for the base.

    Returns:
        The recorded digest. A run without one has that of the others of its key where these
        agree, and an empty text where they do not: which base it had is not known then.
    """
    recorded: dict[tuple[str, ...], set[str]] = {}
    for run in runs:
        recorded.setdefault(key(run), set()).update({run.base} - {""})
    return {
        run.path: run.base or (min(recorded[key(run)]) if len(recorded[key(run)]) == 1 else "")
        for run in runs
    }


def model_size(run: Run, others: Sequence[Run]) -> int | None:
    """Parameters of a run's base model.

    Args:
        run: whose summary may lack the size.
        others: where it is looked for then: in runs whose untrained team, on the same tasks with
            the same seed, played the same held-out episodes. It is the base without adapters, so
            the base is the same.

    Returns:
        None where no record tells.
    """
    if size := _recorded(run):
        return size
    untrained = run.summary["held_out"].get("untrained")
    sizes = {
        _recorded(other) for other in others
        if _same_place(run, other) and other.summary["held_out"].get("untrained") == untrained
    } - {None}
    return sizes.pop() if untrained and len(sizes) == 1 else None


def _recorded(run: Run) -> int | None:
    return (run.summary.get("parameters") or {}).get("model")


def _same_place(run: Run, other: Run) -> bool:
    """Same tasks, model name and seed: what decides an untrained team's episodes."""
    names: tuple[str, ...] = ("env", "env_options", "agents", "model", "seed", "style")
    told: list[tuple[Any, ...]] = [
        tuple(one.config.get(name) for name in names) for one in (run, other)
    ]
    return told[0] == told[1] and (not (run.base and other.base) or run.base == other.base)
