"""Rooms import one way, files form no circle, and what needs no torch loads none.

The rooms, from the ground; a room may import those of the lines above it, and nothing else.
docs/architecture.md shows the same list.
"""

from __future__ import annotations

import ast
import resource
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from paths import ROOT

FLOORS = [
    "types errors seeding",
    "options registry processes",
    "config",
    "cli objectives runs",
    "envs models",
    "learners",
    "baselines",
    "setup suites",
    "teams testing",
    "rollout",
    "evaluation interactive",
    "training",
    "display hub",
    "launchers leaderboard warm_start",
    "run evaluate pretrain",
    "play sweep suite",
    "__main__",
]
FLOOR = {name: number for number, line in enumerate(FLOORS) for name in line.split()}
PACKAGES = {
    "colllm_bench": ROOT / "colllm_bench",
    **{f"colllm_bench.{name}": ROOT / name for name in ("envs", "baselines", "leaderboard")},
}
TORCH = {"models", "objectives", "learners", "training", "baselines", "warm_start"}
"""Rooms that may import torch at the top of their files."""
HEAVY = {"torch", "transformers", "peft", "tokenizers", "safetensors"}
EVERYBODYS = {"types", "errors", "seeding", "options", "registry", "config"}
"""The core: all that a room may use without being asked."""


def modules() -> dict[str, Path]:
    names = {}
    for package, folder in PACKAGES.items():
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            names[".".join([package, *(part for part in parts if part != "__init__")])] = path
    return names


MODULES = modules()


def imported(module: str) -> set[str]:
    """Modules of the project that a file imports, at its top or within a function."""
    names = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                names.add(whole if whole in MODULES else node.module)
    return names & MODULES.keys() - {module}


def room(module: str) -> str:
    return (module.split(".") + [""])[1]


def test_every_room_has_its_floor():
    assert {room(module) for module in MODULES} - {""} == FLOOR.keys()


def test_the_front_hall_is_small():
    assert len([p for p in (ROOT / "colllm_bench").glob("*.py") if p.stem != "__init__"]) <= 12


@pytest.mark.parametrize("module", sorted(MODULES))
def test_rooms_import_one_way(module):
    here = room(module)
    for name in imported(module):
        there = room(name)
        if here and there and here != there:
            assert FLOOR[there] < FLOOR[here], f"{module} imports {name}, which lies above it"


def test_files_form_no_circle():
    graph = {
        module: {name for name in imported(module) if MODULES[name].stem != "__init__"}
        for module in MODULES
    }
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_nothing_but_the_core_is_imported_by_all():
    rooms = {r for r in FLOOR if r not in EVERYBODYS}
    users = {
        there: {room(m) for m in MODULES for name in imported(m) if room(name) == there}
        for there in rooms
    }
    assert [name for name in rooms if len((users[name] & rooms) - {name}) == len(rooms) - 1] == []


@pytest.mark.parametrize("name", ["tests", "colllm_bench", "results", "examples", "docs"])
def test_a_checkout_has_no_second_door(name):
    code = f"import colllm_bench.{name}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert f"ModuleNotFoundError: No module named 'colllm_bench.{name}'" in done.stderr


@pytest.mark.parametrize(("old", "attribute"), [
    ("colllm_bench.alone", "AgentWorker"), ("colllm_bench.spaces", "TextSpace"),
    ("colllm_bench.envs.coding.pool", "shared_pool"),
    ("colllm_bench.baselines.base", "ActorCritic"),
])
def test_modules_that_were_documented_are_found_at_their_old_place(old, attribute):
    code = (f"import importlib, warnings; warnings.simplefilter('ignore'); "
            f"print(getattr(importlib.import_module({old!r}), {attribute!r}).__module__)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and old not in done.stdout, done.stderr


def test_an_agents_process_starts_under_its_old_name_too():
    done = subprocess.run(
        [sys.executable, "-m", "colllm_bench.alone"], input="", capture_output=True, text=True
    )
    new = subprocess.run(
        [sys.executable, "-m", "colllm_bench.teams.agent_process"], input="",
        capture_output=True, text=True,
    )
    assert (done.returncode, done.stdout) == (new.returncode, new.stdout)


@pytest.mark.parametrize("module", sorted(m for m in MODULES if room(m) == "envs"))
def test_environments_know_no_torch(module):
    tree = ast.parse(MODULES[module].read_text())
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert not {name.split(".")[0] for name in names} & HEAVY


def test_what_needs_no_torch_loads_none():
    names = [m for m in MODULES if room(m) not in TORCH and not m.endswith("__main__")]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"heavy = [m for m in {sorted(HEAVY | {'pandas'})!r} if m in sys.modules]\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import runpy, sys\n"
        "sys.argv[1:] = ['--help']\n"
        "try: runpy.run_module('colllm_bench.run', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = ('torch', 'transformers', 'pettingzoo', 'gymnasium', 'numpy', 'rich', 'scipy')\n"
        "sys.exit(', '.join(m for m in heavy if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--algo NAME" in done.stdout and "--gae-lambda X" in done.stdout
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "colllm_bench.run", "--help"], capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.3
