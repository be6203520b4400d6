"""Who answers for the agents: a language-model team, scripted teams, mixtures, processes,
endpoints.

May import the core, models and runs; torch only where a language model is loaded.
"""

from __future__ import annotations

import importlib

_PUBLIC = {
    "load_team": "loading",
    "parse_team": "specs",
    "team_config": "specs",
    "Team": "base",
}
__all__ = ["load_team", "parse_team", "team_config", "Team"]


def __getattr__(name: str):
    """Public names, loaded when first used."""
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
