"""Attacks gain nothing and correct programs pass: on every rung, as root and as nobody."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from paths import ROOT
from sandbox_corpus import drive

RUNGS = ("namespaces", "landlock", "seccomp")
NOBODY = 54_321
linux = pytest.mark.skipif(sys.platform != "linux", reason="the rungs are Linux's")
root = pytest.mark.skipif(os.getuid() != 0, reason="needs root to be somebody else")
pytestmark = linux


@pytest.fixture(scope="module")
def elsewhere():
    """A copy of what a jail needs that everybody can read, and a Python that everybody can run.

    Yields:
        (interpreter, folder)
    """
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        ignore = shutil.ignore_patterns("__pycache__", "models", "strategy", "writing")
        shutil.copytree(ROOT / "colllm_bench", folder / "colllm_bench", ignore=ignore)
        shutil.copytree(ROOT / "envs", folder / "colllm_bench/envs", ignore=ignore)
        corpus = ROOT / "tests/support/sandbox_corpus"
        shutil.copytree(corpus, folder / "sandbox_corpus", ignore=ignore)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)
        yield readable_python(folder), folder


def readable_python(folder: Path) -> str:
    """This Python, or if it lies in a private home a copy of it that everybody can run."""
    base = getattr(sys, "_base_executable", sys.executable)
    if runs_as_nobody(base, folder):
        return base
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    home = folder / "python"
    (home / "bin").mkdir(parents=True)
    shutil.copy2(os.path.realpath(base), home / "bin" / version)
    ignore = shutil.ignore_patterns(
        "site-packages", "dist-packages", "test", "idlelib", "tkinter", "config-*", "ensurepip",
        "lib2to3", "turtledemo",
    )
    library = Path(os.__file__).parent
    shutil.copytree(library, home / "lib" / version, ignore=ignore)
    for shared in Path(sys.base_prefix, "lib").glob("libpython*.so*"):
        shutil.copy2(shared, home / "lib")
    assert runs_as_nobody(str(home / "bin" / version), folder)
    return str(home / "bin" / version)


def as_nobody(*command: str, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, cwd=cwd, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True,
        text=True, timeout=300, env={
            "PATH": os.defpath, "PYTHONPATH": str(cwd), "LD_LIBRARY_PATH": str(cwd / "python/lib"),
        },
    )


def runs_as_nobody(python: str, folder: Path) -> bool:
    code = f"import ctypes, json, sys; sys.exit(sys.version != {sys.version!r})"
    try:
        return as_nobody(python, "-S", "-c", code, cwd=folder).returncode == 0
    except OSError:
        return False


def check(report: dict, rung: str, uid: int) -> None:
    assert report["wrong"] == {}, json.dumps(report["wrong"], indent=1)
    assert report["left"] == [] and report["threads"] == []
    assert report["rung"] == rung and report["uid"] == uid


def test_the_corpora_are_large():
    assert len(drive.ATTACKS) >= 200 and len(drive.SOLUTIONS) >= 35


@pytest.mark.parametrize("what", ["solutions", "attacks"])
@pytest.mark.parametrize("rung", RUNGS)
def test_as_whoever_runs_the_tests(rung, what):
    done = subprocess.run(
        [sys.executable, "-m", "sandbox_corpus.drive", rung, what], cwd=ROOT, capture_output=True,
        text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/tests/support"},
    )
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout), rung, os.getuid())


@root
@pytest.mark.parametrize("what", ["solutions", "attacks"])
@pytest.mark.parametrize("rung", RUNGS)
def test_as_nobody(elsewhere, rung, what):
    python, folder = elsewhere
    done = as_nobody(python, "-m", "sandbox_corpus.drive", rung, what, cwd=folder)
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout), rung, NOBODY)


def test_the_canaries_can_die(tmp_path):
    """Without a jail the same attacks do harm: the canaries would show it."""
    tmp_path.chmod(0o755)
    canaries = drive.Canaries(str(tmp_path))
    try:
        info = canaries.info()
        assert canaries.harm() == []
        harmful = ("write a file", "append to the canary", "loopback", "datagram",
                   "another's priority", "signal 15 to the pool")
        for name in harmful:
            space = {"__name__": "solution"}
            exec(drive.ATTACKS[name][1], space)
            space["f"](info)
        os.kill(info["victim"], 9)
        os.waitid(os.P_PID, info["victim"], os.WEXITED | os.WNOWAIT)
        found = " ".join(canaries.harm())
        for word in ("written", "st_size", "connection", "datagram", "victim", "signals"):
            assert word in found
    finally:
        canaries.close()
        for number in (1, 10, 15, 29):
            drive.signal.signal(number, drive.signal.SIG_DFL)
        os.environ.pop("COLLLM_CANARY", None)
