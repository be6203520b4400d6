"""What is learned from: batches of tokens, what critics read, returns, losses. Pure functions.

May import the core. Imports torch where it computes with tensors.
"""

from __future__ import annotations

import importlib

_PUBLIC = {
    "JOINT": "critic_inputs",
    "LOCAL": "critic_inputs",
    "gae": "returns",
}
__all__ = ["JOINT", "LOCAL", "gae"]


def __getattr__(name: str):
    """Public names, loaded when first used."""
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
