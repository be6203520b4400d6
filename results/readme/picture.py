"""The README's picture: a day of a battle, and learning curves on three environments.

    python results/readme/picture.py          # writes docs/picture.svg

Everything comes from committed runs: the day from a replay of a trained team on a held-out task,
the curves from ``metrics.jsonl`` of the reference runs. A curve is the mean over runs of the win
rate (writing: of the return), smoothed over 320 episodes; its band is the leaderboard's 95%
interval. The same files give the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from colllm_bench.leaderboard.plots.style import styles
from colllm_bench.leaderboard.statistics.estimators import band
from colllm_bench.leaderboard.statistics.training_curves import smooth

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "results" / "reference"
REPLAY = REFERENCE / "strategy" / "cc" / "default" / "seed0" / "replays" / "held-out-0.json"
PANELS = (
    ("strategy", "success", "win rate", "up to 19 turns, sparse reward"),
    ("coding", "success", "win rate", "2 turns, dense reward"),
    ("writing", "return", "return", "1 draft, dense reward"),
)
METHODS = ("mc", "dc", "cc")
INK, GREY, ROAD, STONE, BLUE, RED = (
    "#222222", "#6b6b6b", "#d9cfb8", "#5b5b5b", "#24557f", "#b3372c"
)


def curves(env: str, method: str, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """[I] episodes and [runs, I] smoothed values of a method's reference runs."""
    rows = []
    for path in sorted((REFERENCE / env / method / "default").glob("seed*/metrics.jsonl")):
        rows.append([json.loads(line) for line in path.read_text().splitlines()])
    episodes = np.array([row["episodes"] for row in rows[0]])
    values = [smooth(episodes, np.array([row[metric] for row in run])) for run in rows]
    return episodes, np.array(values)


def draw_curves(axes: Axes, env: str, metric: str) -> int:
    """One panel; returns the number of runs a method."""
    for method in METHODS:
        episodes, values = curves(env, method, metric)
        look = {**styles(METHODS)[method], "marker": ""}
        low, high = band(values)
        axes.fill_between(episodes, low, high, color=look["color"], alpha=0.13, linewidth=0)
        axes.plot(episodes, values.mean(0), label=method, linewidth=1.8, **look)
    return len(values)


def draw_front(axes: Axes, y: float, front: dict[str, Any], number: int) -> None:
    """One road: the army, the walls, the fort's garrison, the enemy's reserve."""
    start = 4.1 - front["length"]
    for cell in range(front["length"]):
        axes.add_patch(Rectangle((start + cell, y - 0.2), 0.92, 0.4, color=ROAD))
    army = start + front["length"] - 1 - len(front["road"]) + 0.46
    axes.add_patch(Rectangle((army - 0.42, y - 0.3), 0.84, 0.6, color=BLUE))
    axes.text(army, y, str(front["army"]), color="white", ha="center", va="center", weight="bold")
    for segment in range(front["height"]):
        stands = segment < front["wall"]
        axes.add_patch(Rectangle(
            (4.25 + 0.36 * segment, y - 0.36), 0.26, 0.72, facecolor=STONE if stands else "white",
            edgecolor=STONE, linewidth=0.8,
        ))
    fallen = front["wall"] == 0
    axes.add_patch(Rectangle((5.1, y - 0.26), 0.9, 0.52, facecolor="white", edgecolor=STONE))
    mark = "fallen" if fallen else str(front["garrison"])
    axes.text(5.55, y, mark, ha="center", va="center", color=GREY if fallen else RED,
              size=6.5 if fallen else 9)
    if front["reserve"]:
        axes.plot(6.35, y, marker="o", markersize=17, color=RED)
        axes.text(6.35, y, "R", color="white", ha="center", va="center", size=8, weight="bold")
    axes.text(0.05, y, f"front {number}", va="center", color=INK)


def draw_battle(axes: Axes) -> None:
    """A day as spectators see it, with what each agent read and wrote."""
    replay = json.loads(REPLAY.read_text())
    day = len(replay["frames"]) - 2  # the last but one: something is still to be done
    frame, turn = replay["frames"][day], replay["turns"][day - 1]
    for i, (front, agent) in enumerate(zip(frame["fronts"], turn["agents"], strict=True)):
        y = 2.0 - i
        draw_front(axes, y, front, i + 1)
        axes.text(7.0, y + 0.16, f"reads   {agent['observation']}", va="center", size=7,
                  family="monospace", color=GREY)
        axes.text(7.0, y - 0.18, f"writes  {agent['action']}", va="center", size=7,
                  family="monospace", color=INK, weight="bold")
        axes.text(10.2, y - 0.18, front["result"], va="center", size=7, color=GREY)
    fallen = sum(front["wall"] == 0 for front in frame["fronts"])
    axes.set_title(
        f"strategy, held-out task, trained with cc: day {frame['day']} of {frame['days']}, "
        f"{fallen} of {len(frame['fronts'])} forts fallen",
        loc="left", size=9.5, color=INK, pad=2,
    )
    axes.text(
        7.0, -0.75, "Left: after the day. R is the enemy's reserve; a feint at a fallen fort draws "
        "it away.\nRight: all that an agent reads that morning, and its order.",
        size=7, color=GREY, va="center",
    )
    axes.set(xlim=(0, 13.2), ylim=(-1.1, 2.6))
    axes.axis("off")


def main() -> None:
    matplotlib.rcParams.update({
        "svg.hashsalt": "colllm_bench", "svg.fonttype": "path", "font.size": 9,
        "axes.edgecolor": GREY, "axes.labelcolor": INK, "xtick.color": GREY, "ytick.color": GREY,
    })
    figure = Figure(figsize=(9.4, 5.3), facecolor="white", layout="constrained")
    figure.get_layout_engine().set(h_pad=0.1)
    FigureCanvasSVG(figure)
    grid = figure.add_gridspec(2, 3, height_ratios=(1, 1.25))
    draw_battle(figure.add_subplot(grid[0, :]))
    for column, (env, metric, label, about) in enumerate(PANELS):
        axes = figure.add_subplot(grid[1, column])
        runs = draw_curves(axes, env, metric)
        axes.set_title(f"{env}: {about}", loc="left", size=9, color=INK)
        axes.set(xlabel=f"training episodes (3 agents, n = {runs} runs)", ylabel=label,
                 ylim=(0, 1), xlim=(0, 2560))
        axes.grid(color="#e6e6e6", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        if column == 0:
            axes.legend(frameon=False, loc="upper left", handlelength=2.6)
    out = ROOT / "docs" / "picture.svg"
    figure.savefig(out, metadata={"Date": None, "Creator": "results/readme/picture.py"})
    print(f"{out.relative_to(ROOT)}: {out.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
