"""What every figure shares: panels, titles, legends, and how they are saved.

Nothing touches pyplot's global state or asks for a display.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from colllm_bench.leaderboard.palette import Look, looks
from colllm_bench.runs import files

DPI = 130
INK, FAINT = "#222222", "#dddddd"


def styles(methods: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Each method's look (:mod:`colllm_bench.leaderboard.palette`) as matplotlib's properties."""
    return {name: properties(look) for name, look in looks(methods).items()}


def properties(look: Look) -> dict[str, Any]:
    return {
        "color": look.colours[0], "marker": look.marker[1],
        "linestyle": (0, look.dash) if look.dash else "-",
    }


def panels(
    rows: int, columns: int, *, width: float = 3.3, height: float = 2.6, left: float = 0.62,
    below: float = 0.0, wide: float = 0.72,
) -> tuple[Figure, Sequence[Any]]:
    """A figure of equal panels, in inches; a fixed layout, since fitting one takes as long as
    drawing. ``left`` is room for labels on the left, ``below`` for a legend, ``wide`` between
    panels."""
    across = left + columns * width + (columns - 1) * wide + 0.15
    high = 0.42 + rows * height + (rows - 1) * 0.75 + 0.5 + below
    figure = Figure(figsize=(across, high), dpi=DPI)
    FigureCanvasAgg(figure)
    figure.subplots_adjust(
        left=left / across, right=1 - 0.15 / across, top=1 - 0.42 / high,
        bottom=(0.5 + below) / high, wspace=wide / width, hspace=0.75 / height,
    )
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        tidy(axis)
    return figure, axes


def tidy(axis: Any) -> None:
    axis.grid(True, color=FAINT, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
    axis.xaxis.label.set_size(9)
    axis.yaxis.label.set_size(9)


def short(value: float, position: int | None = None) -> str:
    """A tick's number: 500, 1.5k, 2M; small ones as they are."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def title(figure: Figure, text: str) -> None:
    size = min(10.0, 10.0 * figure.get_figwidth() / (0.072 * len(text) + 0.2))
    figure.suptitle(text, fontsize=size, color=INK, y=1 - 0.1 / figure.get_figheight(), va="top")


def brief(label: str, most: int = 30) -> str:
    """A label that leaves room for the plot; its middle goes, since both ends tell it apart."""
    if len(label) <= most:
        return label
    return f"{label[: most // 2]}…{label[-(most // 2 - 1):]}"


def legend_shape(labels: Sequence[str], width: float) -> tuple[int, float]:
    """(columns, inches below the panels) of a legend that fits into ``width`` inches."""
    widest = 0.068 * max(map(len, labels), default=0) + 0.75
    columns = max(1, min(len(labels), int(width / widest)))
    return columns, 0.1 + 0.18 * -(-len(labels) // columns)


def legend(figure: Figure, handles: dict[str, Any]) -> None:
    """A legend below all panels."""
    columns, _ = legend_shape(list(handles), figure.get_figwidth())
    figure.legend(
        handles.values(), handles.keys(), loc="lower center", fontsize=8, frameon=False,
        ncols=columns, bbox_to_anchor=(0.5, 0.0), handlelength=3.2, columnspacing=1.2,
    )


def save(figure: Figure, path: Path) -> Path:
    """Write the figure; its name says the format (png, pdf or svg)."""
    kind = path.suffix.removeprefix(".")
    # Without its date, a figure of equal data has equal bytes.
    metadata = {"png": None, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[kind]
    # Best compression takes three times as long as this, for a tenth of the size.
    options = {"pil_kwargs": {"compress_level": 4}} if kind == "png" else {}
    files.atomic_write(
        path, lambda file: figure.savefig(file, format=kind, metadata=metadata, **options)
    )
    return path
