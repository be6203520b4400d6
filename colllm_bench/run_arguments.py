"""A configuration as the command line that gives it: the inverse of :mod:`colllm_bench.cli`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from colllm_bench.cli import pair
from colllm_bench.config import RunConfig


def run_arguments(
    config: Mapping[str, Any], *, always: tuple[str, ...] = ("env", "algo"),
    ignored: Mapping[str, Any] | None = None,
) -> list[str]:
    """The options of ``python -m colllm_bench.run`` that give this configuration.

    Args:
        config: fields of :class:`~colllm_bench.config.RunConfig` and their values. Those at their
            defaults, and those that are None, are left out.
        always: fields that are named first, and even at their defaults.
        ignored: values that stand for "not set", by field: an algorithm without a critic is
            resolved to ``critic_lr=0.0``, and refuses to be given it.

    Returns:
        Arguments that the command line reads back as equal values.
    """
    defaults, ignored = RunConfig().to_dict(), ignored or {}
    arguments: list[str] = []
    for name in (*always, *(name for name in config if name not in always)):
        value = config.get(name)
        plain = value is None or value == defaults.get(name)
        plain |= name in ignored and value == ignored[name]
        if name in always or not plain:
            arguments += _arguments(name, value)
    return arguments


def _arguments(name: str, value: Any) -> Iterator[str]:
    flag = name.replace("_", "-")
    if isinstance(value, dict):
        for key, option in value.items():
            # A text stands as it is, unless it would be read as a number or another value.
            plain = isinstance(option, str) and pair(f"{key}={option}")[1] == option
            yield from ("--env-option", f"{key}={option if plain else json.dumps(option)}")
    elif isinstance(value, bool):
        yield f"--{flag}" if value else f"--no-{flag}"
    elif value is not None:
        text = str(value)
        yield from [f"--{flag}={text}"] if text.startswith("-") else [f"--{flag}", text]
