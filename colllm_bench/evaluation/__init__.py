"""Frozen teams on held-out tasks: play, comparison, cross-play and their records.

May import teams, setup, runs and the rollout loop. No torch at import.
"""

from __future__ import annotations

import importlib

_PUBLIC = {
    "play_held_out": "held_out:play_held_out",
    "evaluate_team": "held_out:evaluate_team",
    "raw_results": "held_out:raw_results",
    "results": "held_out:raw_results",  # its name in docs/evaluation.md of 0.1
    "summarize": "held_out:summarize",
}
__all__ = [*_PUBLIC]


def __getattr__(name: str):
    """Public names, loaded when first used."""
    if name in _PUBLIC:
        module, _, attribute = _PUBLIC[name].partition(":")
        return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
