"""Reading files that a stranger made: standard JSON only, and no links out of the folder."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

MIB = 2**20
JSON_LIMIT = 32 * MIB
FILES_LIMIT = 20_000
DIGITS = 25
"""Digits of the longest whole number: longer ones cost time with the square of their length."""
DEPTH = 24
"""Brackets within brackets."""
LINE_LIMIT = MIB // 16
"""Longest line of a file of JSON lines, in bytes."""


class InvalidSubmission(Exception):
    """A file of a submission cannot be accepted; the message is the reason."""


def parse_json(data: bytes, name: str) -> Any:
    """JSON as the standard defines it, without Python's extensions.

    Raises:
        InvalidSubmission: no UTF-8, no JSON, a key twice in one object (readers differ in which
            they take), NaN, infinity or a number beyond float64, or deep nesting.
    """
    if len(data) > JSON_LIMIT:
        raise InvalidSubmission(f"{name} has {len(data)} bytes; at most {JSON_LIMIT} are read")
    try:
        data = json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_constant,
            parse_int=_whole, parse_float=_real,
        )
    except RecursionError:
        raise InvalidSubmission(f"{name} nests deeper than {DEPTH} levels") from None
    except ValueError as error:  # of the decoder, and of the hooks below
        raise InvalidSubmission(f"{name} is no JSON that can be taken: {error}") from None
    _check_depth(data, name)
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in names if names.count(key) > 1)
        raise ValueError(f"the key {twice[:60]!r} stands twice in one object")
    return unique


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _whole(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is beyond what a float64 holds")
    return value


def _check_depth(value: Any, name: str) -> None:
    level = [value]
    for _ in range(DEPTH):
        level = [
            item for outer in level if isinstance(outer, (dict, list))
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise InvalidSubmission(f"{name} nests deeper than {DEPTH} levels")


def listing(folder: Path) -> dict[str, int]:
    """Every file below ``folder`` by its path with slashes, and its size in bytes.

    Raises:
        InvalidSubmission: a link, something that is no plain file, or too many files. Nothing is
            opened.
    """
    sizes: dict[str, int] = {}
    for path, status in _walk(folder):
        name = path.relative_to(folder).as_posix()
        if stat.S_ISLNK(status.st_mode):
            raise InvalidSubmission(
                f"{name} is a symbolic link, which may lead out of the submission"
            )
        if not stat.S_ISREG(status.st_mode):
            raise InvalidSubmission(f"{name} is no plain file")
        sizes[name] = status.st_size
        if len(sizes) > FILES_LIMIT:
            raise InvalidSubmission(f"more than {FILES_LIMIT} files")
    return sizes


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """All that is no folder, links to folders included."""
    for root, below, names in os.walk(folder, followlinks=False):
        links = [name for name in below if (Path(root) / name).is_symlink()]
        for name in sorted([*names, *links]):
            path = Path(root) / name
            yield path, path.lstat()


def read_bytes(path: Path, name: str, limit: int) -> bytes:
    """A plain file's content.

    Raises:
        InvalidSubmission: it is a link, or longer than ``limit`` bytes.
    """
    with _open(path, name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InvalidSubmission(f"{name} is longer than {limit} bytes")
    return data


def rows_of(path: Path, name: str) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines, one at a time, so that a reader may stop early.

    Raises:
        InvalidSubmission: a line that is too long or no object (:func:`parse_json`).
    """
    with _open(path, name) as file:
        for count in itertools.count(1):
            line = file.readline(LINE_LIMIT + 1)
            if not line:
                return
            if len(line) > LINE_LIMIT:
                raise InvalidSubmission(f"line {count} of {name} is longer than {LINE_LIMIT} bytes")
            row = parse_json(line, f"line {count} of {name}")
            if not isinstance(row, dict):
                raise InvalidSubmission(f"line {count} of {name} is no object")
            yield row


def _open(path: Path, name: str) -> BinaryIO:
    """A plain file, to be read. Raises InvalidSubmission if it is a link, or no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise InvalidSubmission(f"{name} cannot be read: {error.strerror}") from None
    file = open(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise InvalidSubmission(f"{name} is no plain file")
    return file


def sha256(path: Path) -> str:
    """The digest of a file, read in pieces."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(MIB):
            digest.update(piece)
    return digest.hexdigest()


def digest_of(data: Any) -> str:
    """The digest of what JSON says, whatever its spacing and the order of its keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
