"""From names and settings to objects: resolve and check a configuration, make environments.

May import the core and baselines.
"""

from __future__ import annotations

import importlib

_PUBLIC = {
    "check_config": "validate",
    "make_env": "environments",
    "load_algorithm": "resolve",
}
__all__ = ["check_config", "make_env", "load_algorithm"]


def __getattr__(name: str):
    """Public names, loaded when first used."""
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
