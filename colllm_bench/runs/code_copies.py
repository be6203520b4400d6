"""Copies of the files that a run's environment and algorithm came from (``./file.py:Class``).

A run is evaluated and resumed from any folder: where the file that it names is not found, its
copy in the run folder takes its place. The files beside it that it imports are copied too
(:mod:`colllm_bench.registry.beside`); what else it imports must be importable.
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.registry.beside import files_beside
from colllm_bench.registry.loading import take_in_place_of
from colllm_bench.runs import files

CODE = "code"
"""The folder of the copies in a run folder."""


def keep_code(run: Path, config: RunConfig) -> None:
    """Copy the files that hold the environment and the algorithm into the run folder, with those
    beside them that they import, and note in ``environment.json`` under ``code``, by the path as
    it was given: ``copy`` (the file's place in :data:`CODE`), ``sha256``, and ``beside`` (the
    SHA-256 of each file beside it, by its place as seen from that file). Nothing is done where
    both have names or stand in modules.

    Raises:
        ConfigError, RunError: the folder cannot be written.
    """
    named = (registry.env_spec(config.env).entry, registry.algorithm_spec(config.algo).entry)
    given = dict.fromkeys(entry.rpartition(":")[0] for entry in named)
    paths = {name: Path(name) for name in given if name.endswith(".py") and Path(name).is_file()}
    if not paths:
        return
    folders = list(dict.fromkeys(path.resolve().parent for path in paths.values()))
    code, contents = {}, {}
    for name, path in paths.items():
        number = folders.index(path.resolve().parent)  # of another folder: a folder of its own
        about, own = _copies(path, Path(str(number + 1)) if number else Path())
        code[name] = about
        contents.update(own)
    noted = files.read_json(run / "environment.json")
    files.write_json(run / "environment.json", {**noted, "code": code})
    for place, content in contents.items():
        with files.writing(run / CODE):
            (run / CODE / place).parent.mkdir(parents=True, exist_ok=True)
        files.atomic_write(run / CODE / place, lambda file, data=content: file.write(data))


def _copies(path: Path, place: Path) -> tuple[dict[str, Any], dict[Path, bytes]]:
    """What is noted of a file, and the contents of the files to write, by their places."""
    contents = {place / path.name: path.read_bytes()}
    about: dict[str, Any] = {"copy": str(place / path.name), "sha256": _digest(path)}
    for file in files_beside(path):
        within = file.relative_to(path.resolve().parent)
        contents[place / within] = file.read_bytes()
        about.setdefault("beside", {})[str(within)] = _digest(file)
    return about, contents


def find_code(run: Path, recorded: dict[str, Any]) -> None:
    """Have the files that a run's settings name found in this process, by their copies where they
    are not there. Warns of a file that is there with another content than the run had.

    Args:
        recorded: ``environment.json``.
    """
    for given, about in recorded.get("code", {}).items():
        copy = run / CODE / about["copy"]
        if not copy.resolve().is_relative_to((run / CODE).resolve()):
            raise ConfigError(
                f"{run}: the copy of {given} is outside of it ({about['copy']})",
                fix="do not use a folder that was made so",
            )
        if not Path(given).is_file():
            take_in_place_of(given, copy)
            continue
        then = {Path(given).name: about["sha256"], **about.get("beside", {})}
        for name, digest in then.items():
            file = Path(given).parent / name
            if not file.is_file() or _digest(file) != digest:
                warnings.warn(
                    f"{file} is not as it was when {run} was started; that file is "
                    f"{copy.parent / name if name != Path(given).name else copy}", stacklevel=2,
                )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
