"""Runs of several algorithms side by side, from their folders alone.

    python results/compare.py results/reference/strategy
    python results/compare.py results/reference/writing --metric return

Writes ``README.md`` (a table) and ``learning_curves.png`` into the folder. Every seed is shown;
the interval over seeds is Student's t, and with fewer than five seeds it is wide for a reason.
The training column is the mean over the last five iterations, on the training tasks.
Episodes to a level count to the first iteration whose mean over five iterations reaches it;
a run that never does counts as "more than" what it played. The explained variance is the median
over iterations in which the win rate (or the return) was 0.2 to 0.8.
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

from colllm_bench.evaluation.intervals import mean_interval  # noqa: E402

WINDOW = 5
METRICS = {"success": "win rate", "return": "return"}
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


def smoothed(rows: list[dict], metric: str) -> np.ndarray:
    """Mean of ``metric`` over the last ``WINDOW`` iterations, at each iteration."""
    values = [row[metric] for row in rows]
    return np.array([fmean(values[max(0, i + 1 - WINDOW) : i + 1]) for i in range(len(values))])


def episodes_to(rows: list[dict], threshold: float, metric: str) -> str:
    reached = np.flatnonzero(smoothed(rows, metric) >= threshold)
    if len(reached):
        return str(rows[reached[0]]["episodes"])
    return f">{rows[-1]['episodes']}"


def explained(rows: list[dict], metric: str) -> list[float]:
    """The critic's explained variance while the metric is 0.2 to 0.8: where nearly all episodes
    end alike there is nothing to explain, and the ratio only measures noise."""
    values = [row.get("explained_variance") for row in rows if 0.2 <= row[metric] <= 0.8]
    return [value for value in values if value is not None and value == value]


def table(runs: dict[str, list[dict]], metric: str) -> list[str]:
    heads = [
        "algorithm", "n", "untrained", f"held-out {METRICS[metric]}, each seed",
        "mean (95% interval)", f"training {METRICS[metric]} at the end, each seed",
        *(f"episodes to {threshold:.0%}, each seed" for threshold in THRESHOLDS),
        "explained variance (median)",
    ]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for algo, own in sorted(runs.items()):
        finals = [run["summary"][metric]["trained"]["mean"] for run in own]
        before = fmean(run["summary"][metric]["untrained"]["mean"] for run in own)
        mean, low, high = mean_interval(finals)
        spread = f"{max(low, 0.0):.3f} to {min(high, 1.0):.3f}" if len(own) > 1 else "one run"
        known = [value for run in own for value in explained(run["metrics"], metric)]
        cells = [
            algo, str(len(own)), f"{before:.3f}", ", ".join(f"{final:.3f}" for final in finals),
            f"{mean:.3f} ({spread})",
            ", ".join(f"{smoothed(run['metrics'], metric)[-1]:.3f}" for run in own),
            *(", ".join(episodes_to(run["metrics"], t, metric) for run in own)
              for t in THRESHOLDS),
            f"{round(median(known), 2) + 0.0:.2f}" if known else "no critic",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def plot(runs: dict[str, list[dict]], path: Path, metric: str) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for algo, own in sorted(runs.items()):
        colour, style = STYLES.get(algo, ("#777777", "-"))
        curves = np.array([smoothed(run["metrics"], metric) for run in own])
        episodes = [row["episodes"] for row in own[0]["metrics"]]
        for curve in curves:
            axes.plot(episodes, curve, color=colour, linewidth=0.7, alpha=0.45)
        label = f"{algo} (n={len(own)})"
        axes.plot(episodes, curves.mean(0), color=colour, linestyle=style, linewidth=2, label=label)
    axes.set(xlabel="training episodes", ylim=(0, 1))
    axes.set_ylabel(f"{METRICS[metric]} (mean of 5 iterations)")
    axes.grid(color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--metric", choices=METRICS, default="success")
    args = parser.parse_args()
    folder, metric = args.folder, args.metric
    command = f"python results/compare.py {folder.as_posix()}"
    command += "" if metric == "success" else f" --metric {metric}"
    runs = load(folder)
    if not runs:
        raise SystemExit(f"error: no complete runs under {folder}")
    first = next(iter(runs.values()))[0]
    machine = first["environment"]
    lines = [
        f"# {first['summary']['env']}, {first['summary']['agents']} agents",
        "",
        f"Made by `{command}` from the runs beside this file "
        f"(`python -m colllm_bench.run --env {first['summary']['env']} --algo ALGO --seeds 0,1,2 "
        f"--threads 1`; {machine['cpu']}, {machine['cores']} core(s), no GPU). n < 5: read the "
        "intervals as wide as they are.",
        "",
        *table(runs, metric),
        "",
        "![learning curves](learning_curves.png)",
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n")
    plot(runs, folder / "learning_curves.png", metric)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
