"""Reports normalize by the returns that an environment knows, where it knows them."""

from __future__ import annotations

import pytest
from made_runs import make_run

from colllm_bench.leaderboard.data import read
from colllm_bench.leaderboard.data.run_reader import read_run
from colllm_bench.leaderboard.page.payload import page_view
from colllm_bench.leaderboard.report_data import build_data
from colllm_bench.runs import files


@pytest.mark.parametrize("known, expected", [([-6.0, 5.25], (-6.0, 5.25)), (None, None)])
def test_a_known_range_takes_the_place_of_the_measured_one(tmp_path, known, expected):
    path = make_run(tmp_path, seed=0)
    assert read_run(path).references == (0.0, 1.0)
    summary = files.read_json(path / "summary.json") | {"score_range": known}
    files.write_json(path / "summary.json", summary)
    assert read_run(path).references == expected


def test_the_page_names_the_ends_of_the_scale_by_what_they_are(tmp_path):
    path = make_run(tmp_path, seed=0)

    def named():
        (setting,) = page_view(build_data(read(tmp_path)))["settings"]
        return [name for name, _ in setting["lines"]["score"]][:2]

    assert named() == ["random team", "scripted expert"]
    summary = files.read_json(path / "summary.json") | {"score_range": [0.0, 1.0]}
    files.write_json(path / "summary.json", summary)
    assert named() == ["known floor", "known optimum"]
