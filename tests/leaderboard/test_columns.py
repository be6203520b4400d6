"""Files of JSON lines as columns of numbers."""

from __future__ import annotations

import numpy as np

from colllm_bench.leaderboard.data.columns import read_columns


def test_columns_hold_numbers_and_nan(tmp_path):
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"a": 1, "b": null, "who": "x"}\n{"a": 2.5, "b": true, "c": 7}\n{"a": 3')
    found = read_columns(file)
    assert found.keys() == {"a", "b", "c"}
    np.testing.assert_array_equal(found["a"], [1, 2.5])
    np.testing.assert_array_equal(found["b"], [np.nan, 1])
    np.testing.assert_array_equal(found["c"], [np.nan, 7])
    assert read_columns(tmp_path / "nothing") == {}
