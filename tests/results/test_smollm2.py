"""The page of the real model's curves is what its committed rows give."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from statistics import fmean

import pytest
from scripts import load_script

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "results" / "smollm2"


def script():
    return load_script(FOLDER / "curves.py")


@pytest.mark.parametrize("env", ["credit", "coding", "strategy"])
def test_the_table_is_that_of_the_rows(env):
    curves = script()
    task = curves.TASKS[env]
    rows = curves.lines_of(task.place("curves", "jsonl"))
    about = json.loads(task.place("runs", "json").read_text())
    assert curves.shown(rows, about) in (FOLDER / "README.md").read_text()
    counts = Counter(f"{row['algo']} seed {row['seed']}" for row in rows)
    assert counts == {name: task.iterations for name in about}, "whole runs, and no others"
    assert all(0.0 <= row["return"] <= 1.0 for row in rows)


@pytest.mark.parametrize("name", ["coding_64", "strategy_96"])
def test_the_table_of_the_same_tasks_is_that_of_the_evaluation(name):
    assert script().paired(name) in (FOLDER / "README.md").read_text()


def test_the_means_that_pages_state_are_those_of_the_runs():
    about = json.loads((FOLDER / "runs.json").read_text())
    means = {"untrained": fmean(run["return"]["untrained"]["mean"] for run in about.values())}
    for algo in ("mc", "dc", "cc"):
        own = [run for name, run in about.items() if name.startswith(algo)]
        assert len(own) == 5 and {run["commit"] for run in own} == {own[0]["commit"]}
        means[algo] = fmean(run["return"]["trained"]["mean"] for run in own)
    page, readme = ((ROOT / name).read_text() for name in (
        "results/smollm2/README.md", "README.md"
    ))
    assert "({cc:.3f} against {mc:.3f} and {dc:.3f})".format(**means) in page
    for algo in ("cc", "dc", "mc"):
        assert re.search(rf"`{algo}`\s[^`]*{means[algo]:.2f}", readme), algo
    assert f"untrained {means['untrained']:.2f};" in readme


def test_the_table_of_first_answers_is_that_of_the_transcripts():
    transcripts = load_script(FOLDER / "transcripts.py")
    rows = transcripts.read(FOLDER / "transcripts.jsonl")
    assert transcripts.table(rows) in (FOLDER / "README.md").read_text()


def test_the_plays_on_the_development_sets_are_those_of_the_warm_starts():
    page = (FOLDER / "README.md").read_text()
    for env in ("strategy", "coding", "credit"):
        record = json.loads((FOLDER / f"warm_{env}.json").read_text())
        shown = page[page.index(f"| `{env}`"):]
        assert f"| {record['goal']:.3f} |" in shown.splitlines()[0]
        for row, line in zip(record["checks"], shown.splitlines()):
            assert f"| {row['step']} | {row['return']:.3f} | {row['invalid']:.3f} |" in line


def test_thirds():
    assert script().thirds([0.0, 0.2, 9.0, 9.0, 9.0, 9.0, 1.0, 2.0]) == (0.1, 1.5)
