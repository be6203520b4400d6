"""The command line: one parser for all commands, and flags and TOML files from RunConfig.

May import the core (config, errors, options, registry) and nothing else: ``--help`` must be
quick.
"""

from colllm_bench.cli.arguments import command_line
from colllm_bench.cli.commands import run_command
from colllm_bench.cli.flags import LETTERS, metavar_of, reader_of
from colllm_bench.cli.options import (
    SHORTHANDS,
    add_config_options,
    algorithm_kinds,
    algorithm_of,
    build_config,
    config_kinds,
    pair,
    parse_seeds,
    read_toml,
    shown_environment,
)
from colllm_bench.cli.origin import add_note
from colllm_bench.cli.parser import Parser, Terminated, end_on_sigterm, execute, quoted, say
from colllm_bench.cli.presets import describe as describe_preset
from colllm_bench.cli.presets import preset_files, preset_names
from colllm_bench.cli.toml_files import load_toml, of_command, of_kind, to_toml

__all__ = [
    "add_note",
    "add_config_options",
    "algorithm_kinds",
    "algorithm_of",
    "build_config",
    "command_line",
    "config_kinds",
    "describe_preset",
    "end_on_sigterm",
    "execute",
    "LETTERS",
    "load_toml",
    "metavar_of",
    "of_command",
    "of_kind",
    "pair",
    "parse_seeds",
    "Parser",
    "preset_files",
    "preset_names",
    "quoted",
    "read_toml",
    "reader_of",
    "run_command",
    "say",
    "SHORTHANDS",
    "shown_environment",
    "Terminated",
    "to_toml",
]
