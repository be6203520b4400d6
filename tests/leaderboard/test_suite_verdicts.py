"""Verdicts: what a test over runs allows to say, and what it does not."""

from __future__ import annotations

import errno
import json
import math
import os

import pytest
from suite_files import make_records, make_suite

from colllm_bench.errors import ConfigError, RunError
from colllm_bench.leaderboard.suite import plots, power, tables, verdicts
from colllm_bench.leaderboard.suite.records import (
    by_task,
    find_suites,
    read_records,
    reference_folder,
    score_table,
    write_records,
)


@pytest.fixture
def suite(tmp_path):
    return make_suite(tmp_path)


def against(suite, ours, theirs):
    return verdicts.against(suite, "ours", by_task(ours), "theirs", by_task(theirs))


def words(compared, what):
    return [row[what]["verdict"] for row in compared["tasks"]]


def test_a_clear_difference_is_better_one_way_and_worse_the_other(suite):
    high, low = make_records(suite, "high", 0.9), make_records(suite, "low", 0.3)
    assert words(against(suite, high, low), "score") == ["better", "better"]
    assert words(against(suite, low, high), "score") == ["worse", "worse"]
    row = against(suite, high, low)["tasks"][0]["score"]
    assert row["low"] < row["difference"] < row["high"] and row["low"] > 0
    assert row["p"] == pytest.approx(2 * 2 / math.comb(10, 5)), "Holm: times two tasks"
    assert row["effect"] > 2 and row["improvement"]["value"] == 1.0


def test_easier_tasks_of_a_curriculum_are_episodes_and_not_scores(suite):
    """Ten of twenty iterations are on an easier task, and won; of one run all are."""
    one, two, *_ = by_task(make_records(suite, "cc", 0.5))["a"]
    easier = one["curve"][:10]
    late = one | {"curve": [None] * 10 + [0.1] * 5 + [0.5] * 5}
    task = suite.task("a")
    assert max(easier) < task.threshold <= 0.5
    found = verdicts.described(task, [late, late | {"seed": 1}])
    assert found["training"] == pytest.approx(0.3) and found["samples"]["reached"] == [True, True]
    assert found["samples"]["seeds"] == pytest.approx([560, 560], abs=1), "five of 32 at .1, then"
    never = two | {"curve": [None] * 20}
    found = verdicts.described(task, [late, never])
    assert found["training"] is None and found["samples"]["reached"] == [True, False]
    assert found["samples"]["seeds"][1] == 640
    shown = plots.figure(verdicts.results(suite, {"cc": [late, never]}))
    drawn = shown.axes[0].lines[0].get_ydata()
    assert math.isnan(drawn[9]) and drawn[10] == pytest.approx(0.1)


@pytest.mark.parametrize("changes, says", [
    ({"score": 0.999}, "line 1: score 0.9990, and its returns make"),
    ({"range": [0.0, 0.5]}, "line 1: score|line 1: range"),
    ({"references": [[0.5] * 40, [1.0] * 40]}, "and the reference teams' returns make"),
    ({"curve": [0.5]}, "another length"),
    ({"episodes": [32], "curve": [0.5]}, "32 episodes of a budget of 640"),
])
def test_a_record_that_contradicts_itself_is_refused(suite, tmp_path, changes, says):
    first, *others = make_records(suite, "mc", 0.5)
    write_records(tmp_path / "mc.jsonl", [first | changes, *others])
    with pytest.raises(ConfigError, match=says):
        read_records(tmp_path / "mc.jsonl", suite)


def test_one_run_under_two_seeds_is_refused(suite, tmp_path):
    first, *others = make_records(suite, "mc", 0.5)
    write_records(tmp_path / "mc.jsonl", [first, *others, first | {"seed": 9}])
    with pytest.raises(ConfigError, match="task a: seeds 0 and 9 are one run"):
        read_records(tmp_path / "mc.jsonl", suite)


def test_two_runs_that_never_came_to_the_task_are_two(suite, tmp_path):
    dead = {"curve": [None] * 20, "returns": [0.0] * 40, "score": 0.0}
    runs = [record | dead | {"tokens": 1000 + record["seed"]}
            for record in make_records(suite, "mc", 0.5) if record["task"] == "a"]
    write_records(tmp_path / "mc.jsonl", runs)
    assert len(read_records(tmp_path / "mc.jsonl", suite)) == 5
    write_records(tmp_path / "mc.jsonl", [run | {"tokens": 7} for run in runs])
    with pytest.raises(ConfigError, match="seeds 0 and 1 are one run"):
        read_records(tmp_path / "mc.jsonl", suite)


def test_a_variants_settings_were_searched_without_it(suite):
    records = [r | {"draws": 8} for r in make_records(suite, "cc", 0.5)]
    compared = verdicts.against(suite, "cc+replay=3", by_task(records), "cc", by_task(records))
    assert compared["effort"] == ["the best of 8 draws, searched without replay=3",
                                  "the best of 8 draws"]


def test_settings_from_elsewhere_are_no_defaults(suite):
    plain = make_records(suite, "cc", 0.5)
    given = [r | {"settings": {"lr": 0.1}} for r in make_records(suite, "mc", 0.5)]
    compared = verdicts.against(suite, "cc", by_task(plain), "mc", by_task(given))
    assert compared["effort"] == ["its defaults",
                                  "settings that this suite's search did not choose"]


