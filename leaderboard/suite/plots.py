"""One figure of a suite: a row a task, its curves and its final scores; below, the searches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from colllm_bench.leaderboard.plots import style
from colllm_bench.leaderboard.statistics.samples import LOOK_BACK
from colllm_bench.leaderboard.statistics.training_curves import smooth
from colllm_bench.leaderboard.suite.searches import comparable

LABEL = 14
"""Letters of an algorithm's name beside its scores."""


def draw(data: dict[str, Any], path: Path) -> Path:
    """Write the figure (png, pdf or svg, as the path says)."""
    return style.save(figure(data), path)


def figure(data: dict[str, Any]) -> Figure:
    """Left the training score, mean over seeds, with the threshold, smoothed as where samples to
    it are looked for, with a gap where a run plays an easier task of its curriculum; right every
    seed's held-out score with the mean and its 95% interval. Below them the best of k draws, a
    panel for the searches that compare."""
    searches = comparable(data.get("searches", {}))
    names = [*dict.fromkeys([*data["algorithms"], *(name for each in searches for name in each)])]
    looks = style.styles(names)
    shown = [task for task in data["tasks"] if task["algorithms"]]
    rows = len(shown) + -(-len(searches) // 2)
    _, below = style.legend_shape(names, 8.0)
    room = 0.25 + 0.075 * max((len(style.brief(name, LABEL)) for name in names), default=0)
    drawn, axes = style.panels(rows, 2, below=below, left=0.8, wide=max(0.72, room))
    handles: dict[str, Any] = {}
    for row, task in enumerate(shown):
        left, right = axes[2 * row], axes[2 * row + 1]
        for name, one in task["algorithms"].items():
            handles[name] = _curve(left, one["curves"], looks[name])
        left.axhline(task["threshold"], color=style.FAINT, linewidth=1.2)
        left.set(xlabel="training episodes", ylabel="training score", xlim=(0, None))
        left.set_title(task["id"], fontsize=9, loc="left")
        _finals(right, task["algorithms"], looks)
    for axis in axes[2 * len(shown) + len(searches):]:
        axis.set_visible(False)
    for axis, group in zip(axes[2 * len(shown):], searches):
        handles |= _best_of_draws(axis, group, looks)
    style.title(drawn, f"{data['suite']} ({data['digest']})")
    style.legend(drawn, handles)
    return drawn


def _curve(axis: Any, curves: list[dict[str, Any]], look: dict[str, Any]) -> Any:
    size = min(len(curve["x"]) for curve in curves)
    x = np.asarray(curves[0]["x"][:size])
    lines = [
        smooth(np.asarray(curve["x"][:size]), np.array(curve["y"][:size], float), LOOK_BACK)
        for curve in curves
    ]
    own = {key: look[key] for key in ("color", "linestyle")}
    for line in lines:
        axis.plot(x, line, **own, alpha=0.25, linewidth=0.8)
    return axis.plot(x, np.mean(lines, axis=0), **own, linewidth=1.8)[0]


def _finals(axis: Any, algorithms: dict[str, dict[str, Any]], looks: dict[str, Any]) -> None:
    for place, (name, one) in enumerate(algorithms.items()):
        score, colour = one["score"], looks[name]["color"]
        axis.plot(score["seeds"], [place] * one["n"], linestyle="none", color=colour, alpha=0.5,
                  marker=looks[name]["marker"], markersize=4)
        if score["low"] is not None:
            axis.plot([score["low"], score["high"]], [place, place], color=colour, linewidth=1.6)
        axis.plot([score["value"]], [place], marker="|", markersize=14, color=colour)
    axis.set_yticks(range(len(algorithms)), [style.brief(name, LABEL) for name in algorithms])
    axis.set(xlabel="held-out score", ylim=(len(algorithms) - 0.5, -0.5))


def _best_of_draws(
    axis: Any, searches: dict[str, dict[str, Any]], looks: dict[str, Any]
) -> dict[str, Any]:
    """Expected best score of k draws over k, and the line of each algorithm."""
    lines = {
        name: axis.plot(range(1, len(one["best_of"]) + 1), one["best_of"], markersize=4,
                        linewidth=1.8, **looks[name])[0]
        for name, one in searches.items()
    }
    first = next(iter(searches.values()))
    axis.set(xlabel="k draws of the search", ylabel="expected best dev score")
    axis.set_title(f"best of k draws, {first['share']:.0%} of the budget", fontsize=9, loc="left")
    axis.xaxis.get_major_locator().set_params(integer=True)
    return lines
