"""A grid of settings: lists of values, and the run configurations that they span. No torch.

From the command line every setting takes values with commas between them; from a TOML file,
lists. ``[[grid]]`` tables of a file are grids of their own, for settings that belong together.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from colllm_bench import cli
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError, unknown_name

BOOLEANS = {"true": True, "false": False}


@dataclass
class Grid:
    """What varies: the values of each setting and of each option of the environment."""

    settings: dict[str, list[Any]] = field(default_factory=dict)
    options: dict[str, list[Any]] = field(default_factory=dict)

    def overridden_by(self, other: Grid) -> Grid:
        """This grid, but for the settings and options that ``other`` has."""
        return Grid(self.settings | other.settings, self.options | other.options)

    def configs(self) -> Iterator[RunConfig]:
        """Every combination, the first setting outermost; seeds before all others: if time
        runs out, every setting has had the same number of them."""
        names = sorted(self.settings, key=lambda name: name != "seed")
        axes = [self.settings[name] for name in names]
        for values in itertools.product(*axes, *self.options.values()):
            settings, rest = values[: len(names)], values[len(names) :]
            options = dict(zip(self.options, rest, strict=True))
            settings = dict(zip(names, settings, strict=True))
            yield RunConfig.of(**settings, env_options=options)


def configs(grids: list[Grid]) -> Iterator[RunConfig]:
    """The configurations of all grids, each once, seeds outermost."""
    seen, distinct = set(), []
    for config in itertools.chain.from_iterable(grid.configs() for grid in grids):
        key = json.dumps(config.to_dict(), sort_keys=True)
        if key not in seen:
            seen.add(key)
            distinct.append(config)
    seeds = list(dict.fromkeys(config.seed for config in distinct))
    yield from sorted(distinct, key=lambda config: seeds.index(config.seed))


def add_grid_options(
    parser: argparse.ArgumentParser, algo: str, env: str | None = None
) -> None:
    """A flag for every setting of a run and of the algorithms ``algo`` (with commas), with
    values between commas; ``env`` as in :func:`colllm_bench.cli.add_config_options`."""
    cli.add_config_options(parser, _add_many, algo=algo, env=env)


def _add_many(
    group: Any, flag: str, kind: Any, help_text: str, choices: Sequence[str] = ()
) -> None:
    if kind is bool:
        read = _values_of(kind)
        group.add_argument(
            flag, type=read, nargs="?", const=[True], metavar="true,false", help=help_text
        )
        off = f"--no-{flag[2:]}"
        name = flag[2:].replace("-", "_")
        opposite = help_text if help_text == argparse.SUPPRESS else "its opposite"
        group.add_argument(off, action="store_const", const=[False], dest=name, help=opposite)
        return
    metavar = f"{cli.metavar_of(kind, choices)},..."
    group.add_argument(flag, type=_values_of(kind), metavar=metavar, help=help_text)


def _values_of(kind: Any) -> Any:
    """A parser of ``"a,b"`` that argparse can name in its complaints."""

    def values(text: str) -> list[Any]:
        parsed = [one(part.strip()) for part in text.split(",")]
        if len(set(parsed)) < len(parsed):
            raise argparse.ArgumentTypeError(f"{text!r} has a value twice")
        return parsed

    def one(text: str) -> Any:
        try:
            if not text:
                raise ValueError
            return BOOLEANS[text] if kind is bool else cli.reader_of(kind)(text)
        except (ValueError, KeyError):
            allowed = {int: "whole numbers", float: "numbers", bool: "true, false"}
            raise argparse.ArgumentTypeError(
                f"{text!r} is none of its values; allowed: {allowed.get(kind, 'names')}, with "
                "commas between"
            ) from None

    return values


def read_grids(args: argparse.Namespace, also: tuple[str, ...]) -> tuple[list[Grid], dict]:
    """The grids that the flags and the file describe: flags go before the file, a ``[[grid]]``
    before what the file says for all.

    Args:
        args: from a parser with :func:`add_grid_options`.
        also: keys that the file may have beside the settings.

    Returns:
        The grids, and the values of ``also`` that the file has.

    Raises:
        ConfigError: the file cannot be read, or has an unknown key or a value of the wrong
            kind; an option of the environment is no pair.
    """
    flags, file = _flags(vars(args)), {}
    if "config" in vars(args):
        file = cli.load_toml(args.config)
    tables = file.pop("grid", [{}])
    path = vars(args).get("config", "")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"grid in {path} is no table", allowed="[[grid]] tables")
    others = {}
    for key in [key for key in file if key.replace("-", "_") in also]:
        others[key.replace("-", "_")] = cli.of_command(path, key, file.pop(key))
    base = Grid()
    for preset in cli.preset_files(args.preset) if "preset" in vars(args) else ():
        base = base.overridden_by(_table(preset, cli.load_toml(preset)))
    base = base.overridden_by(_table(path, file))
    grids = [base.overridden_by(_table(path, table)).overridden_by(flags) for table in tables]
    return grids, others


def _flags(options: dict[str, Any]) -> Grid:
    grid = Grid()
    other = {"env_options", "algo_options", *cli.SHORTHANDS}
    kinds = cli.config_kinds()
    for name in options:  # in the order in which they were given: a set's differs by process
        if name in kinds and name not in other:
            grid.settings[name] = options[name]
    for pair in options.get("algo_options", []):
        key, values = _option(pair)
        grid.settings[key] = values
    for pair in options.get("env_options", []):
        key, values = _option(pair)
        grid.options[key] = values
    grid.options |= {name: options[name] for name in cli.SHORTHANDS if name in options}
    return grid


def _option(pair: str) -> tuple[str, list[Any]]:
    """``level=1,2`` as ("level", [1, 2]); what is JSON as a whole (``size=[3,4]``) is one."""
    key, value = cli.pair(pair)
    if isinstance(value, str) and "," in value and f'"{value}"' not in pair:
        return key, [cli.pair(f"{key}={part}")[1] for part in value.split(",")]
    return key, [value]


def _table(path: str, table: dict[str, Any]) -> Grid:
    """A table of a file: a value or a list of them for each setting."""
    kinds, grid = cli.config_kinds(), Grid()
    for key, value in table.items():
        name = key.replace("-", "_")
        if name == "env_options":
            options = cli.of_kind(path, key, value, dict)
            grid.options |= {k: v if isinstance(v, list) else [v] for k, v in options.items()}
        elif name in ("seed", "seeds"):
            grid.settings["seed"] = cli.parse_seeds(value)
        elif name in kinds:
            values = value if isinstance(value, list) else [value]
            if not values:
                raise ConfigError(f"{key} = [] in {path} has no value", fix="leave it out")
            values = [cli.of_kind(path, key, one, kinds[name]) for one in values]
            (grid.options if name in cli.SHORTHANDS else grid.settings)[name] = values
        else:
            known = [*kinds, "seeds", "grid"]
            raise unknown_name(f"setting in {path}", key, known, "see --help")
    return grid
