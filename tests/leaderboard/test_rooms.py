"""The leaderboard's rooms import one another in one direction, and are light to import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import colllm_bench.leaderboard

ROOT = Path(colllm_bench.leaderboard.__file__).parent
NAME = "colllm_bench.leaderboard"
ABOVE = {
    "data": "", "palette": "", "statistics": "data", "metrics": "data statistics",
    "report_data": "data statistics metrics",
    "export": "data statistics metrics report_data",
    "plots": "data statistics metrics report_data palette",
    "page": "metrics report_data palette",
    "submissions": "data statistics",
    "suite": "data statistics plots",
    "build": "data statistics metrics report_data export plots page submissions suite",
    "submit": "submissions", "verify": "submissions",
    "__main__": "build submit verify", "": "",
}
"""Each room or module, and those that it may import."""


def room(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def rooms_imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[:2] == NAME.split("."):
            names = [node.module] if node.module != NAME else [
                f"{NAME}.{alias.name}" for alias in node.names
            ]
            found |= {name.split(".")[2] for name in names}
    return found - {room(path)}


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_room_imports_only_those_below_it(path):
    assert rooms_imported(path) <= set(ABOVE[room(path)].split())


def test_the_order_has_no_circle():
    done: set[str] = set()
    while len(done) < len(ABOVE):
        free = {name for name, below in ABOVE.items() if set(below.split()) <= done} - done
        assert free, f"a circle among {sorted(ABOVE.keys() - done)}"
        done |= free


def test_every_room_says_what_it_is_and_exports_a_few_names_lightly():
    rooms = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
    assert rooms == ["data", "export", "page", "plots", "statistics", "submissions", "suite"]
    code = (
        "import importlib, sys\n"
        f"for name in {rooms!r}:\n"
        f"    module = importlib.import_module('{NAME}.' + name)\n"
        "    assert 'mport' in module.__doc__, name\n"
        "heavy = [m for m in ('matplotlib', 'pandas', 'torch') if m in sys.modules]\n"
        "assert not heavy, heavy\n"
        f"from {NAME}.plots import draw, heatmap, learning_curve\n"
        f"from {NAME}.submissions import check_submission, read_submission\n"
        f"from {NAME}.page import build_page\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
