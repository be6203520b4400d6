"""How a group's runs were made: from their ``config.json`` and ``environment.json``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from colllm_bench import files
from colllm_bench.config import RunConfig
from colllm_bench.errors import RunError

SHOWN = ("torch", "transformers", "peft", "numpy", "pettingzoo")
"""Packages that the page names."""
NONE = {"critic_lr": 0.0, "critic_epochs": 0}
"""What an algorithm without a critic is resolved to; it refuses to be given it."""
FIRST = ("env", "algo", "agents")
"""Options that the command always names."""


def how_made(group: dict[str, Any]) -> dict[str, Any]:
    """``command``, ``digest``, ``version``, ``commits``, ``machines``, ``packages``.

    Args:
        group: of the report's data; files that are missing or torn are passed over.
    """
    found = []
    for folder in group["folders"]:
        try:
            noted = files.read_json(Path(folder) / "environment.json")
        except RunError:
            continue
        if isinstance(noted, dict):
            found += [noted, *(part for part in noted.get("resumed", []) if isinstance(part, dict))]
    return {
        "command": command(group["config"], group["seeds"]),
        "digest": group["digest"],
        "version": group["version"],
        "commits": _each(_commit(noted) for noted in found),
        "machines": _each(_machine(noted) for noted in found),
        "packages": _each(
            f"{name} {noted['packages'][name]}"
            for noted in found if isinstance(noted.get("packages"), dict)
            for name in SHOWN if name in noted["packages"]
        ),
    }


def command(config: dict[str, Any], seeds: list[int]) -> str:
    """What to type to make these runs again.

    Settings at their defaults are left out, but not those whose default is the algorithm's or
    the model's own: another version may fill in another value.
    """
    defaults = RunConfig().to_dict()
    parts = ["python", "-m", "colllm_bench.run"]
    for key in (*FIRST, *(key for key in config if key not in FIRST)):
        value = config.get(key)
        if key in FIRST or (key != "seed" and value not in (defaults.get(key), NONE.get(key))):
            parts += _option(key, value)
    run = seeds == list(range(seeds[0], seeds[-1] + 1)) and len(seeds) > 1
    if len(seeds) == 1:
        parts += ["--seed", str(seeds[0])]
    else:
        parts += ["--seeds", f"{seeds[0]}:{seeds[-1] + 1}" if run else ",".join(map(str, seeds))]
    return shlex.join(parts)


def _option(key: str, value: Any) -> list[str]:
    flag = "--" + key.replace("_", "-")
    if isinstance(value, dict):
        pairs = [f"{name}={json.dumps(one)}" for name, one in value.items()]
        return [part for pair in pairs for part in ("--env-option", pair)]
    if isinstance(value, bool):
        return [flag if value else "--no-" + key.replace("_", "-")]
    return [] if value is None else [flag, str(value)]


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
