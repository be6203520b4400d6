"""The standard library in memory, for jobs that cannot read its files.

Jobs on ``seccomp`` open no file, and on ``landlock`` a job of root's has become somebody who may
not read a Python that lies in a private home. So the watcher reads the library beforehand:
modules in Python as their code, modules in C by mapping them (the loader then finds them by their
path without opening it). What needs a C library from outside is left out, as on ``namespaces``.
"""

from __future__ import annotations

import importlib.machinery
import marshal
import os
import re
import sys

CACHE = importlib._bootstrap_external.cache_from_source
MAGIC = importlib._bootstrap_external.MAGIC_NUMBER
LEFT_OUT = ("site-packages", "dist-packages", "test", "tests", "__pycache__", "lib-dynload")
NEEDED = re.compile(rb"\0(lib[\w+.-]+\.so[.\d]*)(?=\0)")
"""Names of C libraries in the tables of a compiled module."""
EXTENSIONS = tuple(importlib.machinery.EXTENSION_SUFFIXES)


class Library:
    """Finds and loads modules of the library in memory; stands behind the finders of files.

    No subclass of ``importlib.abc``, which would load a dozen modules into every job.
    """

    __module__ = "library"  # nothing of the project is named where programs run

    def __init__(self) -> None:
        self.code: dict[str, tuple[str, bool, bytes, bool]] = {}
        self.extensions: dict[str, str] = {}
        self.mapped: set[str] = set()

    def read(self, folders: list[str]) -> None:
        """Take in all modules beneath ``folders``."""
        self.mapped = {os.path.basename(path) for path in _mapped()}
        for folder in folders:
            if os.path.isdir(folder):
                self._walk(folder, "")
                dynamic = os.path.join(folder, "lib-dynload")
                for path in (dynamic, folder):
                    self._map(path)

    def _walk(self, folder: str, package: str) -> None:
        for entry in os.scandir(folder):
            name, kind = os.path.splitext(entry.name)
            if entry.name in LEFT_OUT:
                continue
            if entry.is_dir() and entry.name.isidentifier():
                self._walk(entry.path, f"{package}{entry.name}.")
            elif kind == ".py" and "." not in name:
                self._take(entry.path, package, name)

    def _take(self, path: str, package: str, name: str) -> None:
        full = package.removesuffix(".") if name == "__init__" else package + name
        if not full or full in sys.modules or full in self.code:
            return
        try:
            cached = CACHE(path)
            with open(cached, "rb") as file:
                data = file.read()
            fresh = data[:4] == MAGIC and data[4:8] == bytes(4) and (
                data[8:12] == (int(os.stat(path).st_mtime) & 0xFFFFFFFF).to_bytes(4, "little"))
        except (OSError, NotImplementedError):
            fresh = False
        if fresh:
            self.code[full] = path, name == "__init__", data[16:], True
            return
        with open(path, "rb") as file:
            self.code[full] = path, name == "__init__", file.read(), False

    def _map(self, folder: str) -> None:
        """Map C modules that need nothing from outside the library."""
        try:
            import _ctypes
        except ImportError:
            return
        for entry in os.scandir(folder) if os.path.isdir(folder) else ():
            suffix = next((end for end in EXTENSIONS if entry.name.endswith(end)), None)
            name = entry.name.removesuffix(suffix or "")
            if suffix is None or name in sys.modules or name in self.extensions:
                continue
            try:
                with open(entry.path, "rb") as file:
                    needed = set(NEEDED.findall(file.read()))
                if all(library.decode() in self.mapped for library in needed):
                    _ctypes.dlopen(entry.path, os.RTLD_NOW | os.RTLD_LOCAL)
                    self.extensions[name] = entry.path
            except OSError:
                continue

    def find_spec(self, fullname, path=None, target=None):
        """The finder's part: the module's spec, or None."""
        spec = importlib.machinery.ModuleSpec
        if fullname in self.extensions:
            where = self.extensions[fullname]
            loader = importlib.machinery.ExtensionFileLoader(fullname, where)
            return spec(fullname, loader, origin=where)
        if fullname not in self.code:
            return None
        where, package, _, _ = self.code[fullname]
        found = spec(fullname, self, origin=where, is_package=package)
        found.has_location = True
        if package:
            found.submodule_search_locations = [os.path.dirname(where)]
        return found

    def create_module(self, spec):
        """The loader's part: nothing out of the ordinary."""

    def exec_module(self, module):
        """The loader's part: run the module's code."""
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, fullname):
        """The module's code (``runpy`` asks for it as well)."""
        path, _, data, compiled = self.code[fullname]
        return marshal.loads(data) if compiled else compile(data, path, "exec", dont_inherit=True)


def _mapped() -> set[str]:
    """Paths of the files that are mapped into this process."""
    try:
        with open("/proc/self/maps") as file:
            return {line.split(None, 5)[5].strip() for line in file if line.count("/")}
    except (OSError, IndexError):
        return set()
