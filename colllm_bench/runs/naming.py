"""Where runs and agents' files lie: paths from settings and names."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from colllm_bench import registry
from colllm_bench.config import RunConfig, fields_without_effect
from colllm_bench.errors import ConfigError
from colllm_bench.options import options_of

LONGEST_NAME = 80
"""Characters of a default name; longer ones end with a digest."""
LONGEST_FILE_NAME = 200
"""Bytes of an agent's folder name; file systems allow 255."""


def run_path(root: str | Path, env: str, algo: str, name: str, seed: int) -> Path:
    """``root/env/algo/name/seed<k>``: where a run of these lies."""
    return Path(root) / env / algo / name / f"seed{seed}"


def run_folder(
    config: RunConfig, name: str | None = None, out: str | Path | None = None
) -> Path:
    """Where a run of this configuration goes.

    Args:
        name: the run's name; None: :func:`default_name`.
        out: the root of all run folders; None: ``results``.

    Raises:
        ConfigError: ``name`` is no folder name, ``out`` no UTF-8; an unknown environment or
            algorithm.
    """
    name = name or default_name(config)
    if re.sub(r"[\w.+=-]", "", name) or name.startswith("."):
        raise ConfigError(
            f"--name {name!r} is no folder name", allowed="letters, digits and _ . + = -"
        )
    if len(name.encode()) > LONGEST_FILE_NAME:
        raise ConfigError(
            f"--name {name[:20]}... is {len(name.encode())} bytes long",
            allowed=f"at most {LONGEST_FILE_NAME}",
        )
    out = "results" if out is None else out
    try:
        str(out).encode()
    except UnicodeEncodeError as error:  # safetensors writes to no such path
        raise ConfigError(
            f"--out {str(out)!r} is not valid UTF-8", fix="a folder of another name"
        ) from error
    env, algo = registry.env_spec(config.env).name, registry.algorithm_spec(config.algo).name
    return run_path(out, env, algo, name, config.seed)


def default_name(config: RunConfig) -> str:
    """``default``, or the settings that differ from the defaults and affect what is learned:
    ``agents4-level2-lr0.0003``."""
    parts, plain = [], RunConfig()
    for name, about in options_of(RunConfig).items():
        value = getattr(config, name)
        if isinstance(value, dict):
            parts += [f"{key.replace('_', '')}{item}" for key, item in sorted(value.items())]
        elif not about.in_path and about.affects == "learning" and value != getattr(plain, name):
            parts.append(f"{name.replace('_', '')}{value}")
    name = re.sub(r"[^\w.+=-]+", "_", "-".join(parts)) or "default"
    if len(name) <= LONGEST_NAME:
        return name
    # Of the same fields as the name: the number of threads, say, makes no other run.
    unnamed = fields_without_effect() | {n for n, a in options_of(RunConfig).items() if a.in_path}
    digest = config.replace(**{field: getattr(plain, field) for field in unnamed}).digest
    return f"{name[: LONGEST_NAME - len(digest) - 1]}-{digest}"


def agent_folder(agent: str) -> str:
    """The name of an agent's folder below ``team/``: the agent's own name, where that is safe.

    Slashes, control characters and ``%`` are written ``%XX`` (and so are the dots of ``.`` and
    ``..``): no agent's files lie outside of ``team/``, and no two agents share a folder.
    """
    name = re.sub(r"[/\\%\x00-\x1f\x7f]", lambda match: f"%{ord(match[0]):02X}", agent)
    if name in (".", ".."):
        name = name.replace(".", "%2E")
    if len(name.encode()) <= LONGEST_FILE_NAME:
        return name
    return f"{name[:40]}%{hashlib.sha256(agent.encode()).hexdigest()[:16]}"
