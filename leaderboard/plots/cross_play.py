"""The figure of a cross-play matrix, from its record alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from colllm_bench.leaderboard.plots import style
from colllm_bench.runs import files

CELL, LETTER = 1.0, 0.062
"""Inches: the side of a cell, the width of a letter of a label."""


def heatmap(record: str | Path, path: str | Path) -> Path:
    """Draw ``crossplay.json`` as a matrix: in each cell a mean and half its 95% interval.

    Args:
        record: the file.
        path: the PNG to write.

    Returns:
        ``path``.
    """
    figure = matrix_figure(files.read_json(Path(record)))
    files.atomic_write(Path(path), lambda file: figure.savefig(file, format="png"))
    return Path(path)


def matrix_figure(data: dict[str, Any]) -> Figure:
    """The figure of a record."""
    labels = [style.brief(label, 40) for label in data["teams"]]
    matrix, value = data["matrix"], data["value"]
    means = [[cell[value]["mean"] for cell in line] for line in matrix]
    size = len(labels)
    # Room for the labels, so that long ones do not narrow the cells until numbers overlap.
    room = LETTER * max(map(len, labels))
    figure = Figure(
        figsize=(max(5.0, 2.2 + room + CELL * size), 2.0 + 0.6 * room + CELL * size), dpi=150,
        layout="constrained",
    )
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    # From 0, the random team, to 1, the expert, unless a cell lies outside: colours of two
    # pictures then mean the same. cividis is even for the colour-blind and in grey.
    flat = [x for line in means for x in line]
    low, high = min(0.0, *flat), max(1.0, *flat)
    if value != "score":
        low, high = min(flat), max(flat) if max(flat) > min(flat) else min(flat) + 1
    image = axis.imshow(means, cmap="cividis", vmin=low, vmax=high)
    for i, line in enumerate(matrix):
        for j, cell in enumerate(line):
            _write(axis, i, j, cell[value], (means[i][j] - low) / (high - low), i == j)
    places = range(size)
    axis.set_xticks(places, labels, rotation=35, ha="right", rotation_mode="anchor", fontsize=8)
    axis.set_yticks(places, labels, fontsize=8)
    rest = data["agents"] - data["row_seats"]
    axis.set_xlabel(f"{_seats('other', rest)} played by", fontsize=9)
    axis.set_ylabel(f"{_seats('first', data['row_seats'])} played by", fontsize=9)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    figure.colorbar(image, ax=axis, shrink=0.8, label=value)
    figure.suptitle(
        f"Cross-play, {data['env']}, {data['agents']} agents, {data['episodes']} tasks a cell\n"
        "mean, and half its 95% interval\n"
        f"self-play {data['self_play']:.3f}, cross-play {data['cross_play']:.3f}, "
        f"gap {data['gap']:+.3f}",
        fontsize=9,
    )
    return figure


def _seats(which: str, number: int) -> str:
    return f"{which} seat" if number == 1 else f"{which} {number} seats"


def _write(axis: Any, i: int, j: int, result: dict, brightness: float, self_play: bool) -> None:
    ink = "black" if brightness > 0.5 else "white"
    weight = "bold" if self_play else "normal"
    axis.text(j, i - 0.08, f"{result['mean'] + 0.0:.3f}", ha="center", va="center", color=ink,
              fontsize=10, fontweight=weight)
    if result["low"] is not None:  # Student's interval, the same on both sides
        axis.text(j, i + 0.22, f"± {result['high'] - result['mean']:.2f}", ha="center",
                  va="center", color=ink, fontsize=8)
