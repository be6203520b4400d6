"""The folder of an evaluation and its record."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from colllm_bench.errors import ConfigError
from colllm_bench.runs import files
from colllm_bench.runs.provenance import environment

FORMAT = 1


def digest(settings: dict[str, Any]) -> str:
    """Eight hex digits that name an evaluation's settings."""
    text = json.dumps(files.plain(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


class Folder:
    """An evaluation's folder, locked; its record says how far it is.

    Args:
        path: the folder; may hold the same evaluation, finished or not.
        settings: all that decides its numbers.
        name: of the record's file.

    Raises:
        ConfigError: the folder holds something else, or another process writes it.
    """

    def __init__(self, path: Path, settings: dict[str, Any], name: str = "evaluation.json"):
        self.path, self.file = path, path / name
        self.record: dict[str, Any] = {"format": FORMAT, "digest": digest(settings), **settings}
        before = self._before()
        self._new_folders = files.missing_folders(path)
        with files.writing(path):
            path.mkdir(parents=True, exist_ok=True)
        self._lock = files.lock_folder(path)
        self.begun = before if before and not before["complete"] else None
        self.record["environment"] = environment()

    def _before(self) -> dict[str, Any] | None:
        if not self.path.exists():
            return None
        if not self.file.exists():
            if not self.path.is_dir() or any(p.name[0] != "." for p in self.path.iterdir()):
                raise ConfigError(
                    f"{self.path} holds files already, and no {self.file.name}", fix="--name NAME"
                )
            return None
        before = files.read_json(self.file)
        if not isinstance(before, dict) or before.get("digest") != self.record["digest"]:
            raise ConfigError(
                f"{self.path} holds an evaluation with other settings", fix="--name NAME"
            )
        return before

    def write(self, complete: bool, **found: Any) -> None:
        """Write the record with what is ``found`` so far."""
        self.record |= found | {"complete": complete}
        files.write_json(self.file, self.record)

    @property
    def holds_work(self) -> bool:
        """Whether something lies here that the same call need not do again."""
        done = self.record.get("held_out") or self.record.get("cells")
        return bool(done) or any(self.path.glob("requests-*.jsonl"))

    def close(self) -> None:
        """Release the lock; a folder in which nothing was done yet goes."""
        if self._lock is None:
            return
        if not self.holds_work:
            with contextlib.suppress(OSError):
                self.file.unlink(missing_ok=True)
            files.remove_empty([self.path, *self._new_folders])
        os.close(self._lock)
        self._lock = None
