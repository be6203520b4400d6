"""A digest of a run's trained weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

from colllm_bench.teams.loading import team_folder


def weights_digest(run: Path) -> str:
    """Twelve hex digits of the trained agents' weights: equal for evaluations of one team."""
    folder = team_folder(run)
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
