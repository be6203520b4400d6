"""colllm_bench: compare ways of teaching teams of language models to work together.

The public names, loaded when first used so that ``import colllm_bench`` costs no torch:

>>> import colllm_bench
>>> env = colllm_bench.make("strategy", agents=3)
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what type checkers and editors read; at run time __getattr__ loads them
    from colllm_bench.config import RunConfig
    from colllm_bench.evaluation.held_out import evaluate_team
    from colllm_bench.registry import make, make_aec, register_algorithm, register_env
    from colllm_bench.teams.specs import register_team
    from colllm_bench.training.callbacks import Callback
    from colllm_bench.training.loop import train

__version__ = "0.1.0"


class _CheckoutFinder:
    """Finds envs/, baselines/ and leaderboard/ beside this package in a checkout.

    They are ``colllm_bench.envs`` and so on. Installed copies have them inside the package;
    ``python -m colllm_bench.run`` from the root of a checkout that is not installed does not.
    """

    BESIDE = ("envs", "baselines", "leaderboard")

    def __init__(self, root: Path):
        self.root = root

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        package, _, folder = name.rpartition(".")
        if package != __name__ or folder not in self.BESIDE:
            return None
        init = self.root / folder / "__init__.py"
        return spec_from_file_location(name, init, submodule_search_locations=[str(init.parent)])


class _MovedFinder(Loader):
    """Modules that documentation of version 0.1 named and that lie elsewhere now."""

    MOVED = {
        "colllm_bench.alone": "colllm_bench.teams.agent_process",
        "colllm_bench.spaces": "colllm_bench.envs.spaces",
        "colllm_bench.envs.coding.pool": "colllm_bench.envs.coding.sandbox.shared_pool",
    }

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in self.MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        new = self.MOVED[spec.name]
        warnings.warn(f"{spec.name} is now {new}", DeprecationWarning, stacklevel=2)
        return importlib.import_module(new)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to do: the module that has moved is loaded."""

    def get_code(self, name: str) -> CodeType | None:
        """The module's code, for ``python -m``."""
        spec = importlib.util.find_spec(self.MOVED[name])
        return spec.loader.get_code(spec.name) if spec else None  # type: ignore[union-attr]


sys.meta_path.append(_MovedFinder())
_root = Path(__file__).parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "baselines" / "__init__.py").is_file():
    sys.meta_path.insert(0, _CheckoutFinder(_root))  # before that of an editable installation

_LAZY = {
    "make": "colllm_bench.registry:make",
    "make_aec": "colllm_bench.registry:make_aec",
    "register_env": "colllm_bench.registry:register_env",
    "register_algorithm": "colllm_bench.registry:register_algorithm",
    "register_team": "colllm_bench.teams.specs:register_team",
    "RunConfig": "colllm_bench.config:RunConfig",
    "Callback": "colllm_bench.training.callbacks:Callback",
    "train": "colllm_bench.training.loop:train",
    "evaluate_team": "colllm_bench.evaluation.held_out:evaluate_team",
}
__all__ = [
    "Callback",
    "RunConfig",
    "__version__",
    "evaluate_team",
    "make",
    "make_aec",
    "register_algorithm",
    "register_env",
    "register_team",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        module, _, attribute = _LAZY[name].partition(":")
        return getattr(importlib.import_module(module), attribute)
    if name == "evaluate":  # the command's module; calling it is the old name of evaluate_team
        return importlib.import_module("colllm_bench.evaluate")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
