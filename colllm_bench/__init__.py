"""colllm_bench: compare ways of teaching teams of language models to work together.

The public names, loaded when first used so that ``import colllm_bench`` costs no torch:

>>> import colllm_bench
>>> env = colllm_bench.make("strategy", agents=3)
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

_LAZY = {
    "make": "colllm_bench.registry",
    "make_aec": "colllm_bench.registry",
    "register_env": "colllm_bench.registry",
    "register_algorithm": "colllm_bench.registry",
    "RunConfig": "colllm_bench.config",
    "train": "colllm_bench.train",
    "evaluate": "colllm_bench.evaluate",
}
__all__ = [*_LAZY, "__version__"]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
