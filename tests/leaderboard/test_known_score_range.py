"""Reports normalize by the returns that an environment knows, where it knows them."""

from __future__ import annotations

import pytest
from made_runs import make_run

from colllm_bench.leaderboard.data import read
from colllm_bench.leaderboard.data.consistency import recomputed
from colllm_bench.leaderboard.data.run_reader import read_run
from colllm_bench.leaderboard.page.payload import page_view
from colllm_bench.leaderboard.report_data import build_data
from colllm_bench.leaderboard.statistics import finals
from colllm_bench.leaderboard.statistics.variability import std_error_of_tasks
from colllm_bench.runs import files


@pytest.mark.parametrize("known, expected", [([-6.0, 5.25], (-6.0, 5.25)), (None, None)])
def test_a_known_range_takes_the_place_of_the_measured_one(tmp_path, known, expected):
    path = make_run(tmp_path, "gone_v0", seed=0)  # of an environment that is not on this machine
    assert read_run(path).references == (0.0, 1.0)
    summary = files.read_json(path / "summary.json") | {"score_range": known}
    files.write_json(path / "summary.json", recomputed(summary))
    assert read_run(path).references == expected


def test_tasks_and_noise_are_on_the_known_scale(tmp_path):
    """A known range ten times as wide: a tenth of the spread between tasks, and no references."""
    groups = {}
    for name, width in (("narrow", 1.0), ("wide", 10.0)):
        for seed in (0, 1, 2):
            path = make_run(tmp_path / name, "gone_v0", seed=seed)
            summary = files.read_json(path / "summary.json") | {"score_range": [0.0, width]}
            files.write_json(path / "summary.json", recomputed(summary))
        (groups[name],) = read(tmp_path / name).groups
    (scores, ends), (wider, _) = (finals.task_table(groups[name], "score") for name in groups)
    assert ends is None
    trained = [run.summary["score"]["trained"]["mean"] for run in groups["wide"].runs]
    assert wider.mean(1) == pytest.approx(trained)
    assert wider == pytest.approx(scores / 10)
    assert std_error_of_tasks(groups["wide"]) == pytest.approx(
        std_error_of_tasks(groups["narrow"]) / 10
    )


@pytest.mark.parametrize("env, options, expected", [
    ("strategy", {}, ["random team", "scripted expert"]),
    ("classic", {"game": "recycling", "turns": 4}, ["known floor", "known optimum"]),
])
def test_the_page_names_the_ends_of_the_scale_by_what_they_are(tmp_path, env, options, expected):
    make_run(tmp_path, env, seed=0, agents=2, env_options=options)
    (setting,) = page_view(build_data(read(tmp_path)))["settings"]
    assert [name for name, _ in setting["lines"]["score"]][:2] == expected
