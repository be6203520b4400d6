"""The picture of a run, or of a few, from run folders alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from colllm_bench import files
from colllm_bench.errors import RunError
from colllm_bench.leaderboard.plots.style import COLOURS, DASHES, tidy

REFERENCES = {
    "scripted": ("scripted expert", "#444444"),
    "untrained": ("untrained model", "#888888"),
}
SMOOTHING = 320
"""Episodes that a smoothed point looks back on."""


def learning_curve(folders: str | Path | Sequence[str | Path], path: str | Path) -> Path:
    """Win rate and return against training episodes, from ``metrics.jsonl`` alone.

    The faint line is each iteration's mean, the strong one the mean of the last
    :data:`SMOOTHING` episodes. Where ``summary.json`` exists, the held-out results of the
    expert and the untrained model are lines across, and the trained team's a point with its
    95% interval at the end.

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
    if any("success" in row for run in runs for row in run["rows"]):
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
    rows = files.read_lines(folder / "metrics.jsonl")
    if not rows:
        raise RunError(f"{folder} has no metrics to draw yet")
    summary = folder / "summary.json"
    config = files.read_json(folder / "config.json")["config"]
    return {
        "rows": rows,
        "summary": files.read_json(summary) if summary.exists() else None,
        "config": config,
    }


def smooth(rows: Sequence[dict[str, Any]], key: str) -> tuple[list[int], list[float], list[float]]:
    """(episodes, values, values smoothed over the last :data:`SMOOTHING` episodes)."""
    episodes, values, smoothed, sizes = [], [], [], []
    before = 0
    for row in rows:
        size, before = row["episodes"] - before, row["episodes"]
        if row.get(key) is None:
            continue
        episodes.append(row["episodes"])
        values.append(row[key])
        sizes.append(size)
        total = weighted = 0.0
        for value, weight in zip(reversed(values), reversed(sizes)):
            weighted, total = weighted + weight * value, total + weight
            if total >= SMOOTHING:
                break
        smoothed.append(weighted / total)
    return episodes, values, smoothed


def _panel(axis: Any, runs: Sequence[dict[str, Any]], key: str, title: str) -> None:
    for i, run in enumerate(runs):
        colour, dash = COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]
        episodes, values, smoothed = smooth(run["rows"], key)
        axis.plot(episodes, values, color=colour, alpha=0.25, linewidth=0.8)
        name = "training" if len(runs) == 1 else _label(runs, run)
        axis.plot(episodes, smoothed, color=colour, linestyle=dash, linewidth=1.8, label=name)
        _final(axis, run, key, episodes[-1] if episodes else 0, colour)
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
    tidy(axis)


def _final(axis: Any, run: dict, key: str, episodes: int, colour: str) -> None:
    """The trained team on held-out tasks: a point with its interval at the right end."""
    found = (run["summary"] or {}).get(key, {}).get("trained")
    if not found:
        return
    low, high = found["low"], found["high"]
    spread = None if low is None else [[found["mean"] - low], [high - found["mean"]]]
    axis.errorbar(
        [episodes], [found["mean"]], yerr=spread, fmt="D", markersize=5, capsize=3, color=colour,
        markeredgecolor="black", markeredgewidth=0.6, clip_on=False, zorder=5,
        label="trained, held-out tasks",
    )


def _label(runs: Sequence[dict], run: dict) -> str:
    """What tells a run from the others: its seed, and its algorithm where they differ."""
    config = run["config"]
    differ = len({other["config"]["algo"] for other in runs}) > 1
    return f"{config['algo']}, seed {config['seed']}" if differ else f"seed {config['seed']}"


def _title(runs: Sequence[dict[str, Any]]) -> str:
    config = runs[0]["config"]
    algos = ", ".join(sorted({run["config"]["algo"] for run in runs}))
    seed = f", seed {config['seed']}" if len(runs) == 1 else ""
    return f"{config['env']}, {config['agents']} agents, {algos}{seed}"
