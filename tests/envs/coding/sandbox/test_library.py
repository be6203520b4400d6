"""The standard library is the same on every rung, and nothing of the project has a name inside."""

from __future__ import annotations

import sys

import pytest

from colllm_bench.envs.coding.sandbox import Limits, Pool

RUNGS = ("namespaces", "landlock", "seccomp")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the rungs are Linux's")
IMPORT = """
def f(name):
    try:
        __import__(name)
    except ImportError as error:
        return False
    return True
"""
FROM_OUTSIDE = {"_bz2", "_ctypes_test", "_curses", "_dbm", "_gdbm", "_hashlib", "_lzma", "_sqlite3",
                "_ssl", "_tkinter", "_uuid", "bz2", "curses", "lzma", "nis", "readline", "sqlite3",
                "ssl", "tkinter", "turtle", "_crypt", "crypt", "_curses_panel"}
"""What needs C libraries that no Python's library holds."""


@pytest.fixture(scope="module")
def importable() -> dict[str, set[str]]:
    """For each rung, the modules of the library that a program can import, each on its own."""
    names = sorted(name for name in sys.stdlib_module_names if name != "__main__")
    cases, limits = [[name] for name in names], Limits(cpu=5.0)
    known = {}
    for rung in ("unsafe", *RUNGS):
        with Pool(workers=1, rung=rung) as pool:
            outcomes = pool.run(IMPORT, "f", cases, limits, isolate=True)
        known[rung] = {name for name, o in zip(names, outcomes, strict=True) if o.value}
    return known


@pytest.mark.slow
@pytest.mark.parametrize("rung", RUNGS)
def test_every_module_imports_on_every_rung(importable, rung):
    assert importable[rung] == importable["namespaces"]
    missing = importable["unsafe"] - importable[rung]
    assert missing <= FROM_OUTSIDE, "only what needs a C library from elsewhere may be missing"


@pytest.mark.parametrize("rung", RUNGS)
def test_common_and_rare_modules_import_on_every_rung(rung):
    names = ("logging", "asyncio", "csv", "cmath", "unicodedata", "zoneinfo", "pathlib", "pickle",
             "dataclasses", "decimal", "email.message", "xml.etree.ElementTree", "unittest.mock",
             "concurrent.futures", "encodings.utf_16", "encodings.cp1252", "runpy", "argparse")
    with Pool(workers=1, rung=rung) as pool:
        outcomes = pool.run(IMPORT, "f", [[name] for name in names], Limits(cpu=5.0), isolate=True)
    assert [name for name, o in zip(names, outcomes, strict=True) if not o.value] == []


NAMES = """
import sys

def f(what):
    if what == "modules":
        return [name for name in sys.modules if "colllm" in name or "sandbox" in name]
    if what == "paths":
        held = (*sys.path, *sys.argv, *sys.orig_argv[1:], *sys.path_importer_cache)
        return [path for path in held if "sandbox" in path]
    if what == "main":
        import __main__
        return [name for name in vars(__main__) if not name.startswith("__")]
    if what == "finders":
        return [str(type(finder)) for finder in sys.meta_path if "colllm" in str(type(finder))]
    try:
        __import__(what)
    except ModuleNotFoundError:
        return []
    return [what]
"""


@pytest.mark.parametrize("rung", ("unsafe", *RUNGS))
def test_nothing_of_the_project_can_be_named(rung):
    asked = ("modules", "paths", "main", "finders", "colllm_bench", "colllm_bench.envs",
             "colllm_bench.envs.coding.sandbox.inside.job", "inside", "job", "fork_server",
             "protocol", "values", "library")
    with Pool(workers=1, rung=rung) as pool:
        outcomes = pool.run(NAMES, "f", [[what] for what in asked])
    assert {what: o.value or o.error for what, o in zip(asked, outcomes) if o.value != []} == {}
