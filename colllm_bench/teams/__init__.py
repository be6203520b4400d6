"""Teams that act for the agents: language models, scripted policies, mixtures, processes,
endpoints, and kinds of team that users register.

May import the core, cli, setup, models and runs; torch only where a language model is loaded.
"""

from __future__ import annotations

from colllm_bench.registry.lazy import lazy_names

_PUBLIC = {
    "Team": "base",
    "TeamKind": "kinds",
    "load_team": "specs",
    "parse_team": "specs",
    "register_team": "specs",
    "team_config": "specs",
}
__all__ = [*_PUBLIC]
__getattr__ = lazy_names(__name__, _PUBLIC)
