"""What is learned from: batches of tokens, what critics read, returns, losses. Pure functions.

May import the core. Imports torch where it computes with tensors.
"""

from __future__ import annotations

from colllm_bench.registry.lazy import lazy_names

_PUBLIC = {
    "JOINT": "critic_inputs",
    "LOCAL": "critic_inputs",
    "gae": "returns",
}
__all__ = ["JOINT", "LOCAL", "gae"]
__getattr__ = lazy_names(__name__, _PUBLIC)
