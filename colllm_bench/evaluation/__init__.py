"""Frozen teams on held-out tasks: play, comparison, cross-play and their records.

May import teams, setup, runs and the rollout loop. No torch at import.
"""

from __future__ import annotations

import importlib

_PUBLIC = {
    "play_held_out": "held_out",
    "evaluate_team": "held_out",
    "results": "held_out",
    "measures": "held_out",
}
__all__ = ["play_held_out", "evaluate_team", "results", "measures"]


def __getattr__(name: str):
    """Public names, loaded when first used."""
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
