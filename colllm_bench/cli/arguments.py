"""A configuration as the command line that gives it: the inverse of ``cli.options``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from colllm_bench import registry
from colllm_bench.cli.options import pair
from colllm_bench.config import RunConfig


def command_line(
    config: RunConfig, *, always: tuple[str, ...] = ()
) -> list[str]:
    """The options of ``python -m colllm_bench.run`` that give this configuration.

    Args:
        config: resolved or not. Values at their defaults, and those that are None, are left out.
        always: fields that are named first, and even at their defaults.

    Returns:
        Arguments that the command line reads back as equal values.
    """
    settings, defaults = config.to_dict(), RunConfig().to_dict()
    spec = registry.ALGORITHMS.get(config.algo)  # a stranger's file is not run to name defaults
    options = registry.options_class(config.algo) if spec and spec.options else None
    plain = {field.name: field.default for field in fields(options)} if options else {}
    settings["algo_options"] = {
        name: value for name, value in settings["algo_options"].items()
        if value != plain.get(name, ...)
    }
    arguments: list[str] = []
    for name in (*always, *(name for name in settings if name not in always)):
        if name in always or settings[name] != defaults[name]:
            arguments += _arguments(name, settings[name])
    return arguments


def _arguments(name: str, value: Any) -> Iterator[str]:
    flag = "--" + name.replace("_", "-")
    if isinstance(value, dict):
        for key, option in value.items():
            # A text stands as it is, unless it would be read as a number or another value.
            plain = isinstance(option, str) and pair(f"{key}={option}")[1] == option
            yield from (flag.removesuffix("s"), f"{key}={option if plain else json.dumps(option)}")
    elif isinstance(value, bool):
        yield flag if value else f"--no-{flag[2:]}"
    elif value is not None:
        text = str(value)
        yield from [f"{flag}={text}"] if text.startswith("-") else [flag, text]
