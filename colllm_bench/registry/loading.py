"""What stands behind ``"module:Name"`` and ``"./file.py:Name"``."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from colllm_bench.errors import ConfigError, unknown_name
from colllm_bench.registry.beside import make_importable

_COPIES: dict[str, Path] = {}
"""Files that take the place of others that are not here, by the paths that are asked for."""


def take_in_place_of(given: str, copy: Path) -> None:
    """From now on, where no file ``given`` (a path as in ``"./file.py:Name"``) is found, load
    ``copy``. A later call for the same path replaces it."""
    _COPIES[str(Path(given))] = copy


def load(entry: str, kind: str) -> Any:
    """The object behind ``"module:Name"`` or ``"./file.py:Name"``.

    Raises:
        ConfigError: the module, the file or the name is not there.
    """
    where, _, attribute = entry.rpartition(":")
    if where.endswith(".py"):
        module = _load_file(Path(where), kind)
    else:
        try:
            module = importlib.import_module(where)
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"{kind} {entry!r}: no module {error.name!r}",
                fix="install it, run from its folder, or give './file.py:Class'",
            ) from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        names = [n for n, v in vars(module).items() if isinstance(v, type) and n[0] != "_"
                 and v.__module__ == module.__name__]
        kind = f"class in {where}"
        raise unknown_name(kind, attribute, names, "name a class of that file") from None


def _place(error: BaseException, path: Path) -> str:
    """The line of the file at which its import failed; "" where the error names it itself, as a
    SyntaxError does."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
             if Path(frame.filename).resolve() == path.resolve()]
    return f" (line {lines[-1]})" if lines else ""


def _load_file(path: Path, kind: str) -> ModuleType:
    if not path.is_file():
        path = _COPIES.get(str(path), path)
    if not path.is_file():
        fix = "check the path"
        if not path.is_absolute():
            fix += ", or start the command in the folder that the run was started in"
        raise ConfigError(f"{kind} file {str(path)!r} does not exist", fix=fix)
    digest = hashlib.sha1(str(path.resolve()).encode()).hexdigest()[:8]
    name = f"_colllm_bench_file_{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{kind} file {str(path)!r} is no Python module", fix="name a .py file")
    make_importable(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(
            f"{kind} file {str(path)!r} fails to import: {error!r}{_place(error, path)}",
            fix="mend it (--debug shows the traceback)",
        ) from error
    return module
