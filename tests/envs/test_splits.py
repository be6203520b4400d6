"""Splits: disjoint, stable, and told apart in words where one is empty."""

from __future__ import annotations

from collections import Counter

import pytest

from colllm_bench.envs.splits import SPLITS, no_task, split_list, split_of


def test_every_text_belongs_to_one_split_in_the_stated_shares():
    counts = Counter(split_of(f"task {k}") for k in range(5000))
    assert set(counts) == set(SPLITS)
    assert counts["eval"] == pytest.approx(1000, rel=0.1)
    assert counts["dev"] == pytest.approx(500, rel=0.1)


def test_what_was_held_out_before_dev_came_still_is():
    import zlib

    for k in range(500):
        assert (split_of(str(k)) == "eval") == (zlib.crc32(str(k).encode()) % 5 == 0)


@pytest.mark.parametrize("count", [2, 3, 5, 20, 100])
def test_lists_are_cut_without_overlap(count):
    parts = split_list(list(range(count)))
    assert sorted(sum(parts.values(), ())) == list(range(count))
    assert parts["eval"] and parts["train"] and bool(parts["dev"]) == (count > 2)


def test_an_empty_split_is_told():
    assert "none of them of the dev split; fix: give more" in str(no_task("file", 2, "dev"))
