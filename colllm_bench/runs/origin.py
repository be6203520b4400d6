"""What a run recorded of its start: the day, and the digest of its base model's files."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from colllm_bench.errors import ConfigError
from colllm_bench.runs import files
from colllm_bench.runs.provenance import environment

OF_THE_RUN = ("date", "base_digest", "resumed", "code")
"""What ``environment.json`` says of the run, not of a machine."""


def recorded_date(path: str | Path) -> datetime.date | None:
    """The day on which a run started; None of a run that did not record it."""
    day = recorded_environment(path).get("date")
    return datetime.date.fromisoformat(day) if day else None


def base_digest(path: str | Path) -> str | None:
    """The digest of the base model's files when a run started; None where it is not recorded."""
    return recorded_environment(path).get("base_digest")


def note_resumed(path: str | Path) -> None:
    """A run that goes on on another machine or version says so in ``environment.json``."""
    noted, now = recorded_environment(path), environment()
    resumed = noted.get("resumed", [])
    first = {key: value for key, value in noted.items() if key not in OF_THE_RUN}
    if now not in (first, *resumed):
        files.write_json(
            Path(path) / "environment.json", {**noted, "resumed": [*resumed, now]}
        )


def require_base(path: str | Path, digest: str | None, model: str) -> None:
    """Refuse a base model with other files than a run started with.

    Args:
        digest: :func:`colllm_bench.models.base_files.digest` of ``model`` as it is now.
    """
    recorded = base_digest(path)
    if recorded is not None and digest is not None and digest != recorded:
        raise ConfigError(
            f"{path} was trained on a base model with digest {recorded}, and that of {model!r} "
            f"is {digest}",
            fix="--model with the place of the same files",
        )


def recorded_environment(path: str | Path) -> dict[str, Any]:
    """``environment.json`` of a run; {} where there is none."""
    file = Path(path) / "environment.json"
    return files.read_json(file) if file.exists() else {}
