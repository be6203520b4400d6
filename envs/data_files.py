"""Rows of a data file, whoever wrote it: the one reader of all environments.

A file is JSON Lines or one JSON array, in UTF-8, with or without a byte order mark, gzipped or not.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from colllm_bench.envs.answers import whole_characters
from colllm_bench.errors import ConfigError

GZIP = b"\x1f\x8b"
_ARRAY = re.compile(r"\s*\[\s*(?:\{|\]\s*\Z)")
"""The begin of an array of objects; lines may be arrays too, and are none of ours."""


def rows(path: Path) -> Iterator[tuple[str, Any]]:
    """(place, value) of each row: ``line 3`` of JSON Lines, ``item 3`` of an array.

    Lines end at line feeds only: other separators may stand within strings. Lone surrogates
    become U+FFFD.

    Raises:
        ConfigError: the file cannot be read, is no UTF-8, or a row is no JSON; names it.
    """
    text = _text(path)
    if _ARRAY.match(text):
        for number, item in enumerate(_value(text, str(path)), 1):
            yield f"item {number}", clean(item)
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"line {number}", clean(_value(line, f"{path}, line {number}"))


def clean(value: Any) -> Any:
    """``value`` with U+FFFD for lone surrogates in all texts within."""
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {whole_characters(key): clean(item) for key, item in value.items()}
    return value


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data.startswith(GZIP):
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"data file {str(path)!r} cannot be read: no UTF-8 text: {error}",
            fix="save it as UTF-8",
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(
            f"data file {str(path)!r} cannot be read: {error}",
            fix="a text file in UTF-8, or one packed with gzip",
        ) from error


def _value(line: str, where: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{where}: no JSON: {error}", fix="one JSON object a line, or one array"
        ) from error
