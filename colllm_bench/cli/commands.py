"""A command of commands: ``python -m PACKAGE COMMAND [options]``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence

from colllm_bench.errors import ConfigError, unknown_name


def run_command(
    package: str, commands: Mapping[str, str], usage: Callable[[], str], argv: Sequence[str]
) -> int:
    """Run ``main(rest)`` of the module ``package.COMMAND``, imported only now.

    Args:
        commands: names of the modules, and what each does.
        usage: the text of ``--help``.

    Returns:
        The exit code.

    Raises:
        ConfigError: no such command.
    """
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return 0 if argv else 2
    name, *rest = argv
    if name not in commands:
        if name.startswith("-"):
            raise ConfigError(f"no command before {name!r}", allowed=", ".join(commands))
        raise unknown_name("command", name, commands, "see --help")
    return importlib.import_module(f"{package}.{name}").main(rest)
