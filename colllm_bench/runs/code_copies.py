"""Copies of the files that a run's environment and algorithm came from (``./file.py:Class``).

A run is evaluated and resumed from any folder: where the file that it names is not found, its
copy in the run folder takes its place. A copy is one file; what it imports must be importable.
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.registry.loading import take_in_place_of
from colllm_bench.runs import files

CODE = "code"
"""The folder of the copies in a run folder."""


def keep_code(run: Path, config: RunConfig) -> None:
    """Copy the files that hold the environment and the algorithm into the run folder, and note
    in ``environment.json`` under ``code``, by the path as it was given: ``copy`` (the file's name
    in :data:`CODE`) and ``sha256``. Nothing is done where both have names or stand in modules.

    Raises:
        ConfigError, RunError: the folder cannot be written.
    """
    code: dict[str, dict[str, str]] = {}
    for spec in (registry.env_spec(config.env), registry.algorithm_spec(config.algo)):
        given = spec.entry.rpartition(":")[0]
        path = Path(given)
        if path.suffix == ".py" and path.is_file() and given not in code:
            taken = {about["copy"] for about in code.values()}
            name = f"{path.stem}_2.py" if path.name in taken else path.name
            code[given] = {"copy": name, "sha256": _digest(path)}
    if not code:
        return
    noted = files.read_json(run / "environment.json")
    files.write_json(run / "environment.json", {**noted, "code": code})
    with files.writing(run / CODE):
        (run / CODE).mkdir(exist_ok=True)
    for given, about in code.items():
        content = Path(given).read_bytes()
        files.atomic_write(run / CODE / about["copy"], lambda file, data=content: file.write(data))


def find_code(run: Path, recorded: dict[str, Any]) -> None:
    """Have the files that a run's settings name found in this process, by their copies where they
    are not there. Warns of a file that is there with another content than the run had.

    Args:
        recorded: ``environment.json``.
    """
    for given, about in recorded.get("code", {}).items():
        copy = run / CODE / Path(about["copy"]).name
        if not Path(given).is_file():
            take_in_place_of(given, copy)
        elif _digest(Path(given)) != about["sha256"]:
            warnings.warn(
                f"{given} is not as it was when {run} was started; that file is {copy}",
                stacklevel=2,
            )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
