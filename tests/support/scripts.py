"""Scripts of results/ as modules."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest


def load_script(path: Path) -> ModuleType:
    """The script at ``path``, loaded anew and not kept among the imported modules."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def importing_from(folder: Path) -> Callable[..., Iterator[Callable[[str], ModuleType]]]:
    """A fixture: what imports the scripts of ``folder`` by name, as they import one another;
    after a test they are forgotten: their names are common ones."""

    @pytest.fixture
    def scripts(monkeypatch):
        monkeypatch.syspath_prepend(str(folder))
        before = set(sys.modules)
        yield importlib.import_module
        for name in set(sys.modules) - before:
            if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]

    return scripts
