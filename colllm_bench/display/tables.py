"""The tables that a command prints when it is done, and where its files are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from colllm_bench.display.console import PlainTable
from colllm_bench.display.progress import MANY_INVALID, duration
from colllm_bench.runs import files

TEAMS = {
    "random": "random team",
    "untrained": "untrained model",
    "trained": "trained team",
    "scripted": "scripted expert",
}


def teams_table(summary: dict[str, Any], teams: dict[str, str] = TEAMS) -> Table:
    """The teams of a ``summary.json``: the first measure with its 95% interval, then the rest.

    Args:
        teams: key in the summary -> title, in the order of the lines.
    """
    titles = {"success": "win rate", "return": "return", "score": "score"}
    shown = [key for key in titles if summary[key]]
    table = plain_table("on held-out tasks", titles[shown[0]], "95% interval")
    for key in shown[1:]:
        table.add_column(titles[key], justify="right", no_wrap=True)
    for team, title in teams.items():
        if team in summary["return"]:
            first, *others = (summary[key].get(team) for key in shown)
            row = [*cells(first), *(cells(result)[0] for result in others)]
            table.add_row(title, *row, style="bold" if team == "trained" else None)
    return table


def shortened(label: str, longest: int = 32) -> str:
    """A label that leaves room for the numbers; its end tells it from others."""
    return label if len(label) <= longest else f"{label[:8]}…{label[9 - longest:]}"


def plain_table(*titles: str) -> PlainTable:
    """A table of aligned columns without lines."""
    table = PlainTable(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for title in titles:
        table.add_column(title, no_wrap=True)
    return table


def cells(result: dict[str, Any] | None) -> tuple[str, str]:
    """A mean and its interval as text; empty where there is none."""
    if result is None:
        return "", ""
    numbers = (result["mean"], result["low"], result["high"])
    # Rounded before it is printed, and + 0.0: no "-0.000".
    mean, low, high = ("" if x is None else f"{round(x, 3) + 0.0:.3f}" for x in numbers)
    return mean, f"{low} to {high}" if low else ""


def print_report(console: Console, path: Path, summary: dict[str, Any]) -> None:
    """A finished run's table, and the paths of its files."""
    timing = files.read_lines(path / "timing.jsonl")
    seconds = sum(row.get("rollout", 0) + row.get("learn", 0) for row in timing)
    console.print(
        f"\n{summary['env']}, {summary['agents']} agents, {summary['algo']}, "
        f"seed {summary['seed']}: {summary['episodes']} training episodes in {duration(seconds)}\n"
    )
    console.print(teams_table(summary))
    console.print()
    share = summary.get("invalid", {}).get("trained", 0.0)
    if share >= MANY_INVALID:
        console.print(
            f"{share:.0%} of the trained team's actions were invalid: the transcripts show what "
            "it wrote; more --max-action-tokens where actions are cut off; --style full, or a warm "
            "start (python -m colllm_bench.pretrain --help), for a model that lacks the form\n",
            highlight=False,
        )
    places = {"run folder": path}
    curve = path / "learning_curve.png"
    if curve.exists():
        places["learning curve"] = curve
    transcripts = sorted((path / "transcripts").glob("held-out-*.txt"))
    if transcripts:
        places["a transcript"] = transcripts[0]
    for title, place in places.items():
        console.print(f"{title:<16}{place}", soft_wrap=True)
