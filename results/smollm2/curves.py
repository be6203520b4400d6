"""Learning curves of a real model: SmolLM2-135M-Instruct, warm-started on ``credit``, two agents.

    python results/smollm2/curves.py MODEL_FOLDER        # trains what is missing; again: resumes
    python results/smollm2/curves.py MODEL_FOLDER 1      # of this seed alone
    python results/smollm2/curves.py --page              # rows, figure and page from what is there

MODEL_FOLDER is what the first command of README.md wrote. Runs go one after another into
``results/smollm2/runs`` (not committed); their rows are committed in ``curves.jsonl``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

HERE = Path(__file__).resolve().parent
RUNS = HERE / "runs"
ALGORITHMS, SEEDS = ("mc", "dc", "cc"), (0, 1)
ITERATIONS, BATCH = 10, 16
SETTINGS = [
    "--env", "credit", "--agents", "2", "--turns", "4", "--style", "brief",
    "--dtype", "bfloat16", "--device", "cpu", "--threads", "1", "--lr", "1e-3",
    "--batch", str(BATCH), "--episodes", str(ITERATIONS * BATCH), "--minibatches", "4",
    "--eval-episodes", "24", "--gradient-snr-every", "0",
]
KEPT = ("iteration", "episodes", "return", "invalid", "tokens", "kl", "explained_variance")


def command(algo: str, seed: int, model: str) -> list[str]:
    words = ["--algo", algo, "--seed", str(seed), "--model", model, *SETTINGS]
    return words if algo == "mc" else [*words, "--critic-warmup", "1"]


def folder(algo: str, seed: int) -> Path:
    return RUNS / "credit" / algo / "smollm2" / f"seed{seed}"


def train(model: str, seeds: Sequence[int]) -> None:
    """All runs in order of seeds, so that every algorithm has one before any has two."""
    for seed in seeds:
        for algo in ALGORITHMS:
            if (folder(algo, seed) / "summary.json").exists():
                continue
            words = [sys.executable, "-m", "colllm_bench.run", *command(algo, seed, model),
                     "--out", str(RUNS), "--name", "smollm2", "--resume"]
            subprocess.run(words, check=True)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def collect() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(rows an iteration, what is known of the runs) from the run folders."""
    rows, about = [], {}
    for algo in ALGORITHMS:
        for seed in SEEDS:
            path = folder(algo, seed)
            if not (path / "summary.json").exists():
                continue
            summary = json.loads((path / "summary.json").read_text())
            machine = json.loads((path / "environment.json").read_text())
            for row, took in zip(lines_of(path / "metrics.jsonl"), lines_of(path / "timing.jsonl")):
                rows.append({"algo": algo, "seed": seed, **{k: row.get(k) for k in KEPT},
                             "seconds": round(took["rollout"] + took["learn"], 1)})
            about[f"{algo} seed {seed}"] = {
                "score": summary["score"], "return": summary["return"],
                "commit": machine["commit"], "cpu": machine["cpu"], "packages": machine["packages"],
                "base": machine.get("base_digest"),
            }
    return rows, about


def figure(rows: list[dict[str, Any]]) -> None:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    from colllm_bench.leaderboard.plots.style import styles

    plot = Figure(figsize=(6.4, 3.4), layout="constrained")
    FigureCanvasSVG(plot)
    axes = plot.add_subplot()
    for algo in ALGORITHMS:
        look = {**styles(ALGORITHMS)[algo], "marker": ""}
        for seed in SEEDS:
            own = [row for row in rows if (row["algo"], row["seed"]) == (algo, seed)]
            label = algo if seed == SEEDS[0] else None
            axes.plot([row["episodes"] for row in own], [row["return"] for row in own],
                      label=label, linewidth=1.2, **look)
    axes.axhline(1 / 6, color="#6b6b6b", linewidth=0.8, linestyle=":")
    axes.set(xlabel="training episodes", ylabel="share of right answers", ylim=(0, 1))
    axes.legend(frameon=False)
    plot.savefig(HERE / "curves.svg", metadata={"Date": None})


def thirds(values: list[float]) -> tuple[float, float]:
    """Means of the first and the last third."""
    third = max(1, len(values) // 3)
    return fmean(values[:third]), fmean(values[-third:])


def table(rows: list[dict[str, Any]], about: dict[str, Any]) -> str:
    lines = ["| run | first third | last third | rise | held out, untrained | held out, trained "
             "| s an iteration |", "|---|---|---|---|---|---|---|"]
    for name, known in about.items():
        algo, _, seed = name.split()
        own = [row for row in rows if (row["algo"], row["seed"]) == (algo, int(seed))]
        first, last = thirds([row["return"] for row in own])
        held = known["return"]
        lines.append(
            f"| {name} | {first:.3f} | {last:.3f} | {last - first:+.3f} | "
            f"{held['untrained']['mean']:.3f} | {held['trained']['mean']:.3f} | "
            f"{fmean(row['seconds'] for row in own):.0f} |"
        )
    return "\n".join(lines)


def page() -> None:
    """Write ``curves.jsonl``, ``runs.json``, ``curves.svg`` and the table in README.md."""
    rows, about = collect()
    if rows:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (HERE / "curves.jsonl").write_text(lines)
        (HERE / "runs.json").write_text(json.dumps(about, indent=1) + "\n")
    else:  # a fresh clone: from the committed rows
        rows = lines_of(HERE / "curves.jsonl")
        about = json.loads((HERE / "runs.json").read_text())
    figure(rows)
    text = (HERE / "README.md").read_text()
    before, _, rest = text.partition("<!-- curves: begin -->")
    after = rest.partition("<!-- curves: end -->")[2]
    (HERE / "README.md").write_text(
        f"{before}<!-- curves: begin -->\n{table(rows, about)}\n<!-- curves: end -->{after}"
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--page"]:
        page()
    elif len(sys.argv) >= 2:
        train(sys.argv[1], [int(word) for word in sys.argv[2:]] or SEEDS)
    else:
        sys.exit(__doc__)
