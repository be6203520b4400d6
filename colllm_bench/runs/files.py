"""Files that are whole or not there, and one-line errors when the disk says no."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from colllm_bench.errors import ColllmError, ConfigError, RunError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
REFUSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def disk_error(path: Path, error: OSError) -> ColllmError:
    """The one line for a write that the system refused; it says what is safe."""
    if error.errno in FULL:
        return RunError(
            f"no space left to write {path} ({error.strerror}); every earlier checkpoint is "
            "whole: free some space and run again with --resume"
        )
    if error.errno in REFUSED or error.errno in (errno.ENOTDIR, errno.EEXIST):
        return ConfigError(
            f"cannot write {path}: {error.strerror}",
            allowed="a folder that you may write to",
            fix="--out FOLDER, or mend the permissions (a run goes on with --resume)",
        )
    return RunError(f"cannot write {path}: {error.strerror}; mend it and run again with --resume")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around every write: a refusal of the system becomes a :class:`ColllmError`."""
    try:
        yield
    except OSError as error:
        raise disk_error(path, error) from error


def atomic_write(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Let ``write`` fill a file that appears under ``path`` only when it is whole.

    Raises:
        RunError, ConfigError: no space, no permission; the old content of ``path`` stays.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with writing(path):
            with open(temporary, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            sync(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """:func:`atomic_write` of a text, as UTF-8."""
    atomic_write(path, lambda file: file.write(text.encode("utf-8", "replace")))


def write_json(path: Path, data: Any) -> None:
    """:func:`atomic_write` of ``data`` as indented JSON."""
    write_text(path, json.dumps(plain(data), indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        RunError: the file is missing or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read {path}: {error}") from error


def append_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Append JSON lines, all of them or none: what was half written is cut off again."""
    lines = [json.dumps(plain(row), ensure_ascii=False, allow_nan=False) for row in rows]
    data = memoryview("".join(line + "\n" for line in lines).encode("utf-8", "replace"))
    with writing(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            before = os.fstat(descriptor).st_size
            try:
                while data:
                    data = data[os.write(descriptor, data) :]
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, before)
                raise
        finally:
            os.close(descriptor)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON-lines file; a missing file has none, and a torn last line is left out."""
    return list(iterate_lines(path))


def iterate_lines(path: Path) -> Iterator[dict[str, Any]]:
    """As :func:`read_lines`, a row at a time: whoever stops early reads no further."""
    return (row for _, row in _whole_lines(path))


def lines_from(path: Path, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Whole rows from the byte ``offset`` on, and the offset after them."""
    lines = list(_whole_lines(path, offset))
    return [row for _, row in lines], lines[-1][0] if lines else offset


def truncate_lines(path: Path, keep: Callable[[dict[str, Any]], bool]) -> int:
    """Cut the file at its first line that is torn or not to be kept; how many lines stay."""
    kept, end = 0, 0
    for after, row in _whole_lines(path):
        if not keep(row):
            break
        kept, end = kept + 1, after
    if path.exists() and path.stat().st_size != end:
        with writing(path), open(path, "r+b") as file:
            file.truncate(end)
            os.fsync(file.fileno())
    return kept


def _whole_lines(path: Path, start: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    """(offset of the line's end, row) up to the first line that is not whole."""
    if not path.exists():
        return
    end = start
    with open(path, "rb") as file:
        file.seek(start)
        for line in file:
            try:
                row = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                row = None
            if not isinstance(row, dict):
                return
            end += len(line)
            yield end, row


def lock_folder(path: Path) -> int | None:
    """A descriptor that holds the folder until it is closed or the process ends, however.

    Returns:
        None on a file system that knows no locks.

    Raises:
        ConfigError: another process holds it.
    """
    import fcntl

    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ConfigError(
            f"another process is writing {path}", fix="wait for it, or --name NAME"
        ) from None
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def is_locked(path: Path) -> bool:
    """Whether another process holds the folder now (:func:`lock_folder`)."""
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False  # not there: nobody holds it
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # a file system that knows no locks
    finally:
        os.close(descriptor)
    return False


def missing_folders(path: Path) -> list[Path]:
    """The folders of ``path``, itself included, that do not exist yet, the innermost first."""
    folders = (path, *path.parents)
    return list(itertools.takewhile(lambda folder: not folder.exists(), folders))


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove the folders that are empty, in this order; others, and what is no folder, stay."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def sync(path: Path) -> None:
    """Ask the system to put a file or a folder's entries on the disk; best effort."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def plain(value: Any) -> Any:
    """``value`` as JSON can say it: scalars of arrays as numbers, NaN and infinity as null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # numpy and torch, arrays and scalars alike
        return plain(value.tolist())
    if isinstance(value, (set, frozenset)):
        return sorted(map(plain, value), key=str)  # sets have no order that files could keep
    return str(value)
