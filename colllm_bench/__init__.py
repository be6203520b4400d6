"""colllm_bench: compare ways of teaching teams of language models to work together.

The public names, loaded when first used so that ``import colllm_bench`` costs no torch:

>>> import colllm_bench
>>> env = colllm_bench.make("strategy", agents=3)
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

# In a checkout that is not installed, envs/, baselines/ and leaderboard/ lie beside this folder
# and not in it; `python -m colllm_bench.run` from the repository's root finds them all the same.
_beside = Path(__file__).parent.parent
if (_beside / "pyproject.toml").is_file() and (_beside / "baselines" / "base.py").is_file():
    __path__.append(str(_beside))

__version__ = "0.1.0"

_LAZY = {
    "make": "colllm_bench.registry:make",
    "make_aec": "colllm_bench.registry:make_aec",
    "register_env": "colllm_bench.registry:register_env",
    "register_algorithm": "colllm_bench.registry:register_algorithm",
    "RunConfig": "colllm_bench.config:RunConfig",
    "train": "colllm_bench.training:train",
    "evaluate": "colllm_bench.evaluation:evaluate_team",
}
__all__ = [*_LAZY, "__version__"]


def __getattr__(name: str):
    if name in _LAZY:
        module, _, attribute = _LAZY[name].partition(":")
        return getattr(importlib.import_module(module), attribute)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Package(ModuleType):
    """Keeps ``colllm_bench.evaluate`` the function: loading the module of the same name, the
    command, would otherwise put the module in its place."""

    @property
    def evaluate(self):
        return __getattr__("evaluate")

    @evaluate.setter
    def evaluate(self, module: ModuleType) -> None:
        pass


sys.modules[__name__].__class__ = _Package
