"""The files beside a ``./file.py`` that it imports: found by their names, and made importable."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from colllm_bench.errors import ConfigError

OURS = "colllm_bench"
"""In a clone of the project the package itself lies beside a file of the top folder."""

_ADDED: set[str] = set()
"""Folders that are on ``sys.path`` for the files in them only."""


def files_beside(path: Path) -> list[Path]:
    """Files of the folder of ``path`` that it imports by their names, and those that they import;
    of a package (a folder) all its modules. What is importable from elsewhere is not among them:
    it comes first, as it does on loading. Sorted; a file that cannot be parsed imports nothing.
    """
    folder = path.resolve().parent
    found: set[Path] = set()
    to_read = [path.resolve()]
    while to_read:
        for name in _imported(to_read.pop()):
            if _is_here(name, folder) and name != OURS and not _is_elsewhere(name, folder):
                own = set(_module_files(folder, name)) - found
                found |= own
                to_read += own
    return sorted(found - {path.resolve()})


def make_importable(path: Path) -> None:
    """Have the imports of ``path`` find the files beside it, after all else that is installed.

    Raises:
        ConfigError: another module of that name is loaded already.
    """
    folder = path.resolve().parent
    beside = files_beside(path)
    for name in sorted({_module_name(file, folder) for file in beside}):
        _refuse_another(name, folder, path)
    if beside and str(folder) not in sys.path:
        sys.path.append(str(folder))
        _ADDED.add(str(folder))


def _imported(path: Path) -> Iterator[str]:
    """The first part of each name that a file imports, in functions too."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _is_here(name: str, folder: Path) -> bool:
    return (folder / name).is_dir() or (folder / f"{name}.py").is_file()


def _module_files(folder: Path, name: str) -> list[Path]:
    """The files of the module or package ``name`` in a folder. As in Python a package wins over a
    module, and a module over a folder without ``__init__.py``."""
    module = folder / f"{name}.py"
    if module.is_file() and not (folder / name / "__init__.py").is_file():
        return [module]
    return sorted((folder / name).rglob("*.py"))


def _module_name(file: Path, folder: Path) -> str:
    return file.relative_to(folder).parts[0].removesuffix(".py")


def _is_elsewhere(name: str, folder: Path) -> bool:
    """Whether Python finds the name before it would look in ``folder``."""
    if name in sys.stdlib_module_names:
        return True
    spec = PathFinder.find_spec(name, [place for place in sys.path if place not in _ADDED])
    if spec is None:
        return False
    places = [spec.origin] if spec.origin else spec.submodule_search_locations or []
    return not any(Path(place).resolve().is_relative_to(folder) for place in places)


def _refuse_another(name: str, folder: Path, path: Path) -> None:
    loaded = sys.modules.get(name)
    origin = getattr(loaded, "__file__", None)
    if loaded is None or origin is None:
        return
    there = Path(origin)
    own = _module_files(folder, name)
    if there.resolve() not in own and there.read_bytes() not in (x.read_bytes() for x in own):
        raise ConfigError(
            f"{path} imports {name!r} from beside it, and another module of that name is loaded "
            f"already ({there})", fix="rename one of the two, or use them in two commands",
        )
