"""Reports normalize by the returns that an environment knows, where it knows them."""

from __future__ import annotations

import pytest
from made_runs import make_run

from colllm_bench.leaderboard.data.run_reader import read_run
from colllm_bench.runs import files


@pytest.mark.parametrize("known, expected", [([-6.0, 5.25], (-6.0, 5.25)), (None, None)])
def test_a_known_range_takes_the_place_of_the_measured_one(tmp_path, known, expected):
    path = make_run(tmp_path, seed=0)
    assert read_run(path).references == (0.0, 1.0)
    summary = files.read_json(path / "summary.json") | {"score_range": known}
    files.write_json(path / "summary.json", summary)
    assert read_run(path).references == expected
