"""The map as a picture: what was measured beside what theory says."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib
import numpy as np
from analysis import Map
from cells import LEARNERS
from learn import EPISODES

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

EXACT = ("dc", "cc", "hier")
RANGE = 8.0
"""Ratios beyond this are drawn in the last colour."""


def draw(own: Map, path: Path) -> None:
    """Three panels, a row a cell: episodes that each learner needed, with Monte-Carlo's over them
    as the colour; the gradient's signal at the untrained policy with perfect critics; theory."""
    cells = own.names
    figure, axes = plt.subplots(
        1, 3, figsize=(13, 0.42 * len(cells) + 2.4), layout="constrained", sharey=True,
        width_ratios=(len(LEARNERS) * 1.3, len(EXACT), len(EXACT)),
    )
    ratios = [[own.ratio(name, learner, "mc") for learner in LEARNERS] for name in cells]
    gains = [[ratio and 1 / ratio.value for ratio in row] for row in ratios]
    labels = [[_samples(own, name, learner) for learner in LEARNERS] for name in cells]
    _panel(axes[0], gains, labels, LEARNERS)
    axes[0].set_title(
        "learning: episodes until half of the answers are right\n"
        "(mean of 5 seeds; [seeds that got there] if not all)", fontsize=9,
    )
    signal = [[own.signal(name, learner) for learner in EXACT] for name in cells]
    _panel(axes[1], signal, _times(signal), EXACT)
    axes[1].set_title(
        "exact: signal of the gradient,\nperfect critics, untrained policy", fontsize=9
    )
    theory = [[own.predicted(name, learner) for learner in EXACT] for name in cells]
    image = _panel(axes[2], theory, _times(theory), EXACT)
    axes[2].set_title("theory: the same ratio\nin closed form", fontsize=9)
    axes[0].set_yticks(range(len(cells)), cells)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.01, ticks=range(-3, 4))
    bar.ax.set_yticklabels(["1/8", "1/4", "1/2", "1", "2", "4", "8 or more"])
    bar.set_label("times better than Monte-Carlo")
    # No version in the file: the same rows give the same picture wherever the fonts are the same.
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _panel(axes, ratios, labels, columns):
    """One heat map of ratios, on the logarithm; what has no value stays white."""
    logs = np.array([[np.nan if r is None else math.log2(r) for r in row] for row in ratios])
    limit = math.log2(RANGE)
    image = axes.imshow(logs, cmap="RdYlBu", vmin=-limit, vmax=limit, aspect="auto")
    for y, row in enumerate(labels):
        for x, label in enumerate(row):
            dark = abs(logs[y, x]) > 0.8 * limit
            axes.text(x, y, label, ha="center", va="center", fontsize=8,
                      color="white" if dark else "black")
    axes.set_xticks(range(len(columns)), columns, fontsize=9)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return image


def _samples(own: Map, name: str, learner: str) -> str:
    needed = own.needed(name, learner)
    if not needed:
        return ""
    mean = math.exp(np.mean(np.log(np.minimum(needed, EPISODES))))
    reached = sum(map(math.isfinite, needed))
    if not reached:
        return f"> {EPISODES}"
    return f"{mean:.0f}" + ("" if reached == len(needed) else f" [{reached}]")


def _times(ratios) -> list[list[str]]:
    return [["none" if r is None else f"{r:.3g}x" for r in row] for row in ratios]
