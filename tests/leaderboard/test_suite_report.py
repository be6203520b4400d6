"""What a suite's report prints beside its verdicts: the log-rank test, the best of k draws."""

from __future__ import annotations

import json

import pytest
from suite_files import make_records, make_suite

from colllm_bench.errors import ConfigError
from colllm_bench.leaderboard.suite import tables, verdicts
from colllm_bench.leaderboard.suite.records import by_task
from colllm_bench.leaderboard.suite.searches import read_searches

NEVER = 99


@pytest.fixture
def suite(tmp_path):
    return make_suite(tmp_path)


def runs(suite, algo, jumps):
    """Runs whose training score is 0 and, from iteration ``jumps[task][seed]`` of 20 on, 1."""
    count = len(next(iter(jumps.values())))
    return [
        record | {"curve": [float(i >= jumps[record["task"]][record["seed"]]) for i in range(20)]}
        for record in make_records(suite, algo, 0.5, count)
    ]


def compared(suite, ours, theirs):
    first, second = by_task(runs(suite, "x", ours)), by_task(runs(suite, "y", theirs))
    return verdicts.against(suite, "x", first, "y", second)


APART = 2 / 6
"""Two against two, ours first: of six splits two are as far apart."""
MIXED = 1.0
"""Ours first and last: observed less expected is 1/3, the least of the six."""


@pytest.mark.parametrize("late", [[12, 14], [NEVER, NEVER]], ids=["late", "censored"])
def test_the_log_rank_test_stands_beside_the_ratio_and_decides_nothing(suite, late):
    found = compared(suite, {"a": [4, 6], "b": [4, 14]}, {"a": late, "b": [8, 10]})
    first, second = (row["samples"] for row in found["tasks"])
    assert [first["logrank_p_value"], second["logrank_p_value"]] == pytest.approx([APART, MIXED])
    assert first["logrank_p"] == pytest.approx(2 * APART), "Holm: times two tasks"
    assert second["logrank_p"] == pytest.approx(MIXED), "a p is at most 1"
    assert first["p_value"] == pytest.approx(2 / 6), "of six splits two are as far apart"
    assert first["verdict"] == verdicts.FEW, "of the permutation test, not of the log-rank one"
    lines = tables.comparison(found).splitlines()
    heads = [cell.strip() for cell in lines[0].split("|")]
    assert heads.index("samples: log-rank p") == heads.index("samples: p") + 1
    assert f"| 0.667 | {2 * APART:.3f} | {verdicts.FEW} |" in lines[2]


def test_no_log_rank_test_decides_a_verdict(suite):
    """One of theirs gets there long before all of ours, and no other: their mean is no later, but
    five of six of ours are."""
    ours, theirs = [10] * 5 + [11], [3] + [NEVER] * 5
    row = compared(suite, {"a": ours, "b": ours}, {"a": theirs, "b": theirs})["tasks"][0]["samples"]
    assert row["logrank_p"] == pytest.approx(2 * 14 / 924)
    assert row["logrank_p"] < verdicts.ALPHA < row["p"] and row["verdict"] == verdicts.NONE


def test_a_task_that_nobody_got_to_the_threshold_of_is_not_in_the_mean_ratio(suite):
    ours, theirs = [3, 4, 5, 4, 3], [8, 9, 10, 9, 8]
    found = compared(suite, {"a": ours, "b": [NEVER] * 5}, {"a": theirs, "b": [NEVER] * 5})
    first, second = (row["samples"] for row in found["tasks"])
    assert second["ratio"] == 1 and second["verdict"] == verdicts.NOBODY
    overall = found["overall"]
    keys = ("ratio", "low", "high")
    assert [overall[k] for k in ("ratio", "ratio_low", "ratio_high")] == pytest.approx(
        [first[k] for k in keys]
    ) and overall["ratio_tasks"] == 1
    assert ", of 1 task |" in tables.comparison(found).splitlines()[-1]
    nobody = {"a": [NEVER] * 5, "b": [NEVER] * 5}
    found = compared(suite, nobody, nobody)
    assert found["overall"]["ratio"] is None and found["overall"]["ratio_tasks"] == 0
    assert "|  |  |  |" in tables.comparison(found).splitlines()[-1]


def test_a_log_rank_test_that_was_not_made_is_blank_beside_its_reason(suite):
    nobody = {"a": [NEVER] * 5, "b": [NEVER] * 5}
    found = compared(suite, nobody, nobody)
    assert [row["samples"]["logrank_p"] for row in found["tasks"]] == [None, None]
    assert f"|  |  | {verdicts.NOBODY} |" in tables.comparison(found)
    single = compared(suite, {"a": [4], "b": [4]}, {"a": [8, 9, 10], "b": [8, 9, 10]})
    assert [row["samples"]["logrank_p"] for row in single["tasks"]] == [None, None]
    assert f"|  |  | {verdicts.FEW} |" in tables.comparison(single)


