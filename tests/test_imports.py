"""Imports point one way, and what needs no torch loads none."""

from __future__ import annotations

import ast
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import colllm_bench

HERE = Path(colllm_bench.__file__).parent
ROOMS = {
    "colllm_bench": HERE,
    "colllm_bench.envs": HERE.parent / "envs",
    "colllm_bench.baselines": HERE.parent / "baselines",
    "colllm_bench.leaderboard": HERE.parent / "leaderboard",
}
# types <- envs | team <- rollout <- baselines <- train <- run
FLOORS = [
    "types errors config registry seeding intervals fielddocs",
    "files provenance transcripts replays checkpoints record returns losses cli bases",
    "envs conformance testing",
    "streams batch views exchange loading memory lora peft_files adapters lanes cache "
    "checkpointing prompts session team critic snr pretrain perplexity",
    "rollout players pacing ledger completions endpoint "
    "answers screens person watching",
    "baselines",
    "checks environments evaluation learner teams alone decentralized comparison training "
    "verification retraining",
    "leaderboard",
    "progress report board logs launch launch_local run "
    "seating play",
    "entries evaluate crossplay",
    "grid sweep forecast launch_ray",
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names.split()}
BESIDE = {"envs": {"batch", "loading", "lora", "team", "rollout", "files", "record"}}
"""Rooms that may not know each other though neither lies above the other."""
NO_TORCH = ("config", "registry", "cli", "run", "record", "files", "launch", "report", "evaluation",
            "checks", "environments", "rollout", "players", "teams", "testing", "leaderboard",
            "board", "grid", "sweep", "forecast",
            "endpoint", "decentralized", "comparison", "entries", "evaluate", "crossplay")


def modules() -> dict[str, Path]:
    found = {}
    for package, folder in ROOMS.items():
        for path in folder.glob("*.py") if package == "colllm_bench" else folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join([package, *(part for part in parts if part != "__init__")])
            found[name] = path
    return found


def imported(path: Path) -> set[str]:
    """Every module that a file imports, at its top or within a function."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room(module: str) -> str:
    return (module.split(".") + [""])[1]


def test_every_module_has_its_floor():
    rooms = {room(module) for module in modules()} - {""}
    assert rooms == FLOOR.keys(), "a new module: put it on a floor of FLOORS"


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_point_downwards(module):
    known = modules()
    for name in imported(known[module]):
        if name in known and room(name) and room(module):
            here, there = room(module), room(name)
            assert FLOOR[there] <= FLOOR[here], f"{module} imports {name}, which lies above it"
            assert there not in BESIDE.get(here, ()), f"{module} imports {name}"


@pytest.mark.parametrize("module", [m for m in sorted(modules()) if room(m) == "envs"])
def test_environments_know_no_torch(module):
    found = {name.split(".")[0] for name in imported(modules()[module])}
    assert not found & {"torch", "transformers", "peft", "tokenizers", "safetensors"}


def test_what_needs_no_torch_loads_none():
    names = [m for m in modules() if room(m) in NO_TORCH or room(m) == "envs"]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "found = [m for m in ('torch', 'transformers', 'peft', 'pandas') if m in sys.modules]\n"
        "sys.exit(', '.join(found) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import runpy, sys\n"
        "sys.argv[1:] = ['--help']\n"
        "try: runpy.run_module('colllm_bench.run', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = ('torch', 'transformers', 'pettingzoo', 'gymnasium', 'numpy', 'rich')\n"
        "sys.exit(', '.join(m for m in heavy if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--algo NAME" in done.stdout
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "colllm_bench.run", "--help"], capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.3
