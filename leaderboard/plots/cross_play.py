"""The picture of a cross-play matrix, from its record alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from colllm_bench import files


def heatmap(record: str | Path, path: str | Path) -> Path:
    """Draw ``crossplay.json`` as a matrix: a mean in each cell, and its 95% interval below.

    Args:
        record: the file.
        path: the PNG to write.

    Returns:
        ``path``.
    """
    data = files.read_json(Path(record))
    labels, matrix, value = list(data["teams"]), data["matrix"], data["value"]
    means = [[cell[value]["mean"] for cell in line] for line in matrix]
    size = len(labels)
    figure = Figure(
        figsize=(2.6 + 1.05 * size, 2.0 + 0.95 * size), dpi=150, layout="constrained"
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
        f"self-play {data['self_play']:.3f}, cross-play {data['cross_play']:.3f}, "
        f"gap {data['gap']:+.3f}",
        fontsize=9,
    )
    files.atomic_write(Path(path), lambda file: figure.savefig(file, format="png"))
    return Path(path)


def _seats(which: str, number: int) -> str:
    return f"{which} seat" if number == 1 else f"{which} {number} seats"


def _write(axis: Any, i: int, j: int, found: dict, brightness: float, own: bool) -> None:
    ink = "black" if brightness > 0.5 else "white"
    weight = "bold" if own else "normal"
    axis.text(j, i - 0.08, f"{found['mean'] + 0.0:.3f}", ha="center", va="center", color=ink,
              fontsize=10, fontweight=weight)
    if found["low"] is not None:
        axis.text(j, i + 0.22, f"{found['low']:.2f} to {found['high']:.2f}", ha="center",
                  va="center", color=ink, fontsize=6.5)
