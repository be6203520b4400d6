"""The tables' score at the end of training."""

from __future__ import annotations

from colllm_bench.leaderboard.export import tables


def test_it_is_the_end_of_the_main_measures_curve_or_nothing():
    curves = {"measures": {"score": {"mean": [0.1, 0.25]}, "success": {"mean": [0.5, 0.75]}}}
    assert tables.trained_to({"measure": "score", "curves": curves}) == 0.25
    assert tables.trained_to({"measure": "success", "curves": curves}) == 0.75
    assert tables.trained_to({"measure": "return", "curves": curves}) is None
