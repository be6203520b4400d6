"""Runs of several algorithms side by side, from their folders alone.

    python results/compare.py results/reference/strategy

Writes ``README.md`` (a table) and ``learning_curves.png`` into the folder. Every seed is shown;
the interval over seeds is Student's t, and with fewer than five seeds it is wide for a reason.
Episodes to a win rate count to the first iteration whose mean over five iterations reaches it;
a run that never does counts as "more than" what it played. The explained variance is the median
over iterations in which 20 to 80% of the episodes won.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import fmean, median

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from colllm_bench.intervals import mean_interval  # noqa: E402

WINDOW = 5
THRESHOLDS = (0.5, 0.8)
STYLES = {
    "cc": ("#0072B2", "-"), "dc": ("#D55E00", "--"), "mc": ("#009E73", "-."),
    "central": ("#000000", ":"),
}
"""Colours that the colour-blind can tell apart (Okabe and Ito), and a line style each."""


def load(folder: Path) -> dict[str, list[dict]]:
    """Complete runs by algorithm: rows of metrics, seconds, summary and environment."""
    runs: dict[str, list[dict]] = {}
    for path in sorted(folder.glob("*/*/seed*/summary.json")):
        own = path.parent
        lines = {
            name: [json.loads(line) for line in (own / f"{name}.jsonl").read_text().splitlines()]
            for name in ("metrics", "timing")
        }
        runs.setdefault(own.parent.parent.name, []).append({
            "folder": own, "seed": int(own.name.removeprefix("seed")),
            "summary": json.loads(path.read_text()),
            "environment": json.loads((own / "environment.json").read_text()), **lines,
        })
    return runs


def smoothed(rows: list[dict]) -> np.ndarray:
    """Mean win rate of the last ``WINDOW`` iterations, at each iteration."""
    wins = [row["success"] for row in rows]
    return np.array([fmean(wins[max(0, i + 1 - WINDOW) : i + 1]) for i in range(len(wins))])


def episodes_to(rows: list[dict], threshold: float) -> str:
    reached = np.flatnonzero(smoothed(rows) >= threshold)
    if len(reached):
        return str(rows[reached[0]]["episodes"])
    return f">{rows[-1]['episodes']}"


def explained(rows: list[dict]) -> list[float]:
    """The critic's explained variance while 20 to 80% of the episodes win: where nearly all end
    alike there is nothing to explain, and the ratio only measures noise."""
    values = [row.get("explained_variance") for row in rows if 0.2 <= row["success"] <= 0.8]
    return [value for value in values if value is not None and value == value]


def table(runs: dict[str, list[dict]]) -> list[str]:
    heads = [
        "algorithm", "n", "untrained", "held-out win rate, each seed", "mean (95% interval)",
        *(f"episodes to {threshold:.0%}, each seed" for threshold in THRESHOLDS),
        "explained variance (median)",
    ]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for algo, own in sorted(runs.items()):
        finals = [run["summary"]["success"]["trained"]["mean"] for run in own]
        before = fmean(run["summary"]["success"]["untrained"]["mean"] for run in own)
        mean, low, high = mean_interval(finals)
        spread = f"{max(low, 0.0):.3f} to {min(high, 1.0):.3f}" if len(own) > 1 else "one run"
        known = [value for run in own for value in explained(run["metrics"])]
        cells = [
            algo, str(len(own)), f"{before:.3f}", ", ".join(f"{final:.3f}" for final in finals),
            f"{mean:.3f} ({spread})",
            *(", ".join(episodes_to(run["metrics"], t) for run in own) for t in THRESHOLDS),
            f"{median(known):.2f}" if known else "no critic",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def plot(runs: dict[str, list[dict]], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for algo, own in sorted(runs.items()):
        colour, style = STYLES.get(algo, ("#777777", "-"))
        curves = np.array([smoothed(run["metrics"]) for run in own])
        episodes = [row["episodes"] for row in own[0]["metrics"]]
        for curve in curves:
            axes.plot(episodes, curve, color=colour, linewidth=0.7, alpha=0.45)
        label = f"{algo} (n={len(own)})"
        axes.plot(episodes, curves.mean(0), color=colour, linestyle=style, linewidth=2, label=label)
    axes.set(xlabel="training episodes", ylabel="win rate (mean of 5 iterations)", ylim=(0, 1))
    axes.grid(color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    runs = load(folder)
    if not runs:
        raise SystemExit(f"error: no complete runs under {folder}")
    first = next(iter(runs.values()))[0]
    machine = first["environment"]
    lines = [
        f"# {first['summary']['env']}, {first['summary']['agents']} agents",
        "",
        f"Made by `python results/compare.py {folder.as_posix()}` from the runs beside this file "
        f"(`python -m colllm_bench.run --env {first['summary']['env']} --algo ALGO --seeds 0,1,2 "
        f"--threads 1`; {machine['cpu']}, {machine['cores']} cores, no GPU). n < 5: read the "
        "intervals as wide as they are.",
        "",
        *table(runs),
        "",
        "![learning curves](learning_curves.png)",
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n")
    plot(runs, folder / "learning_curves.png")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
