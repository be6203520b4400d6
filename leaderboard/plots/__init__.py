"""Figures for papers and for run folders, drawn by matplotlib without a display.

May import ``metrics``, ``palette`` and ``report_data`` of the leaderboard, never ``page``.
matplotlib is loaded when one of these names is first used.
"""

from __future__ import annotations

from colllm_bench.registry.lazy import lazy_names

_LAZY = {
    "draw": "render", "heatmap": "cross_play", "learning_curve": "run_curve",
}
__all__ = list(_LAZY)
__getattr__ = lazy_names(__name__, _LAZY)
