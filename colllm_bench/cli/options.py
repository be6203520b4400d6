"""Flags and TOML files from :class:`RunConfig`: one definition of a setting serves both."""

from __future__ import annotations

import argparse
import json
import sys
import typing
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from colllm_bench.cli.field_docs import field_docs
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError, unknown_name

SHORTHANDS: dict[str, type] = {
    "level": int, "turns": int, "reward": str, "messages": bool, "task": str, "data": str,
}
"""Options of the built-in environments with a flag of their own."""


LETTERS = {int: "N", float: "X", str: "NAME"}
"""What stands for a value in a help text."""


def add_config_options(
    parser: argparse.ArgumentParser,
    add: Callable | None = None,
    only: Sequence[str] | None = None,
) -> None:
    """A flag for every field of :class:`RunConfig`, its docstring as help, and ``--config``.

    Args:
        add: (group, flag, kind, help text), for flags that take something else than one value
            of their kind.
        only: fields that the command reads; None: all.
    """
    add = add or add_option
    kinds, documented = _kinds(), field_docs(RunConfig)
    groups: dict[str, Any] = {}
    for field in fields(RunConfig):
        doc = documented[field.name]
        if only is not None and field.name not in only:
            continue
        if doc.group not in groups:
            groups[doc.group] = parser.add_argument_group(doc.group)
        group, flag, kind = groups[doc.group], _flag(field.name), kinds[field.name]
        default = None if field.default is MISSING else field.default
        help_text = doc.text.replace("%", "%%")
        if default is not None:
            help_text += f" (default: {default})"
        if kind is dict:
            group.add_argument(
                "--env-option", metavar="KEY=VALUE", action="append", dest=field.name,
                help="a " + help_text.replace("options", "option").replace("pairs", "pair"),
            )
            for name, short in SHORTHANDS.items():
                add(group, f"--{name}", short, f"the same as --env-option {name}=...")
        else:
            add(group, flag, kind, help_text)
    groups["run"].add_argument(
        "--config", metavar="FILE.toml", help="settings by field name; flags go before it"
    )


def add_option(group: Any, flag: str, kind: type, help_text: str) -> None:
    """A flag for one setting of this kind."""
    if kind is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, help=help_text)
    else:
        group.add_argument(flag, type=kind, metavar=LETTERS[kind], help=help_text)


def build_config(
    args: argparse.Namespace, also: Sequence[str] = (), base: RunConfig | None = None
) -> tuple[RunConfig, dict[str, Any]]:
    """The configuration: defaults, below the file, below the flags.

    Args:
        args: from :meth:`Parser.parse`.
        also: keys that the file may have beside the fields.
        base: instead of the defaults (a recorded run's).

    Returns:
        The configuration, and the values of ``also`` that the file has.

    Raises:
        ConfigError: the file cannot be read, has an unknown key or a value of the wrong kind.
    """
    given = vars(args)
    settings = (base or RunConfig()).to_dict()
    options = dict(settings.pop("env_options"))
    file = read_toml(given["config"], also) if "config" in given else {}
    options |= file.pop("env_options", {})
    options |= {name: file.pop(name) for name in SHORTHANDS if name in file}
    others = {name: file.pop(name) for name in also if name in file}
    settings |= file
    options |= dict(map(pair, given.get("env_options", [])))
    options |= {name: given[name] for name in SHORTHANDS if name in given}
    settings |= {name: given[name] for name in settings if name in given}
    return RunConfig(**settings, env_options=options), others


def read_toml(path: str, also: Sequence[str] = ()) -> dict[str, Any]:
    """Settings of a TOML file, keys with ``_`` or ``-``, each of its field's kind."""
    kinds = config_kinds()
    settings = {}
    for key, value in load_toml(path).items():
        name = key.replace("-", "_")
        if name in kinds:
            settings[name] = of_kind(path, key, value, kinds[name])
        elif name in also:
            settings[name] = value
        else:
            raise unknown_name(f"setting in {path}", key, [*kinds, *also], "see --help")
    return settings


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
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"--config {path}: {error.strerror}", fix="check the path") from error
    except ValueError as error:
        raise ConfigError(f"--config {path} is no TOML: {error}", fix="mend that line") from error


def of_kind(path: str, key: str, value: Any, kind: type) -> Any:
    """A value of a file, if it is of its setting's kind. Raises ConfigError if not."""
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ConfigError(
            f"{key} = {value!r} in {path} is of the wrong kind",
            allowed={int: "a whole number", float: "a number", str: "a text in quotes",
                     bool: "true or false", dict: "a table"}[kind],
        )
    return value


def to_toml(config: RunConfig) -> str:
    """The configuration as a file for ``--config``; fields that are None are left out."""
    lines, tables = [], []
    for name, value in config.to_dict().items():
        if isinstance(value, dict):
            tables += [f"\n[{name}]"] + [f"{k} = {json.dumps(v)}" for k, v in value.items()]
        elif value is not None:
            lines.append(f"{name} = {json.dumps(value)}")
    return "\n".join(lines + tables) + "\n"


def command_line(config: RunConfig, always: Sequence[str] = ()) -> list[str]:
    """The arguments of ``run`` that give this configuration: the settings that are no defaults.

    Args:
        always: fields that are named in any case, before all others.
    """
    words, defaults = [], RunConfig().to_dict()
    settings = config.to_dict()
    for name in (*always, *(name for name in settings if name not in always)):
        value, flag = settings[name], _flag(name)
        if isinstance(value, dict):
            for key, option in value.items():
                words += [_flag(name.removesuffix("s")), f"{key}={_option_text(option)}"]
        elif value is None or (name not in always and value == defaults[name]):
            continue
        elif isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        elif str(value).startswith("-"):
            words.append(f"{flag}={value}")  # alone it would be read as a flag
        else:
            words += [flag, str(value)]
    return words


def _option_text(option: Any) -> str:
    """An option's value as :func:`pair` reads it again."""
    plain = isinstance(option, str) and pair(f"key={option}")[1] == option
    return option if plain else json.dumps(option)


def parse_seeds(text: str | int | list) -> list[int]:
    """``"0,1,2"``, ``"0:3"`` (3 is not in it) or a TOML list, as seeds.

    Raises:
        ConfigError: something else, none, or one twice.
    """
    seeds: list[int] = []
    try:
        for part in text if isinstance(text, list) else str(text).split(","):
            first, colon, last = str(part).partition(":")
            seeds += range(int(first or 0), int(last)) if colon else [int(first)]
    except ValueError:
        seeds = []
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise ConfigError(
            f"--seeds {text!r} names no seeds, or one twice", allowed="0,1,2 or 0:3",
            fix="--seeds 0:3",
        )
    return seeds


def pair(text: str) -> tuple[str, Any]:
    """``KEY=VALUE``, the value as JSON where it is some, else as text."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(
            f"--env-option {text!r} is no pair", allowed="KEY=VALUE", fix="--env-option level=2"
        )
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def config_kinds() -> dict[str, type]:
    """What may be set, and of which kind: the fields, and the environments' shorthands."""
    return _kinds() | SHORTHANDS


def _kinds() -> dict[str, type]:
    """The plain type of every field: ``float | None`` is float, ``dict[str, Any]`` dict."""
    kinds = {}
    for name, hint in typing.get_type_hints(RunConfig).items():
        inner = [part for part in typing.get_args(hint) if part is not type(None)]
        plain = hint if typing.get_origin(hint) is dict or not inner else inner[0]
        kinds[name] = typing.get_origin(plain) or plain
    return kinds
