"""The folder of an evaluation and its record."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from colllm_bench.cli.origin import origin_of
from colllm_bench.errors import ColllmError, ConfigError, RunError
from colllm_bench.runs import files
from colllm_bench.runs.provenance import environment

FORMAT = 1


def digest(settings: dict[str, Any]) -> str:
    """Eight hex digits that name an evaluation's settings."""
    text = json.dumps(files.plain(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def slug(text: str) -> str:
    """``text`` as part of a file's name."""
    return re.sub(r"[^\w.+=-]+", "-", text).strip("-.") or "team"


class EvaluationFolder:
    """An evaluation's folder, locked; its record says how far it is.

    Args:
        path: the folder; may hold the same evaluation, finished or not.
        settings: everything that decides its numbers.
        name: of the record's file.

    Attributes:
        unfinished: the record that an interrupted call has left, or None.

    Raises:
        ConfigError: the folder holds something else, or another process writes it.
    """

    def __init__(self, path: Path, settings: dict[str, Any], name: str = "evaluation.json"):
        self.path, self.file = path, path / name
        self.record: dict[str, Any] = {"format": FORMAT, "digest": digest(settings), **settings}
        earlier = self._read_earlier()
        self._new_folders = files.missing_folders(path)
        with files.writing(path):
            path.mkdir(parents=True, exist_ok=True)
        self._lock = files.lock_folder(path)
        self.unfinished = earlier if earlier and not earlier["complete"] else None
        self.record["environment"] = environment()

    def _read_earlier(self) -> dict[str, Any] | None:
        if not self.path.exists():
            return None
        if not self.file.exists():
            if not self.path.is_dir() or any(p.name[0] != "." for p in self.path.iterdir()):
                raise ConfigError(
                    f"{self.path} holds files already, and no {self.file.name}", fix="--name NAME"
                )
            return None
        earlier = files.read_json(self.file)
        if not isinstance(earlier, dict) or earlier.get("digest") != self.record["digest"]:
            raise ConfigError(
                f"{self.path} holds an evaluation with other settings", fix="--name NAME"
            )
        return earlier

    def write(self, complete: bool, **entries: Any) -> None:
        """Add ``entries`` to the record and write it."""
        self.record |= entries | {"complete": complete}
        files.write_json(self.file, self.record)

    @property
    def holds_work(self) -> bool:
        """Whether there are results or answers that the same call would use again."""
        done = self.record.get("held_out") or self.record.get("cells")
        return bool(done) or any(self.path.glob("requests-*.jsonl"))

    def close(self) -> None:
        """Release the lock; remove the folder if nothing was done in it."""
        if self._lock is None:
            return
        if not self.holds_work:
            with contextlib.suppress(OSError):
                self.file.unlink(missing_ok=True)
                files.remove_empty([self.path, *self._new_folders])
        os.close(self._lock)
        self._lock = None


@contextlib.contextmanager
def keeping(folder: EvaluationFolder) -> Iterator[None]:
    """Close the folder after an evaluation's work; at Ctrl-C the message says what is kept."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        kept = "the same command goes on" if folder.holds_work else "nothing was played yet"
        raise type(interrupt)(f"interrupted; {kept}") from None
    finally:
        folder.close()


@contextlib.contextmanager
def named_failure(label: str) -> Iterator[None]:
    """Around the play of a team: an unexpected exception becomes one line that names the team.

    Raises:
        RunError: in place of any exception that is not one of this package.
    """
    try:
        yield
    except ColllmError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or "no message"
        origin = origin_of(error)
        reason += f", raised by {origin}" if origin else ""
        raise RunError(
            f"playing {label} failed: {type(error).__name__}: {reason}; what was finished is "
            "kept: the same command goes on (--debug shows the traceback)"
        ) from error


def open_folder(
    settings: dict[str, Any],
    names: Sequence[str],
    *,
    out: str | Path = "results",
    name: str | None = None,
    file: str = "evaluation.json",
) -> EvaluationFolder:
    """The folder ``OUT/evaluations/ENV/NAME``.

    Args:
        settings: everything that decides the numbers; ``env`` is the environment's id.
        names: of the teams, for a default name.
        name: of the folder; None: from ``names`` and ``settings``.
        file: name of the record.

    Raises:
        ConfigError: ``name`` is no folder name, or the folder holds something else.
    """
    if name is None:
        name = f"{'+'.join(map(slug, names))[:60]}-{digest(settings)}"
    elif re.sub(r"[\w.+=-]", "", name) or name.startswith("."):
        raise ConfigError(
            f"--name {name!r} is no folder name", allowed="letters, digits and _ . + = -"
        )
    env = settings["env"].rpartition("_v")[0]
    return EvaluationFolder(Path(out) / "evaluations" / env / name, settings, file)
