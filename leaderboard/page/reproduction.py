"""How to make a group's runs again: from their ``config.json`` and ``environment.json``."""

from __future__ import annotations

import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

from colllm_bench.cli import command_line
from colllm_bench.config import RunConfig
from colllm_bench.errors import RunError
from colllm_bench.runs import files

SHOWN = ("torch", "transformers", "peft", "numpy", "pettingzoo")
"""Packages that the page names."""
FIRST = ("env", "algo", "agents")
"""Options that the command always names."""


def provenance_of(group: dict[str, Any]) -> dict[str, Any]:
    """``command``, ``digest``, ``version``, ``commits``, ``machines``, ``packages``.

    Args:
        group: of the report's data; missing or torn files are skipped.
    """
    environments = []
    for folder in group["folders"]:
        try:
            noted = files.read_json(Path(folder) / "environment.json")
        except RunError:
            continue
        if isinstance(noted, dict):
            resumed = noted.get("resumed", [])
            environments += [noted, *(part for part in resumed if isinstance(part, dict))]
    return {
        "command": command(group["config"], group["seeds"]),
        "digest": group["digest"],
        "version": group["version"],
        "commits": _each(_commit(noted) for noted in environments),
        "machines": _each(_machine(noted) for noted in environments),
        "packages": _each(
            f"{name} {noted['packages'][name]}"
            for noted in environments if isinstance(noted.get("packages"), dict)
            for name in SHOWN if name in noted["packages"]
        ),
    }


def command(config: dict[str, Any], seeds: list[int]) -> str:
    """What to type to make these runs again.

    Settings at their defaults are left out, but not those whose default is the algorithm's or
    the model's own: another version may fill in another value.
    """
    known = {field.name for field in fields(RunConfig)} - {"seed"}
    settings = {key: value for key, value in config.items() if key in known}
    parts = ["python", "-m", "colllm_bench.run"]
    parts += command_line(RunConfig(**settings), always=FIRST)
    if len(seeds) == 1:
        return shlex.join([*parts, "--seed", str(seeds[0])])
    in_a_row = seeds == list(range(seeds[0], seeds[-1] + 1))
    listed = f"{seeds[0]}:{seeds[-1] + 1}" if in_a_row else ",".join(map(str, seeds))
    return shlex.join([*parts, "--seeds", listed])


def _commit(noted: dict[str, Any]) -> str | None:
    if not noted.get("commit"):
        return None
    return str(noted["commit"])[:12] + (" (modified)" if noted.get("modified") else "")


def _machine(noted: dict[str, Any]) -> str | None:
    if not noted.get("cpu"):
        return None
    parts = [str(noted["cpu"]), f"{noted.get('cores')} cores", f"{noted.get('memory_gib')} GiB"]
    parts += [str(one) for one in noted.get("accelerators") or []]
    return ", ".join([*parts, f"Python {noted.get('python')}", str(noted.get("system"))])


def _each(values: Any) -> list[str]:
    """Without None and repetitions, in order."""
    return list(dict.fromkeys(value for value in values if value))
