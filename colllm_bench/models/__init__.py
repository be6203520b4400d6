"""Language models: loading, prompts, adapters, cached decoding, the team's policies and critic
heads.

May import the core and ``runs`` (files). Imports torch.
"""

from __future__ import annotations

import importlib

_PUBLIC = {
    "TeamPolicy": "team_policy",
    "Critic": "critic",
    "load_base": "loading",
}
__all__ = ["TeamPolicy", "Critic", "load_base"]


def __getattr__(name: str):
    """Public names, loaded when first used."""
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
