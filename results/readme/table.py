"""The README's table of results, between its markers, from the reference runs.

    python results/readme/table.py            # writes the table into README.md

Each cell is the report's estimate (docs/statistics.md) of the mean held-out score over runs, on
the tasks that they played.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from colllm_bench.leaderboard.data import read
from colllm_bench.leaderboard.report_data import build_data

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "results" / "reference"
ROWS = {
    "strategy": "`strategy`, level 1", "coding": "`coding`, level 1, 2 turns",
    "writing": "`writing`, 1 draft",
}
METHODS = ("mc", "dc", "cc", "central")
BEGIN, END = "<!-- results: begin -->\n", "<!-- results: end -->"


def cell(group: dict[str, Any] | None) -> str:
    """Mean and interval of a group's runs, as the table shows them."""
    if group is None:
        return ""
    score = group["metrics"]["score_mean"]
    if score["low"] is None:
        return f"{score['value']:.3f} (n = {score['n']})"
    low, high = (f"{bound:.2f}".replace("1.00", "1") for bound in (score["low"], score["high"]))
    return f"{score['value']:.3f} ({low} to {high})"


def table() -> str:
    """The table in Markdown."""
    groups = {
        (group["env"], group["method"]): group
        for group in build_data(read(REFERENCE))["groups"]
    }
    lines = [f"| | untrained team | {' | '.join(f'`{method}`' for method in METHODS)} |"]
    lines.append("|---" * (2 + len(METHODS)) + "|")
    for env, title in ROWS.items():
        untrained = f"{groups[env, 'cc']['finals']['score']['untrained']:.3f}"
        cells = [cell(groups.get((env, method))) for method in METHODS]
        lines.append(f"| {title} | {untrained} | {' | '.join(cells)} |")
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