def test_the_report_says_which_p_the_verdicts_use(suite):
    data = verdicts.results(suite, {name: make_records(suite, name, 0.5) for name in ("x", "y")})
    text = " ".join(tables.markdown(data).split())
    assert "**verdicts rest on these two alone**" in text
    assert "**Log-rank p**" in text and "**no verdict uses it**" in text
    assert "No search of this suite" in text and "report.png" not in text
    assert "[report.png](report.png)" in tables.markdown(data, "report.png")


# -- the best of k draws


def write_search(suite, out, algo, scores, **changes):
    folder = out / suite.name / "tuned"
    folder.mkdir(parents=True, exist_ok=True)
    rung = {"share": 0.5, "seeds": [900], "scores": {str(k): s for k, s in enumerate(scores)}}
    late = {"share": 1.0, "seeds": [900, 901], "scores": {"1": 0.9}}
    (folder / f"{algo}.json").write_text(json.dumps({
        "suite": suite.name, "digest": suite.digest, "algo": algo, "tasks": ["a"],
        "seeds": [900, 901], "split": "dev", "rungs": [rung, late],
    } | changes))


def test_the_best_of_k_draws_by_hand(suite, tmp_path):
    """Of .1, .3, .2: mean .2; pairs .3, .2, .3; all .3. The last rung is of those that did well."""
    write_search(suite, tmp_path, "mc", [0.1, 0.3, 0.2])
    write_search(suite, tmp_path, "cc", [0.4, 0.2])
    found = read_searches(suite, tmp_path)
    assert found["mc"]["best_of"] == pytest.approx([0.2, 0.8 / 3, 0.3])
    text = "\n".join(tables.searched(found))
    assert "| mc | 0.200 | 0.267 | 0.300 |" in text
    assert "| cc | 0.300 | 0.400 |  |" in text, "no third draw"
    assert text.count("| algorithm |") == 1
    assert "after 50% of the budget" in text and "split `dev`, mean over a; 1 seed" in text


def test_searches_on_other_tasks_stand_in_a_table_of_their_own(suite, tmp_path):
    write_search(suite, tmp_path, "mc", [0.1, 0.3])
    write_search(suite, tmp_path, "cc", [0.4, 0.2], tasks=["a", "b"])
    parts = tables.searched(read_searches(suite, tmp_path))
    assert sum("| algorithm |" in part for part in parts) == 2
    assert "mean over a, b; 1 seed of each (900)" in "\n".join(parts)


def test_a_search_from_before_rungs_had_seeds_has_those_of_all(suite, tmp_path):
    rungs = [{"share": 0.5, "scores": {"0": 0.1}}]
    write_search(suite, tmp_path, "mc", [], rungs=rungs)
    assert read_searches(suite, tmp_path)["mc"]["seeds"] == [900, 901]


@pytest.mark.parametrize("changes, says", [
    ({"digest": "another"}, "results of two versions do not compare"),
    ({"rungs": []}, "no search's result"), ({"rungs": [{"share": 1.0}]}, "no search's result"),
])
def test_what_is_no_search_of_this_suite_is_refused(suite, tmp_path, changes, says):
    write_search(suite, tmp_path, "mc", [0.1], **changes)
    with pytest.raises(ConfigError, match=f"{says}.*fix: python -m colllm_bench.suite tune"):
        read_searches(suite, tmp_path)


def test_the_figure_has_a_panel_of_the_searches(suite, tmp_path):
    plots = pytest.importorskip("colllm_bench.leaderboard.suite.plots")
    data = verdicts.results(suite, {"mc": make_records(suite, "mc", 0.5)})
    without = plots.figure(data)
    write_search(suite, tmp_path, "mc", [0.1, 0.3, 0.2])
    write_search(suite, tmp_path, "seq", [0.4, 0.2])
    drawn = plots.figure(data | {"searches": read_searches(suite, tmp_path)})
    shown = [axis for axis in drawn.axes if axis.get_visible()]
    assert len(shown) == len(without.axes) + 1
    lines = {tuple(line.get_xdata()): list(line.get_ydata()) for line in shown[-1].lines}
    assert lines[(1, 2, 3)] == pytest.approx([0.2, 0.8 / 3, 0.3])
    assert lines[(1, 2)] == pytest.approx([0.3, 0.4])
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["mc", "seq"]
