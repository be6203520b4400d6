"""Finished runs and a submission of them, made once for all tests of submissions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from colllm_bench import cli
from colllm_bench.config import RunConfig
from colllm_bench.leaderboard import __main__ as leaderboard
from colllm_bench.runs.folder import RunFolder
from colllm_bench.runs.naming import run_path

SEEDS = (0, 1, 2)


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """The folder with three finished seeds of a short run."""
    from colllm_bench.setup.resolve import resolve
    from colllm_bench.training.loop import finish, train

    root = tmp_path_factory.mktemp("results")
    for seed in SEEDS:
        config = resolve(RunConfig(algo="mc", agents=2, episodes=8, batch=8, group=4, seed=seed,
                                   lr=0.05, eval_episodes=6, threads=1, device="cpu"))
        with RunFolder.create(run_path(root, "strategy", "mc", "short", seed), config) as folder:
            finish(train(config, folder), folder)
    return root / "strategy" / "mc" / "short"


@pytest.fixture(scope="session")
def made(runs, tmp_path_factory):
    """A submission of them."""
    out = tmp_path_factory.mktemp("submissions")
    argv = ["submit", str(runs), "--name", "short", "--out", str(out), "--by", "A. Author"]
    assert cli.execute(leaderboard.main, argv) == 0
    return out / "short"


@pytest.fixture
def copy(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "copy"))


@pytest.fixture
def some_runs(runs, tmp_path):
    """Copies of the runs, to be spoiled."""
    return Path(shutil.copytree(runs, tmp_path / "runs" / "short"))
