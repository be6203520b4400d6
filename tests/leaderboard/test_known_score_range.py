"""Reports normalize by the returns that an environment knows, where it knows them."""

from __future__ import annotations

import pytest
from made_runs import make_run

from colllm_bench.leaderboard.data import read
from colllm_bench.leaderboard.data.consistency import recomputed
from colllm_bench.leaderboard.data.run_reader import read_run
from colllm_bench.leaderboard.page.payload import page_view
from colllm_bench.leaderboard.report_data import build_data
from colllm_bench.runs import files


@pytest.mark.parametrize("known, expected", [([-6.0, 5.25], (-6.0, 5.25)), (None, None)])
def test_a_known_range_takes_the_place_of_the_measured_one(tmp_path, known, expected):
    path = make_run(tmp_path, "gone_v0", seed=0)  # of an environment that is not on this machine
    assert read_run(path).references == (0.0, 1.0)
    summary = files.read_json(path / "summary.json") | {"score_range": known}
    files.write_json(path / "summary.json", recomputed(summary))
    assert read_run(path).references == expected


@pytest.mark.parametrize("env, options, expected", [
    ("strategy", {}, ["random team", "scripted expert"]),
    ("classic", {"game": "recycling", "turns": 4}, ["known floor", "known optimum"]),
])
def test_the_page_names_the_ends_of_the_scale_by_what_they_are(tmp_path, env, options, expected):
    make_run(tmp_path, env, seed=0, agents=2, env_options=options)
    (setting,) = page_view(build_data(read(tmp_path)))["settings"]
    assert [name for name, _ in setting["lines"]["score"]][:2] == expected
