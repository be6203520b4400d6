"""The README's table of results, between its markers, from the summaries of the reference runs.

    python results/readme/table.py            # writes the table into README.md

Each cell is the mean held-out score over runs with the leaderboard's 95% interval, cut to what a
score can be (0 to 1); in the line below it the mean score of the last five iterations, on the
training tasks.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import numpy as np

from colllm_bench.leaderboard.statistics.estimators import estimate

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "results" / "reference"
ROWS = {
    "strategy": "`strategy`, level 1", "coding": "`coding`, level 1, 2 turns",
    "writing": "`writing`, 1 draft",
}
LAST = 5
"""Iterations of the training score."""
METHODS = ("mc", "dc", "cc", "central")
BEGIN, END = "<!-- results: begin -->\n", "<!-- results: end -->"


def scores(env: str, method: str, team: str) -> list[float]:
    """The held-out score of each reference run; empty without runs."""
    paths = sorted((REFERENCE / env / method).glob("default/seed*/summary.json"))
    return [json.loads(path.read_text())["score"][team]["mean"] for path in paths]


def training_scores(env: str, method: str) -> list[float]:
    """Each reference run's return over its last five iterations, as a score: 0 and 1 are the random
    team's and the expert's held-out return."""
    found = []
    for path in sorted((REFERENCE / env / method).glob("default/seed*/summary.json")):
        lines = path.with_name("metrics.jsonl").read_text().splitlines()[-LAST:]
        ends = json.loads(path.read_text())["return"]
        low, high = (ends[team]["mean"] for team in ("random", "scripted"))
        found.append((fmean(json.loads(line)["return"] for line in lines) - low) / (high - low))
    return found


def cell(values: list[float]) -> str:
    """Mean and interval of the runs, as the table shows them."""
    if len(values) < 2:
        return f"{values[0]:.3f} (n = 1)" if values else ""
    point = estimate(np.array(values), "mean").clipped(0.0, 1.0)
    low, high = (f"{bound:.3f}".replace("1.000", "1") for bound in (point.low, point.high))
    return f"{point.value:.3f} ({low} to {high})"


def table() -> str:
    """The table in Markdown."""
    lines = [f"| | untrained team | {' | '.join(f'`{method}`' for method in METHODS)} |"]
    lines.append("|---" * (2 + len(METHODS)) + "|")
    for env, title in ROWS.items():
        untrained = f"{fmean(scores(env, 'cc', 'untrained')):.3f}"
        cells = [cell(scores(env, method, "trained")) for method in METHODS]
        lines.append(f"| {title} | {untrained} | {' | '.join(cells)} |")
        trained = [training_scores(env, method) for method in METHODS]
        cells = [f"{fmean(values):.3f}" if values else "" for values in trained]
        lines.append(f"| ... on the training tasks | | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    path = ROOT / "README.md"
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"error: README.md has no {BEGIN.strip()} and {END}; fix: add both lines")
    path.write_text(before + BEGIN + table() + END + after)
    print(table(), end="")


if __name__ == "__main__":
    main()
