"""Base models under one name: told apart by their digests, and sizes found where they must be."""

from __future__ import annotations

import pytest
from made_runs import make_run
from paths import ROOT

from colllm_bench.leaderboard.data.collection import read
from colllm_bench.leaderboard.report_data import build_data, method_labels
from colllm_bench.runs import files


def note(path, name: str, **entries):
    files.write_json(path / name, {**files.read_json(path / name), **entries})
    return path


def test_two_bases_under_one_name_are_two_groups(tmp_path):
    for seed in range(4):
        path = make_run(tmp_path, seed=seed)
        note(path, "environment.json", base_digest="aaaaaaaa" if seed < 2 else "bbbbbbbb")
    first, second = read(tmp_path).groups
    assert (first.seeds, second.seeds) == ([0, 1], [2, 3])
    labels = list(method_labels([first, second]).values())
    assert len(set(labels)) == 2 and labels[0].endswith("base aaaaaa")
    ids = [group["id"] for group in build_data(read(tmp_path))["groups"]]
    assert len(set(ids)) == 2


def test_a_run_without_a_digest_belongs_to_the_only_base_that_is_known(tmp_path):
    paths = [make_run(tmp_path, seed=seed) for seed in range(3)]
    note(paths[0], "environment.json", base_digest="aaaaaaaa")
    assert [group.seeds for group in read(tmp_path).groups] == [[0, 1, 2]]
    note(paths[1], "environment.json", base_digest="bbbbbbbb")
    assert sorted(group.seeds for group in read(tmp_path).groups) == [[0], [1], [2]]


def sizes(root) -> dict[str, int | None]:
    return {group["algo"]: group["parameters"] for group in build_data(read(root))["groups"]}


@pytest.fixture
def two(tmp_path):
    """A run that recorded its model's size, and one that did not."""
    known, silent = make_run(tmp_path, algo="cc"), make_run(tmp_path, algo="mc")
    note(known, "summary.json", parameters={"model": 172352, "trained": 1})
    summary = files.read_json(silent / "summary.json")
    summary.pop("parameters", None)
    files.write_json(silent / "summary.json", summary)
    return tmp_path, silent


def test_the_same_untrained_episodes_are_of_the_same_base(two):
    root, silent = two
    assert sizes(root) == {"cc": 172352, "mc": 172352}
    summary = files.read_json(silent / "summary.json")
    for values in summary["held_out"]["untrained"].values():
        if isinstance(values, list):
            values.reverse()  # the same numbers, of other episodes
    files.write_json(silent / "summary.json", summary)
    assert sizes(root)["mc"] is None


def test_of_another_digest_no_size_is_taken(two):
    root, silent = two
    note(root / "strategy/cc/default/seed0", "environment.json", base_digest="aaaaaaaa")
    assert sizes(root)["mc"] == 172352
    note(silent, "environment.json", base_digest="bbbbbbbb")
    assert sizes(root)["mc"] is None


def test_every_reference_run_has_its_models_size():
    data = build_data(read(ROOT / "results" / "reference" / "strategy"))
    assert {group["algo"]: group["parameters"] for group in data["groups"]} == {
        "mc": 172352, "cc": 172352, "dc": 172352, "central": 172352
    }
