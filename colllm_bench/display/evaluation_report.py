"""What an evaluation prints: its table, notes on its teams, and where its files are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from colllm_bench.display.tables import plain_table, shortened, teams_table
from colllm_bench.evaluation.comparison import Contestant


def print_evaluation(
    console: Console, path: Path, record: dict[str, Any], contestants: Sequence[Contestant]
) -> None:
    """The table, what endpoints used, and where the record is.

    Args:
        path: the evaluation's folder.
        record: complete, see :mod:`colllm_bench.evaluation.comparison`.
        contestants: the teams in it.
    """
    sampled = [c for c in contestants if not c.spec.kind.is_reference]
    how = ""
    if sampled:
        temperature = sampled[0].temperature
        how = f", sampled at temperature {temperature:g}" if temperature else ", greedy"
    console.print(
        f"\n{record['env']}, {record['agents']} agents, {record['episodes']} held-out tasks{how}\n",
        highlight=False, markup=False,
    )
    ordered = sorted(contestants, key=lambda contestant: contestant.spec.kind.rank)
    # Text: a label may spell markup of rich.
    titles = {c.label: Text(c.spec.kind.title or shortened(c.label)) for c in ordered}
    console.print(teams_table(record, titles))
    console.print()
    for contestant in contestants:
        for line in _notes(contestant.label, record):
            _print_line(console, line)
    _print_line(console, f"record          {path / 'evaluation.json'}")
    transcripts = path / "transcripts"
    if any(transcripts.glob("*.txt")):
        _print_line(console, f"transcripts     {transcripts}")


def _notes(label: str, record: dict[str, Any]) -> list[str]:
    """Lines on a team that the table does not say."""
    about, notes = record["teams"].get(label, {}), []
    if about.get("finished") is False:
        notes.append(f"{label}: the run is not finished; this is its last checkpoint's team")
    if about.get("decentralized"):
        notes.append(f"{label}: every agent alone in a process of its own")
    share = record["invalid"][label]
    if share >= 0.05:
        notes.append(f"{label}: {share:.0%} of its actions were invalid")
    usage = record["usage"].get(label)
    if usage:
        notes.append(f"{label}: {usage_line(usage)}")
    return notes


def usage_line(usage: dict[str, Any]) -> str:
    """What a team used (:meth:`colllm_bench.teams.kinds.TeamKind.usage_of`), in one line."""
    if "requests" not in usage:  # of a kind of the user's own
        return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in usage.items())
    cost = "" if usage["cost"] is None else f", ${usage['cost']:.4f}"
    line = f"{usage['requests']:,} answers in {usage['attempts']:,} requests"
    line += f", {usage['prompt_tokens']:,} tokens read"
    line += f", {usage['completion_tokens']:,} written{cost}"
    for key in ("refusals", "context_errors", "cut_off"):
        line += f", {usage[key]:,} {key.replace('_', ' ')}" if usage[key] else ""
    return line


def print_cross_play(console: Console, labels: Sequence[str], record: dict[str, Any]) -> None:
    """The matrix and its means.

    Args:
        labels: of the teams, in the matrix's order.
        record: complete, see :mod:`colllm_bench.evaluation.cross_play`.
    """
    episodes, seats, value = record["episodes"], record["row_seats"], record["value"]
    others = record["agents"] - seats
    _print_line(
        console,
        f"\n{record['env']}, {record['agents']} agents: {value} of {seats} seat"
        f"{'s' * (seats > 1)} from the row's team and {others} from the column's, "
        f"{episodes} held-out tasks a cell\n",
    )
    table = plain_table("", *(f"{j + 1}" for j in range(len(labels))))
    for i, (label, line) in enumerate(zip(labels, record["matrix"])):
        means = [f"{round(cell[value]['mean'], 3) + 0.0:.3f}" for cell in line]
        table.add_row(Text(f"{i + 1}  {shortened(label)}"), *means)
    console.print(table)
    console.print(
        f"\nself-play {record['self_play']:.3f}, cross-play {record['cross_play']:.3f}, "
        f"gap {record['gap']:+.3f}\n",
        highlight=False,
    )


def print_places(console: Console, places: dict[str, Path]) -> None:
    """Where files are, one per line."""
    for title, place in places.items():
        _print_line(console, f"{title:<10}{place}")


def _print_line(console: Console, line: str) -> None:
    # No markup: a path or a model's name may spell some.
    console.print(line, highlight=False, soft_wrap=True, markup=False)
