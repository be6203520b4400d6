"""What a folder holds: nothing, a run of these settings, or something that must not be touched.

Reads only; :mod:`colllm_bench.runs.folder` writes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from colllm_bench.config import RunConfig, fields_without_effect
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.runs import files
from colllm_bench.runs.code_copies import CODE, find_code
from colllm_bench.runs.origin import base_digest, recorded_environment
from colllm_bench.runs.replays import REPLAYS

SUBFOLDERS = ("checkpoints", "transcripts", REPLAYS)
"""Folders that every run folder has from its start on."""


def holds_run(path: str | Path) -> bool:
    """Whether a run was started in this folder."""
    return (Path(path) / "config.json").exists()


def read_config(path: str | Path) -> RunConfig:
    """The configuration that a run folder recorded. From now on the files that it names are found
    by their copies (:mod:`colllm_bench.runs.code_copies`).

    Raises:
        ConfigError: no run lies there, or one of another version with other fields.
    """
    path = Path(path)
    if not holds_run(path):
        seeds = sorted(path.glob("seed*/config.json"))
        raise ConfigError(
            f"{path} holds no run", allowed="a folder with a config.json",
            fix=f"one of its runs, such as {seeds[0].parent}" if seeds else "check the path",
        )
    try:
        find_code(path, recorded_environment(path))
        return RunConfig.from_dict(files.read_json(path / "config.json")["config"])
    except (TypeError, KeyError, RunError) as error:
        raise ConfigError(
            f"{path / 'config.json'} cannot be read by this version ({error})",
            fix="resume with the version in environment.json, or start anew with another --name",
        ) from error


def run_status(path: str | Path, config: RunConfig) -> str:
    """How far a run of ``config`` (resolved) is in this folder: ``new``, ``started`` or
    ``complete``. Touches nothing.

    Raises:
        ConfigError: the folder holds something else, or a run of another configuration (each
            key is named, with both values).
    """
    path = Path(path)
    if not holds_run(path):
        check_free(path)
        return "new"
    extends = "episodes" in refuse_changes(path, read_config(path), config)
    return "complete" if (path / "summary.json").exists() and not extends else "started"


def check_free(path: str | Path) -> None:
    """Refuse a folder that holds something or cannot be written; creates nothing.

    Raises:
        ConfigError: names the folder and the ways out.
    """
    path = Path(path)
    with files.writing(path):
        taken = path.exists() and any(not _leftover(entry) for entry in path.iterdir())
    if taken:
        what = "a complete run" if (path / "summary.json").exists() else "files already"
        ways = "--resume to go on with it, or " if holds_run(path) else ""
        if ways and (path / "summary.json").exists():
            ways = "--resume to see it, with more --episodes to go on with it, or "
        raise ConfigError(f"{path} holds {what}", fix=f"{ways}--name NAME for a new run beside it")
    parent = path
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir():
        raise ConfigError(f"cannot write {path}: {parent} is no folder", fix="--out FOLDER")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ConfigError(f"cannot write {path}: {parent} is read-only", fix="--out FOLDER")


def _leftover(entry: Path) -> bool:
    """What a run that was killed or failed before it learned anything leaves behind."""
    if entry.name == CODE and (entry.parent / "environment.json").exists():
        return True
    if entry.is_dir():
        return entry.name in SUBFOLDERS and not any(entry.iterdir())
    started = entry.name in ("environment.json", "error.txt")
    return started or (entry.name[0] == "." and entry.suffix == ".tmp")


def refuse_changes(path: Path, recorded: RunConfig, config: RunConfig) -> dict[str, Any]:
    """The fields that may change and did; raises ConfigError for others."""
    changed = _changes(recorded, config)
    # A base that lies elsewhere now; its digest is compared once it is loaded.
    movable = {"model"} if base_digest(path) else set()
    if config.episodes > recorded.episodes:  # goes on for longer
        if recorded.curriculum == "anneal":
            raise ConfigError(
                f"{path} cannot go on for longer: its curriculum faded over "
                f"{recorded.episodes} episodes", fix="--name NAME for a new run",
            )
        if recorded.lr_schedule == "linear":
            raise ConfigError(
                f"{path} cannot go on for longer: its learning rate fell to 0 over "
                f"{recorded.episodes} episodes", fix="--name NAME for a new run",
            )
        warmup = recorded.algo_options.get("critic_warmup") or 0
        learned = recorded.algo_options.get("critic", "learned") == "learned"
        if learned and recorded.iterations <= warmup:
            raise ConfigError(
                f"{path} cannot go on for longer: in its {recorded.iterations} iterations the "
                f"critic warmed up for fewer than critic_warmup={warmup}, and the actors of a "
                "longer run would have waited", fix="--name NAME for a new run",
            )
        movable |= {"episodes"}
    if changed.keys() - fields_without_effect() - movable:
        named = ", ".join(f"{k} was {a!r}, is now {b!r}" for k, (a, b) in changed.items())
        raise ConfigError(
            f"{path} was started with another configuration: {named}",
            fix=f"--resume {path} alone (with more --episodes it goes on for longer), or --name "
            "NAME for a new run",
        )
    return changed


def _changes(old: RunConfig, new: RunConfig) -> dict[str, tuple[Any, Any]]:
    """Fields that differ, with both values."""
    before, after = _flat(old), _flat(new)
    return {
        key: (before.get(key), after.get(key))
        for key in before | after if before.get(key) != after.get(key)
    }


def _flat(config: RunConfig) -> dict[str, Any]:
    """Settings and options of the algorithm side by side."""
    settings = files.plain(config.to_dict())
    return settings | settings.pop("algo_options")
