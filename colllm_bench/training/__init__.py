"""From played episodes to optimizer steps, and the loop around them.

May import everything below it: models, objectives, baselines, teams, evaluation, runs. Imports
torch, but for ``callbacks``, ``loggers`` and ``recording``.
"""

from __future__ import annotations

from colllm_bench.registry.lazy import lazy_names

_PUBLIC = {
    "Callback": "callbacks",
    "CallbackList": "callbacks",
    "Trainer": "trainer",
    "train": "loop",
    "finish": "loop",
}
__all__ = ["Callback", "CallbackList", "Trainer", "train", "finish"]
__getattr__ = lazy_names(__name__, _PUBLIC)
