"""The run folder: files, checkpoints, provenance, replays, transcripts.

May import the core. No torch at import.
"""

from __future__ import annotations

import importlib

_PUBLIC = {
    "RunFolder": "folder",
    "read_config": "folder",
    "frame": "frames",
}
__all__ = ["RunFolder", "frame", "read_config"]


def __getattr__(name: str):
    """Public names, loaded when first used."""
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
