"""Flags and TOML files from :class:`RunConfig`: one definition of a setting serves both."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from colllm_bench import registry
from colllm_bench.cli.environment_help import environment_help
from colllm_bench.cli.flags import LETTERS, NUMBER_OR_NAME, add_option, help_of
from colllm_bench.cli.presets import preset_files, preset_names
from colllm_bench.cli.toml_files import load_toml, of_command, of_kind
from colllm_bench.config import RENAMED, RunConfig
from colllm_bench.errors import ConfigError, unknown_name
from colllm_bench.options import kinds_of, option_of, options_of

SHORTHANDS: dict[str, Any] = {
    "level": NUMBER_OR_NAME, "turns": int, "reward": str, "messages": bool, "task": str,
    "data": str,
}
"""Options of the built-in environments with a flag of their own."""
NUMBER = re.compile(r"[+-]?(\d+\.\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
"""A number with a point that JSON does not read: ``.5``, ``5.``, ``+0.5``."""


def add_config_options(
    parser: argparse.ArgumentParser,
    add: Callable | None = None,
    *,
    role: str | None = None,
    algo: str | None = None,
    env: str | None = None,
) -> None:
    """A flag for every field of :class:`RunConfig`, and ``--config``.

    Args:
        add: (group, flag, kind, help text, choices), for flags that take something else than
            one value of their kind.
        role: only the fields with this role (:class:`colllm_bench.options.Option`); None: all.
        algo: the algorithm (or several, with commas) whose options get flags that the help
            shows; None: no flags for options of algorithms.
        env: the environment (or several, with commas) whose options the help lists; None: no
            list. See :func:`shown_environment`.
    """
    add = add or add_option
    kinds = kinds_of(RunConfig)
    groups: dict[str, Any] = {}
    for field in fields(RunConfig):
        about = option_of(RunConfig, field.name)
        if role is not None and role not in about.roles:
            continue
        if about.group not in groups:
            groups[about.group] = parser.add_argument_group(about.group)
        group = groups[about.group]
        if kinds[field.name] is not dict:
            text = help_of(about, field.default)
            add(group, _flag(field.name), kinds[field.name], text, about.choices)
            continue
        group.add_argument(
            _flag(field.name).removesuffix("s"), metavar="KEY=VALUE", action="append",
            dest=field.name, help=about.help,
        )
        if field.name == "env_options":
            for name, short in SHORTHANDS.items():
                add(group, f"--{name}", short, f"the same as --env-option {name}=...", ())
    for name in env.split(",") if env else ():
        if options := environment_help(name):
            heading = f"options of environment {name}, as --env-option NAME=VALUE"
            parser.add_argument_group(heading, options)
    if algo is not None:
        _add_algorithm_options(parser, add, algo.split(","))
    parser.add_argument(
        "--config", metavar="FILE.toml", help="settings by name; flags go before it"
    )
    if role is None:
        parser.add_argument(
            "--preset", metavar="NAME",
            help="settings for a model by name, below --config and flags; a,b for several: "
            + ", ".join(preset_names()),
        )


def _add_algorithm_options(
    parser: argparse.ArgumentParser, add: Callable, chosen: Sequence[str]
) -> None:
    """A flag for every option of an algorithm. Those of algorithms that were not chosen are
    understood, to be refused by name, and not shown."""
    seen: set[str] = set()
    for name in dict.fromkeys([*chosen, *registry.ALGORITHMS]):
        try:
            options = registry.options_class(name)
        except ConfigError:
            if name in registry.ALGORITHMS:
                raise
            continue  # no such algorithm: said where its name is checked
        kinds = kinds_of(options)  # refuses what is no class of options
        group = parser.add_argument_group(f"algorithm {name}") if name in chosen else parser
        for option, about in options_of(options).items():
            default = next(f.default for f in fields(options) if f.name == option)
            shown = help_of(about, default) if name in chosen else argparse.SUPPRESS
            kind = kinds[option]
            if option not in seen and (kind is bool or kind in LETTERS):  # others: --algo-option
                try:
                    add(group, _flag(option), kind, shown, about.choices)
                except argparse.ArgumentError as error:
                    raise ConfigError(
                        f"option {option!r} of algorithm {name!r} has the name of another flag",
                        fix="give it another name",
                    ) from error
            seen.add(option)


def algorithm_of(argv: Sequence[str]) -> str:
    """The algorithm that a command line names, before it is parsed."""
    return _named(argv, "algo")


def shown_environment(argv: Sequence[str]) -> str | None:
    """The environment whose options a command line asks to see: the one it names, with
    ``--help``; None without: they take reading."""
    return _named(argv, "env") if {"-h", "--help"} & set(argv) else None


def _named(argv: Sequence[str], setting: str) -> str:
    """A setting of the task by a command line: by its flag, its file, the run that goes on."""
    name = _value_of(argv, f"--{setting}")
    if name is None and (path := _value_of(argv, "--config")):
        with contextlib.suppress(ConfigError):
            name = load_toml(path).get(setting)
            name = ",".join(map(str, name)) if isinstance(name, list) else name
    if name is None and (path := _value_of(argv, "--resume")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            recorded = json.loads((Path(path) / "config.json").read_text(encoding="utf-8"))
            name = recorded["config"][setting]
    return str(name or getattr(RunConfig, setting))


def _value_of(argv: Sequence[str], flag: str) -> str | None:
    for k, word in enumerate(argv):
        if word == flag and k + 1 < len(argv):
            return argv[k + 1]
        if word.startswith(flag + "="):
            return word.partition("=")[2]
    return None


def build_config(
    args: argparse.Namespace, also: Sequence[str] = (), base: RunConfig | None = None
) -> tuple[RunConfig, dict[str, Any]]:
    """The configuration: defaults, below presets, below the file, below the flags.

    Args:
        args: from :meth:`Parser.parse`.
        also: keys that the file may have beside the fields.
        base: instead of the defaults (a recorded run's).

    Returns:
        The configuration, and the values of ``also`` that the file has.

    Raises:
        ConfigError: the file cannot be read, has an unknown key or a value of the wrong kind.
    """
    flags = vars(args)
    config = base or RunConfig()
    file = {}
    for path in preset_files(flags["preset"]) if "preset" in flags else ():
        file |= read_toml(path)
    file |= read_toml(flags["config"], also) if "config" in flags else {}
    others = {name: file.pop(name) for name in also if name in file}
    algo = flags.get("algo", file.get("algo", config.algo))
    known = set(algorithm_kinds(algo))
    env_options, algo_options = dict(config.env_options), dict(config.algo_options)
    if algo != config.algo:
        algo_options = {name: algo_options[name] for name in algo_options if name in known}
    env_options |= file.pop("env_options", {})
    algo_options |= file.pop("algo_options", {})
    settings = file | {name: flags[name] for name in config_kinds(algo) if name in flags}
    for key, table in (("env_options", env_options), ("algo_options", algo_options)):
        if key in flags:
            pairs = dict(pair(text, _flag(key).removesuffix("s")) for text in flags[key])
            settings.pop(key, None)
            table |= pairs
    env_options |= {name: settings.pop(name) for name in SHORTHANDS if name in settings}
    fields_here = {field.name for field in fields(RunConfig)}
    algo_options |= {n: settings.pop(n) for n in list(settings) if n not in fields_here}
    return config.replace(**settings, env_options=env_options, algo_options=algo_options), others


def read_toml(path: str, also: Sequence[str] = ()) -> dict[str, Any]:
    """Settings of a TOML file, keys with ``_`` or ``-``, each of its field's kind."""
    table = load_toml(path)
    kinds = config_kinds(str(table.get("algo", RunConfig.algo)))
    settings = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        name = RENAMED.get(name, name)
        if name in kinds:
            settings[name] = of_kind(path, key, value, kinds[name])
        elif name in also:
            settings[name] = of_command(path, key, value)
        else:
            raise unknown_name(f"setting in {path}", key, [*kinds, *also], "see --help")
    return settings


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


def pair(text: str, flag: str = "--env-option") -> tuple[str, Any]:
    """``KEY=VALUE``, the value as JSON (or a number such as ``.5``), else as text."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        example = {"--env-option": "level=2", "--set": "replay=3"}.get(flag, "key=2")
        raise ConfigError(
            f"{flag} {text!r} is no pair", allowed="KEY=VALUE", fix=f"{flag} {example}"
        )
    key = key.replace("-", "_")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, float(value) if NUMBER.fullmatch(value) else value


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def config_kinds(algo: str | None = None) -> dict[str, Any]:
    """What may be set, and of which kind: fields, environments' shorthands, and the options of
    the built-in algorithms and of ``algo``."""
    return kinds_of(RunConfig) | SHORTHANDS | algorithm_kinds(*registry.ALGORITHMS, algo)


def algorithm_kinds(*names: str | None) -> dict[str, type]:
    """The options of these algorithms, and of which kind; unknown names are passed over."""
    kinds: dict[str, type] = {}
    for name in names:
        with contextlib.suppress(ConfigError):
            kinds |= kinds_of(registry.options_class(name)) if name else {}
    return kinds
