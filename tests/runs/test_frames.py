"""Run folders as tables."""

from __future__ import annotations

import math

import pytest

pd = pytest.importorskip("pandas")

from colllm_bench.config import RunConfig  # noqa: E402
from colllm_bench.errors import ConfigError  # noqa: E402
from colllm_bench.runs import files, frame  # noqa: E402
from colllm_bench.runs.folder import RunFolder  # noqa: E402

INTERVAL = {"mean": 0.5, "low": 0.25, "high": 0.75, "n": 2}


def make_run(root, seed: int, algo: str = "cc", done: bool = True):
    config = RunConfig.of(algo=algo, seed=seed, lr=0.1, env_options={"level": 2, "batch": 7},
                          algo_options={"gamma": 0.5})
    path = root / "strategy" / algo / "mine" / f"seed{seed}"
    with RunFolder.create(path, config) as folder:
        for i in range(3):
            folder.append_metrics({"iteration": i, "episodes": 64 * (i + 1), "return": i / 4}
                                  | ({"eval_return": 0.125} if i == 1 else {}))
            folder.append_episodes([{"iteration": i, "seed": 9, "group": 0, "return": 1.0}])
            folder.append_timing({"iteration": i, "rollout": 2.0, "learn": 3.0})
        if done:
            folder.write_summary({
                "score": {"trained": INTERVAL}, "return": {"trained": INTERVAL, "random": INTERVAL},
                "success": {}, "held_out": {
                    "trained": {"returns": [1.0, 0.0], "successes": [1, 0], "turns": [3, 4]},
                    "random": {"returns": [0.5], "successes": None, "turns": [2]},
                },
            })
    return path


@pytest.fixture
def root(tmp_path):
    for seed in (10, 2):
        make_run(tmp_path, seed)
    make_run(tmp_path, 0, algo="mc", done=False)
    (tmp_path / "elsewhere").mkdir()
    files.write_json(tmp_path / "elsewhere" / "config.json", {"not": "a run"})
    return tmp_path


def test_a_row_a_run(root):
    table = frame(root)
    assert list(table.columns[:6]) == ["path", "env", "algo", "agents", "name", "seed"]
    assert list(table["seed"]) == [10, 2, 0] and set(table["name"]) == {"mine"}
    assert list(table["complete"]) == [True, True, False]
    first, last = table.iloc[0], table.iloc[-1]
    assert (first["score"], first["score_low"], first["score_high"]) == (0.5, 0.25, 0.75)
    assert first["random_return"] == 0.5 and math.isnan(last["score"])
    # The environment's own "batch" does not hide the run's.
    assert (first["level"], first["lr"], first["gamma"]) == (2, 0.1, 0.5)
    assert (first["batch"], first["env_batch"]) == (64, 7)


def test_a_row_an_iteration(root):
    table = frame([root / "strategy" / "cc"], "iterations")
    assert len(table) == 6 and list(table["iteration"]) == [0, 1, 2] * 2
    assert list(table["return"][:3]) == [0.0, 0.25, 0.5]
    assert set(table["seconds_rollout"]) == {2.0} and set(table["seconds_learn"]) == {3.0}
    assert list(table["eval_return"].notna()) == [False, True, False] * 2


def test_a_row_an_episode_and_a_held_out_episode(root):
    episodes = frame(root / "strategy" / "mc" / "mine" / "seed0", "episodes")
    assert len(episodes) == 3 and set(episodes["seed"]) == {0} and set(episodes["task_seed"]) == {9}
    held_out = frame(root, "held_out")
    assert len(held_out) == 6
    trained = held_out[(held_out["team"] == "trained") & (held_out["seed"] == 2)]
    assert list(trained["return"]) == [1.0, 0.0] and list(trained["task"]) == [0, 1]
    assert list(trained["success"]) == [1, 0]


def test_no_rows_are_an_empty_table(root):
    table = frame(root / "strategy" / "mc", "held_out")
    assert len(table) == 0 and "seed" in table.columns


def test_what_is_no_run_and_no_kind_of_rows_is_named(root):
    with pytest.raises(ConfigError, match="no run folders in .*elsewhere"):
        frame(root / "elsewhere")
    with pytest.raises(ConfigError, match="allowed: runs, iterations, episodes, held_out"):
        frame(root, "turns")
