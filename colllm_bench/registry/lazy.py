"""Public names of a package that are loaded when first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's ``__getattr__`` (PEP 562).

    Args:
        package: its ``__name__``.
        modules: each public name, and the module of the package that defines it (``module:Name``
            where it has another name there).
    """

    def load(name: str) -> Any:
        if name in modules:
            module, _, attribute = modules[name].partition(":")
            return getattr(importlib.import_module(f"{package}.{module}"), attribute or name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return load