def test_samples_have_a_verdict_of_their_own(suite):
    soon = make_records(suite, "soon", 0.9, soon=0.25)
    late = make_records(suite, "late", 0.9, soon=0.75)
    compared = against(suite, soon, late)
    assert words(compared, "samples") == ["better", "better"]
    assert all(row["samples"]["ratio"] < 0.6 for row in compared["tasks"])
    assert "better" not in words(compared, "score")


def test_equal_algorithms_get_no_verdict(suite):
    one, two = make_records(suite, "one", 0.6), make_records(suite, "two", 0.6)
    compared = against(suite, one, two)
    assert set(words(compared, "score")) == {verdicts.NONE}
    overall = compared["overall"]
    assert overall["low"] < 0 < overall["high"]
    assert overall["verdicts"]["score"][verdicts.NONE] == 2


def test_too_few_runs_say_so_whatever_they_show(suite):
    high, low = make_records(suite, "high", 0.95, 3), make_records(suite, "low", 0.1, 3)
    assert set(words(against(suite, high, low), "score")) == {verdicts.FEW}


def test_thresholds_that_nobody_reached_have_no_test(suite):
    low = make_records(suite, "low", 0.1), make_records(suite, "other", 0.1)
    compared = against(suite, *low)
    assert set(words(compared, "samples")) == {verdicts.NOBODY}
    assert compared["tasks"][0]["samples"]["ratio"] == 1.0


def test_records_are_replaced_whole_or_not_at_all(suite, tmp_path, monkeypatch):
    path = tmp_path / "mc.jsonl"
    write_records(path, make_records(suite, "mc", 0.5, 2))
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError):
        write_records(path, make_records(suite, "mc", 0.9, 3))
    assert path.read_bytes() == before and list(tmp_path.glob(".mc*")) == []


@pytest.mark.parametrize("gain, p, least, word", [
    (1.0, 0.01, 0.01, "better"), (-1.0, 0.01, 0.01, "worse"), (1.0, 0.06, 0.01, verdicts.NONE),
    (1.0, 0.06, 0.06, verdicts.FEW), (1.0, None, 0.0, verdicts.FEW),
    (0.0, 0.01, 0.0, verdicts.NONE),
    (1.0, 0.04, 0.06, "better"),  # a later test of Holm's, corrected for fewer
])
def test_what_a_p_value_allows_to_say(gain, p, least, word):
    assert verdicts.verdict(gain, p, least) == word


def test_the_report_names_every_task_seed_and_verdict(suite):
    data = verdicts.results(suite, {
        "mine": make_records(suite, "mine", 0.9), "mc": make_records(suite, "mc", 0.3),
        "cc": make_records(suite, "cc", 0.5),
    }, ["mine"])
    assert [(c["ours"], c["theirs"]) for c in data["comparisons"]] == [
        ("mine", "mc"), ("mine", "cc")
    ]
    json.dumps(data, allow_nan=False)
    text = tables.markdown(data)
    assert suite.digest in text and text.count("| better |") >= 2
    for task in data["tasks"]:
        one = task["algorithms"]["mine"]
        low, high = one["on_such_tasks"]
        assert low <= one["score"]["low"] and high >= one["score"]["high"]
        assert f"{one['score']['seeds'][3]:.3f}" in text


def test_unequal_effort_is_told(suite):
    ours = [{**record, "draws": 16} for record in make_records(suite, "mine", 0.9)]
    compared = against(suite, ours, make_records(suite, "mc", 0.3))
    assert compared["effort"] == ["the best of 16 draws", "its defaults"]
    assert "**Unequal effort**" in tables.effort(compared)
    assert "Unequal" not in tables.effort(against(suite, ours, ours))


def test_two_of_each_pair_are_compared_without_ours(suite):
    records = {name: make_records(suite, name, 0.5) for name in ("a", "b", "c")}
    assert len(verdicts.results(suite, records)["comparisons"]) == 3


# -- records


def test_records_come_back_and_those_of_another_version_are_refused(tmp_path, suite):
    records = make_records(suite, "mc", 0.5, 2)
    path = reference_folder(tmp_path / "suite", suite) / "mc.jsonl"
    write_records(path, records)
    write_records(path, records)
    assert read_records(path, suite) == records
    scores, ends = score_table(records[:2])
    assert scores.shape == (2, 40) and ends.mean(1).tolist() == [0.0, 1.0]
    write_records(path, [{**records[0], "digest": "another"}])
    with pytest.raises(ConfigError, match="results of two versions do not compare"):
        read_records(path, suite)
    found, faults = find_suites([tmp_path])
    assert found == [] and "unknown suite 'mine'" in faults[0]


# -- power


def test_a_larger_spread_and_more_tasks_need_more_seeds():
    few, many = power.seeds_needed(0.02, 0.05), power.seeds_needed(0.10, 0.05)
    assert few < many == pytest.approx(64, abs=2), "the textbook's 63 a side at 80% and 2 sigma"
    assert power.seeds_needed(0.05, 0.05, tasks=10) > power.seeds_needed(0.05, 0.05)
    assert power.seeds_needed(0.0, 0.05, tasks=5) == 5, "fewer runs have no p below 1%"


def test_the_plan_reads_the_spread_of_each_task(suite):
    references = {name: make_records(suite, name, 0.6) for name in ("mc", "cc")}
    rows = power.plan(suite, references)
    assert [row["task"] for row in rows] == ["a", "b"] and rows[0]["runs"] == 10
    assert all(row["score_safe"] >= row["score"] > 2 for row in rows)
    assert rows[0]["seconds"] == 10.0
    empty = power.plan(suite, {})
    assert empty[0]["score"] is None and "no references" in tables.planned(empty)
