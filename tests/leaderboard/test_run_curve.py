"""Learning curves from run folders alone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from colllm_bench.config import RunConfig
from colllm_bench.errors import RunError
from colllm_bench.leaderboard.palette import COLOURS
from colllm_bench.leaderboard.plots import run_curve
from colllm_bench.leaderboard.plots.run_curve import known, learning_curve
from colllm_bench.leaderboard.statistics import training_curves
from colllm_bench.runs import files


def make_run(path, seed=0, iterations=20, summary=False, success=True):
    path.mkdir(parents=True)
    config = RunConfig(seed=seed).to_dict()
    files.write_json(path / "config.json", {"config": config})
    rows = [
        {"iteration": i, "episodes": 64 * (i + 1), "return": i / 20 + seed / 10}
        | ({"success": min(1.0, i / 20)} if success else {})
        for i in range(iterations)
    ]
    files.append_lines(path / "metrics.jsonl", rows)
    if summary:
        team = {"mean": 0.9, "low": 0.8, "high": 0.95, "n": 40}
        teams = {"trained": team, "untrained": {**team, "mean": 0.2}, "scripted": team}
        files.write_json(path / "summary.json", {"success": teams, "return": teams})
    return path


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)


def share(path, colour: str) -> float:
    """Share of the picture's pixels that have exactly this colour."""
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return float((pixels(path) == rgb).all(1).mean())


def test_smoothing_looks_back_on_so_many_episodes():
    sizes = training_curves.SMOOTHING // 2
    columns = {"episodes": sizes * np.arange(1.0, 6), "x": np.arange(5.0)}
    episodes, values = known(columns, "x")
    assert episodes.tolist() == [sizes * (k + 1) for k in range(5)]
    assert values.tolist() == [0, 1, 2, 3, 4]
    assert training_curves.smooth(episodes, values).tolist() == [0, 0.5, 1.5, 2.5, 3.5]
    gap = {"episodes": np.array([sizes, 2 * sizes, 999]), "x": np.array([0, 1, np.nan])}
    assert training_curves.smooth(*known(gap, "x")).tolist() == [0, 0.5]
    assert known(columns, "y")[1].tolist() == []


def test_easier_tasks_of_a_curriculum_are_grey(tmp_path):
    grey = "#eeeeee"
    plain, eased = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    rows = [row | {"own_task": float(row["iteration"] > 4)}
            for row in files.read_lines(eased / "metrics.jsonl")]
    (eased / "metrics.jsonl").unlink()
    files.append_lines(eased / "metrics.jsonl", rows)
    for folder in (plain, eased):
        learning_curve(folder, folder / "curve.png")
    learning_curve([plain, eased], tmp_path / "both.png")
    assert share(eased / "curve.png", grey) > 0.1 > share(plain / "curve.png", grey)
    assert share(tmp_path / "both.png", grey) < 0.1, "each has a curriculum of its own"


def test_a_curve_with_and_without_a_summary(tmp_path):
    bare = learning_curve(make_run(tmp_path / "a"), tmp_path / "a.png")
    full = learning_curve(make_run(tmp_path / "b", summary=True), tmp_path / "b.png")
    for path in (bare, full):
        assert Image.open(path).size == (1440, 570)
        assert share(path, COLOURS[0][0]) > 0.002
    expert, untrained = (grey for _, grey in run_curve.REFERENCES.values())
    assert share(full, expert) > share(bare, expert)
    assert share(full, untrained) > share(bare, untrained)


def test_several_runs_have_a_line_each(tmp_path):
    folders = [make_run(tmp_path / f"s{k}", seed=k) for k in range(3)]
    path = learning_curve(folders, tmp_path / "all.png")
    for colour, _ in COLOURS[:3]:
        assert share(path, colour) > 0.001
    assert share(path, COLOURS[3][0]) == 0


def test_without_a_verdict_there_is_one_panel(tmp_path):
    path = learning_curve(make_run(tmp_path / "a", success=False), tmp_path / "a.png")
    assert Image.open(path).size == (720, 570)


def test_equal_runs_are_equal_pictures(tmp_path):
    run = make_run(tmp_path / "a", summary=True)
    first = learning_curve(run, tmp_path / "1.png").read_bytes()
    assert learning_curve(str(run), tmp_path / "2.png").read_bytes() == first


def test_no_metrics_is_one_line(tmp_path):
    run = make_run(tmp_path / "a", iterations=0)
    with pytest.raises(RunError, match="has no metrics to draw yet"):
        learning_curve(run, tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_nothing_global_is_touched():
    code = (
        "import sys, colllm_bench.leaderboard.plots.run_curve\n"
        "sys.exit('matplotlib.pyplot' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
