"""Figures for papers and for run folders, drawn by matplotlib without a display.

May import ``metrics``, ``palette`` and ``report_data`` of the leaderboard, never ``page``.
matplotlib is loaded when one of these names is first used.
"""

from __future__ import annotations

import importlib
from typing import Any

_LAZY = {
    "draw": "render", "heatmap": "cross_play", "learning_curve": "run_curve",
}
__all__ = list(_LAZY)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
