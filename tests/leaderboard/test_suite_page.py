"""Suites on the page: found below the folders of a report, and shown first."""

from __future__ import annotations

import json

from made_runs import make_run
from suite_files import make_records

from colllm_bench.leaderboard import build
from colllm_bench.leaderboard.suite.records import (
    find_suites,
    reference_folder,
    write_records,
)
from colllm_bench.suites import load_suite


def test_references_of_a_suite_are_shown_first_and_their_teams_are_no_runs(tmp_path):
    suite = load_suite("v1-mini")
    folder = reference_folder(tmp_path / "results" / "suite", suite)
    for algo, level in (("mc", 0.9), ("cc", 0.3)):
        write_records(folder / f"{algo}.jsonl", make_records(suite, algo, level))
    make_run(folder / "teams", "writing", "mc", "strategy-2", 0)
    make_run(tmp_path / "results", seed=0)
    words = [str(tmp_path / "results"), "--out", str(tmp_path / "site"), "--no-plots", "--quiet"]
    assert build.main(words) == 0
    data = json.loads((tmp_path / "site" / "data.json").read_text())
    assert [group["env"] for group in data["groups"]] == ["strategy"] and data["excluded"] == []
    (shown,) = data["suites"]
    assert shown["digest"] == suite.digest and len(shown["comparisons"]) == 1
    rows = shown["comparisons"][0]["tasks"]
    assert [row["task"] for row in rows] == [task.id for task in suite.tasks]
    assert {row["score"]["verdict"] for row in rows} == {"worse"}, "cc against mc"
    page = (tmp_path / "site" / "index.html").read_text()
    assert page.index('id="suite"') < page.index('id="board"')
    assert "credit-luck" in page


def test_a_report_without_references_has_no_suites(tmp_path):
    make_run(tmp_path / "results", seed=0)
    words = [str(tmp_path / "results"), "--out", str(tmp_path / "site"), "--no-plots", "--quiet"]
    assert build.main(words) == 0
    assert json.loads((tmp_path / "site" / "data.json").read_text())["suites"] == []


def test_references_of_another_version_are_left_out_and_named(tmp_path, capsys):
    suite = load_suite("v1-mini")
    folder = reference_folder(tmp_path / "results" / "suite", suite)
    old = [{**record, "digest": "0123456789ab"} for record in make_records(suite, "mc", 0.5, 2)]
    write_records(folder / "mc.jsonl", old)
    make_run(tmp_path / "results", seed=0)
    words = [str(tmp_path / "results"), "--out", str(tmp_path / "site"), "--no-plots"]
    assert build.main(words) == 0
    assert "results of two versions do not compare" in capsys.readouterr().err


def test_the_newest_version_stands_first(tmp_path):
    for name in ("v1-mini", "v3-mini", "v2-mini"):
        suite = load_suite(name)
        write_records(reference_folder(tmp_path / "suite", suite) / "mc.jsonl",
                      make_records(suite, "mc", 0.5, seeds=1))
    found, faults = find_suites([tmp_path])
    assert [suite.name for suite, _ in found] == ["v3-mini", "v2-mini", "v1-mini"] and not faults
