"""Frozen teams on held-out tasks: play, comparison, cross-play and their records.

May import teams, setup, runs and the rollout loop. No torch at import.
"""

from __future__ import annotations

from colllm_bench.registry.lazy import lazy_names

_PUBLIC = {
    "play_held_out": "held_out:play_held_out",
    "evaluate_team": "held_out:evaluate_team",
    "raw_results": "held_out:raw_results",
    "results": "held_out:raw_results",  # its name in docs/evaluation.md of 0.1
    "summarize": "held_out:summarize",
}
__all__ = [*_PUBLIC]
__getattr__ = lazy_names(__name__, _PUBLIC)
