"""The page of the real model's curves is what its committed rows give."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "results" / "smollm2"


def script():
    spec = importlib.util.spec_from_file_location("curves", FOLDER / "curves.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_that_of_the_rows():
    curves = script()
    rows = curves.lines_of(FOLDER / "curves.jsonl")
    about = json.loads((FOLDER / "runs.json").read_text())
    assert curves.table(rows, about) in (FOLDER / "README.md").read_text()
    counts = Counter(f"{row['algo']} seed {row['seed']}" for row in rows)
    assert counts == {name: curves.ITERATIONS for name in about}, "whole runs, and no others"
    assert all(0.0 <= row["return"] <= 1.0 for row in rows)


def test_thirds():
    assert script().thirds([0.0, 0.2, 9.0, 9.0, 9.0, 9.0, 1.0, 2.0]) == (0.1, 1.5)
