"""TOML files: read with every complaint in one line, and written from a configuration."""

from __future__ import annotations

import json
import sys
import typing
from pathlib import Path
from typing import Any

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError


def load_toml(path: str) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        ConfigError: it is not there, or is no TOML.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", fix="check the path") from error
    except ValueError as error:
        raise ConfigError(f"{path} is no TOML: {error}", fix="mend that line") from error


def of_kind(path: str, key: str, value: Any, kind: Any) -> Any:
    """A value of a file, if it is of its setting's kind. Raises ConfigError if not."""
    if kind is float and type(value) is int:
        return float(value)
    if type(value) not in (typing.get_args(kind) or (kind,)):
        raise ConfigError(
            f"{key} = {value!r} in {path} is of the wrong kind",
            allowed={int: "a whole number", float: "a number", str: "a text in quotes",
                     bool: "true or false", dict: "a table",
                     int | str: "a whole number, or a text in quotes"}[kind],
        )
    if kind is dict:
        _require_json(path, key, value)
    return value


def of_command(path: str, key: str, value: Any) -> Any:
    """A file's value for an option of the command itself. Raises ConfigError for a path or a
    name that is no text; all others are looked at where they are read."""
    return of_kind(path, key, value, str if key in ("name", "out") else type(value))


def _require_json(path: str, key: str, table: dict[str, Any]) -> None:
    """Refuse what TOML has and a run's record has not: dates and times."""
    for name, value in table.items():
        try:
            json.dumps(value)
        except TypeError as error:
            raise ConfigError(
                f"{key}.{name} = {value} in {path} is of the wrong kind",
                allowed="numbers, texts, true or false, lists and tables", fix="put it in quotes",
            ) from error


def to_toml(config: RunConfig, resolved: RunConfig | None = None) -> str:
    """A configuration as a file for ``--config``.

    Args:
        config: what was chosen; values that are not the defaults are written.
        resolved: the same with every open setting filled in; its other values are comments,
            so that the file still fits another environment or algorithm.
    """
    plain, chosen = RunConfig().to_dict(), config.to_dict()
    shown = resolved.to_dict() if resolved else chosen
    lines, tables = [], []
    for name, value in shown.items():
        if isinstance(value, dict):
            rows = [_toml_line(key, one, key in chosen[name]) for key, one in value.items()]
            tables += [f"\n[{name}]", *filter(None, rows)] if value else []
        else:
            set_here = chosen[name] != plain[name]
            lines.append(_toml_line(name, chosen[name] if set_here else value, set_here))
    return "\n".join([*filter(None, lines), *tables]) + "\n"


def _toml_line(name: str, value: Any, is_set: bool) -> str | None:
    if value is None:
        return None
    return f"{'' if is_set else '# '}{name} = {json.dumps(value)}"
