"""What pip lays down is whole; the pins cover it; the checkout runs without being installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from paths import ROOT

ROOMS = {"colllm_bench": "colllm_bench", "envs": "colllm_bench/envs",
         "baselines": "colllm_bench/baselines", "leaderboard": "colllm_bench/leaderboard"}
SITE = ROOT / "leaderboard" / "site"
"""Where reports are written by default: no part of the package."""
PLAY = """
import sys, colllm_bench
print(colllm_bench.__file__)
env = colllm_bench.make("strategy", agents=2)
env.reset(seed=0)
env.step({agent: "march" for agent in env.agents})
from colllm_bench.registry import MODELS
assert (MODELS["tiny"].folder("strategy") / "model.safetensors").is_file()
assert "torch" not in sys.modules
"""


def clean() -> dict[str, str]:
    """The environment without what an outer make or a checkout's path would add."""
    ours = ("PYTHONPATH", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ARGS", "PYTHON", "VENV")
    return {key: value for key, value in os.environ.items() if key not in ours}


def run(*command: str, cwd: Path, path: Path | None = None) -> str:
    environment = clean()
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shipped() -> set[str]:
    """Every file of the four rooms that an installation must have."""
    return {
        f"{ROOMS[room]}/{path.relative_to(ROOT / room).as_posix()}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and SITE not in path.parents
        and ROOT / "leaderboard" / "site" not in path.parents  # a report that somebody built
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that no build/ is left in the checkout, nor one of before used."""
    where = tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns("__pycache__")
    for room in ROOMS:
        shutil.copytree(ROOT / room, where / room, ignore=ignore)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, where)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    run(*pip, "-w", str(where / "made"), str(where), cwd=where)
    return next((where / "made").glob("*.whl"))


def test_the_wheel_has_every_file_and_no_other(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == shipped()
    # Models are 4.6 MB of it; another one, or a data set, is to be noticed.
    assert wheel.stat().st_size < 5.8 * 2**20


def test_the_wheel_works_from_anywhere(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "empty").mkdir()
    said = run(sys.executable, "-c", PLAY, cwd=tmp_path / "empty", path=tmp_path / "site")
    assert said.strip().startswith(str(tmp_path))
    argv = (sys.executable, "-m", "colllm_bench.run", "--list")
    assert "  strategy  " in run(*argv, cwd=tmp_path / "empty", path=tmp_path / "site")


def test_a_checkout_works_without_being_installed(tmp_path):
    ignore = shutil.ignore_patterns("__pycache__")
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    code = PLAY + (
        "import colllm_bench.baselines, colllm_bench.leaderboard\n"
        "print(colllm_bench.baselines.__file__)\n"
    )
    lines = run(sys.executable, "-c", code, cwd=tmp_path, path=tmp_path).split()
    assert lines == [
        str(tmp_path / "colllm_bench/__init__.py"), str(tmp_path / "baselines/__init__.py")
    ]


def requirements() -> dict[str, list[str]]:
    """Names that pyproject.toml asks for, by extra (``""``: always)."""
    text = (ROOT / "pyproject.toml").read_text()
    lists = {"": re.search(r"^dependencies = \[(.*?)\]", text, re.M | re.S)[1]}
    extras = re.search(r"\[project.optional-dependencies\](.*?)\n\[tool", text, re.S)[1]
    lists |= dict(re.findall(r"^(\w+) = \[(.*?)\]", extras, re.M | re.S))
    return {name: re.findall(r'"([\w-]+)', body) for name, body in lists.items()}


def test_environments_and_command_line_need_no_torch():
    asked = requirements()
    assert set(asked) >= {"", "train", "plots", "test"}
    assert not {"torch", "transformers", "peft", "matplotlib"} & set(asked[""])
    assert {"torch", "transformers", "peft"} <= set(asked["train"])


def test_everything_asked_for_is_pinned():
    pins: dict[str, list[str]] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, version, marker = re.fullmatch(
                r"([a-z0-9-]+)==([\w.]+)(?: ; python_version (<|>=) '3\.11')?", line
            ).groups()
            pins.setdefault(name, []).append(marker)
            assert version
    for name, markers in pins.items():
        assert markers in ([None], ["<"], [">="], ["<", ">="]), name
    for extra, names in requirements().items():
        if extra == "vllm":  # each of its releases asks for a torch of its own: no pin fits ours
            continue
        for name in names:
            assert name in pins, f"{name} of {extra or 'dependencies'} has no pin"


def test_make_is_instant_once_set_up(tmp_path):
    """With the stamp newer than what decides the set-up, make goes straight to the command."""
    for name in ("Makefile", "pyproject.toml", "setup.py", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    dry = run("make", "-n", "run", cwd=tmp_path)
    assert "-m venv" in dry and '-c constraints.txt -e ".[train,plots]"' in dry
    whole = run("make", "-n", "test", cwd=tmp_path)
    assert '-c constraints.txt -e ".[train,plots,test]"' in whole and "python -m pytest" in whole
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".installed").touch()
    again = run("make", "-n", "run", "ARGS=--seeds 0:3", cwd=tmp_path)
    assert again.split() == (
        ".venv/bin/python -m colllm_bench.run --env strategy --algo cc --resume "
        "--seeds 0:3".split()
    )
    (tmp_path / ".venv" / ".testable").touch()
    tests = run("make", "-n", "test", "test-all", cwd=tmp_path).splitlines()
    alone = "OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE"
    command = f"{alone} .venv/bin/python -m pytest -q -n 2 --dist loadfile"
    assert tests == [f'{command} -m "not slow" ', f"{command} "]


def test_make_refuses_a_python_that_is_too_old(tmp_path):
    for name in ("Makefile", "pyproject.toml", "setup.py", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    old = tmp_path / "python3"
    old.write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'import sys; sys.version_info = (3, 9, 1);"
        f' exec(sys.argv[1])\' "$2"\n'
    )
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "run", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, env=clean()
    )
    assert done.returncode != 0
    assert "is Python 3.9; allowed: 3.10 to 3.13; fix: make PYTHON=python3.12" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_ci_is_the_set_up_of_a_newcomer():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = script.read_text().splitlines()
    assert {"make lint", "make docs", 'exec make "${1:-test}"'} <= set(lines)
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert re.search(r"^ +- run: \.ci/run ", workflow, re.M)
