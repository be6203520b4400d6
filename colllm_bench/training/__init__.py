"""From played episodes to optimizer steps, and the loop around them.

May import everything below it: models, objectives, baselines, teams, evaluation, runs. Imports
torch, but for ``callbacks``, ``loggers`` and ``recording``.
"""

from __future__ import annotations

import importlib

_PUBLIC = {
    "Callback": "callbacks",
    "CallbackList": "callbacks",
    "Trainer": "trainer",
    "train": "loop",
    "finish": "loop",
}
__all__ = ["Callback", "CallbackList", "Trainer", "train", "finish"]


def __getattr__(name: str):
    """Public names, loaded when first used."""
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
