"""The forecast of a grid's time."""

from __future__ import annotations

from colllm_bench.config import RunConfig
from colllm_bench.launchers import time_estimate
from colllm_bench.runs import files
from colllm_bench.runs.folder import RunFolder


def test_lanes_are_filled_in_order():
    assert time_estimate.makespan([3, 1, 1, 1], 2) == 3
    assert time_estimate.makespan([1, 1, 1, 3], 2) == 4
    assert time_estimate.makespan([5, 5], 4) == 5


def test_what_a_run_takes_and_still_takes():
    time = time_estimate.IterationTime(rollout=2.0, learn=1.0)
    config = RunConfig(episodes=640, batch=64, eval_episodes=128)
    # ten iterations, and 3 evaluations of two batches
    assert time.of_run(config) == 10 + 10 * 3 + 6 * 2
    # the evaluation of the untrained team is behind it
    assert time.of_run(config, done=6) == 10 + 4 * 3 + 4 * 2


def test_times_come_from_like_runs_of_a_like_machine(tmp_path):
    from colllm_bench.setup.resolve import resolve

    config = resolve(RunConfig(algo="cc"))
    for seed, changes in ((0, {}), (1, {"lr": 0.5}), (2, {"agents": 4}), (3, {})):
        own = config.replace(seed=seed, **changes)
        path = tmp_path / "strategy" / "cc" / "a" / f"seed{seed}"
        with RunFolder.create(path, own) as folder:
            for k in range(6):
                # The two iterations of the critic alone are quicker, and count for nothing.
                seconds = 0.1 if k < 2 else 2.0 + seed
                folder.append_timing({"iteration": k, "rollout": seconds, "learn": 1.0})
        if seed == 3:
            there = files.read_json(path / "environment.json")
            files.write_json(path / "environment.json", {**there, "cpu": "another"})
    (tmp_path / "strategy/cc/a/seed9").mkdir()
    times = time_estimate.times_of_runs(tmp_path)
    assert len(times) == 2
    like = times[time_estimate.speed_key(config)]
    assert (like.rollout, like.learn, like.source) == (2.5, 1.0, "2 like runs")
