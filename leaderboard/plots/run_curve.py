"""The learning curve of one run or a few, from run folders alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from colllm_bench.errors import RunError
from colllm_bench.leaderboard import palette
from colllm_bench.leaderboard.data.columns import read_columns
from colllm_bench.leaderboard.plots import style
from colllm_bench.leaderboard.statistics.training_curves import smooth
from colllm_bench.runs import files
from colllm_bench.setup.curriculum import OWN

REFERENCES = {
    "scripted": ("scripted expert", "#444444"),
    "untrained": ("untrained model", "#888888"),
}


def learning_curve(folders: str | Path | Sequence[str | Path], path: str | Path) -> Path:
    """Win rate and return against training episodes, from ``metrics.jsonl`` alone.

    The faint line is each iteration's mean, the strong one the mean of the last
    320 episodes, and points are held-out evaluations during training (``--eval-every``); of a
    single run with a curriculum the part is grey that played an easier task. Where
    ``summary.json`` exists, the held-out results of the expert and the untrained model are
    horizontal lines, and the trained team's is a point with its 95% interval at the end.

    Args:
        folders: a run folder, or several (a line each).
        path: the PNG to write.

    Returns:
        ``path``.

    Raises:
        RunError: a folder has no metrics yet, or the disk is full.
    """
    folders = [folders] if isinstance(folders, (str, Path)) else list(folders)
    runs = [_read(Path(folder)) for folder in folders]
    panels = [("return", "return")]
    if any("success" in run["metrics"] for run in runs):
        panels.insert(0, ("success", "win rate"))
    # Agg by name: nothing here touches pyplot's global state or asks for a display.
    figure = Figure(figsize=(4.8 * len(panels), 3.8), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (key, title) in zip(axes, panels):
        _panel(axis, runs, key, title)
    figure.suptitle(_title(runs), fontsize=10)
    named = dict(zip(*reversed(axes[0].get_legend_handles_labels())))
    figure.legend(
        named.values(), named.keys(), loc="outside lower center", fontsize=8, frameon=False,
        ncols=2 * len(panels),
    )
    files.atomic_write(Path(path), lambda file: figure.savefig(file, format="png"))
    return Path(path)


def _read(folder: Path) -> dict[str, Any]:
    metrics = read_columns(folder / "metrics.jsonl")
    if not metrics:
        raise RunError(f"{folder} has no metrics to draw yet")
    summary = folder / "summary.json"
    config = files.read_json(folder / "config.json")["config"]
    return {
        "metrics": metrics,
        "summary": files.read_json(summary) if summary.exists() else None,
        "config": config,
    }


def known(metrics: dict[str, np.ndarray], key: str) -> tuple[np.ndarray, np.ndarray]:
    """(episodes, values) of the iterations that have a value."""
    values = metrics.get(key, np.full(len(metrics["episodes"]), np.nan))
    kept = np.isfinite(values)
    return metrics["episodes"][kept], values[kept]


def _panel(axis: Any, runs: Sequence[dict[str, Any]], key: str, title: str) -> None:
    for i, run in enumerate(runs):
        look = style.properties(palette.look(i))
        colour, dash = look["color"], look["linestyle"]
        episodes, values = known(run["metrics"], key)
        smoothed = smooth(episodes, values)
        axis.plot(episodes, values, color=colour, alpha=0.25, linewidth=0.8)
        name = "training" if len(runs) == 1 else _label(runs, run)
        axis.plot(episodes, smoothed, color=colour, linestyle=dash, linewidth=1.8, label=name)
        evaluated, held_out = known(run["metrics"], f"eval_{key}")
        if len(evaluated):
            axis.plot(
                evaluated, held_out, color=colour, linestyle="", marker="o", markersize=4,
                markeredgecolor="black", markeredgewidth=0.4, label=f"{name}, held-out tasks",
            )
        _final(axis, run, key, episodes[-1] if len(episodes) else 0, colour)
    if len(runs) == 1:
        _easier(axis, runs[0]["metrics"])
    summary = next((run["summary"] for run in runs if run["summary"]), None)
    for team, (name, grey) in REFERENCES.items():
        if summary and team in summary.get(key, {}):
            level = summary[key][team]["mean"]
            dash = (0, (6, 2)) if team == "scripted" else (0, (1, 2))
            axis.axhline(level, color=grey, linewidth=1.2, linestyle=dash, label=name)
    if key == "success":
        axis.set_ylim(-0.03, 1.03)
        axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    axis.set_xlim(left=0)
    axis.set_xlabel("training episodes")
    axis.set_ylabel(title)
    style.tidy(axis)


def _easier(axis: Any, metrics: dict[str, np.ndarray]) -> None:
    """Grey where the run's curriculum played an easier task than its own."""
    easier = metrics.get(OWN, np.ones(1)) == 0
    if not easier.any():
        return
    ends = np.concatenate([[0], metrics["episodes"]])
    last = int(np.flatnonzero(easier)[-1]) + 1  # it never goes back
    axis.axvspan(0, ends[last], color="#eeeeee", zorder=0, lw=0, label="an easier task")


def _final(axis: Any, run: dict, key: str, episodes: int, colour: str) -> None:
    """The trained team on held-out tasks: a point with its interval at the right end."""
    result = (run["summary"] or {}).get(key, {}).get("trained")
    if not result:
        return
    low, high = result["low"], result["high"]
    spread = None if low is None else [[result["mean"] - low], [high - result["mean"]]]
    axis.errorbar(
        [episodes], [result["mean"]], yerr=spread, fmt="D", markersize=5, capsize=3, color=colour,
        markeredgecolor="black", markeredgewidth=0.6, clip_on=False, zorder=5,
        label="trained, held-out tasks",
    )


def _label(runs: Sequence[dict], run: dict) -> str:
    """A run's label: its seed, and its algorithm where the runs differ in it."""
    config = run["config"]
    differ = len({other["config"]["algo"] for other in runs}) > 1
    return f"{config['algo']}, seed {config['seed']}" if differ else f"seed {config['seed']}"


def _title(runs: Sequence[dict[str, Any]]) -> str:
    config = runs[0]["config"]
    algos = ", ".join(sorted({run["config"]["algo"] for run in runs}))
    seed = f", seed {config['seed']}" if len(runs) == 1 else ""
    return f"{config['env']}, {config['agents']} agents, {algos}{seed}"
