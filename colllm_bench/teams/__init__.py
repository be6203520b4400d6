"""Teams that act for the agents: language models, scripted policies, mixtures, processes,
endpoints, and kinds of team that users register.

May import the core, cli, setup, models and runs; torch only where a language model is loaded.
"""

from __future__ import annotations

import importlib

_PUBLIC = {
    "Team": "base",
    "TeamKind": "kinds",
    "load_team": "specs",
    "parse_team": "specs",
    "register_team": "specs",
    "team_config": "specs",
}
__all__ = [*_PUBLIC]


def __getattr__(name: str):
    """Public names, loaded when first used."""
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
