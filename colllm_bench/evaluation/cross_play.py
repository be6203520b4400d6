"""Cross-play: some seats by one team, the others by another, for every pair of teams.

What a team learned may only work among its own: it agreed on habits that another run's agents
do not share. Self-play stands on the diagonal of the matrix, cross-play beside it; the gap
between them says how much of a score is such an agreement (Hu et al. 2020, "Other-Play" for
zero-shot coordination, section 5).

``OUT/evaluations/ENV/NAME/``: ``crossplay.json`` (every cell with its bare numbers, written
anew after each), ``crossplay.csv``, ``crossplay.png``.
"""

from __future__ import annotations

import csv
import io
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from colllm_bench import cli
from colllm_bench.errors import ConfigError
from colllm_bench.evaluation.comparison import Entry, actions_digest, task
from colllm_bench.evaluation.held_out import (
    measures,
    normalized,
    play_held_out,
    reference_teams,
    results,
)
from colllm_bench.evaluation.record import Folder
from colllm_bench.runs import files
from colllm_bench.teams.base import Team, close
from colllm_bench.teams.loading import load_team, seat_names
from colllm_bench.teams.mixed import MixedTeam

FILE = "crossplay.json"


def check(entries: Sequence[Entry], row_seats: int | None) -> int:
    """Refuse teams that cannot sit at one table.

    Returns:
        How many seats the rows take.

    Raises:
        ConfigError: fewer than two teams, one that plays as a single master, or teams that
            differ in what must be the same; says in what.
    """
    if len(entries) < 2:
        raise ConfigError("--cross-play with one team", fix="name two or more")
    for entry in entries:
        if entry.config.algo == "central" and not entry.spec.scripted:
            raise ConfigError(f"{entry.label} has one master for all seats: nothing to mix")
        if entry.spec.scripted and entry.config.style != "brief":
            raise ConfigError(
                f"{entry.label} reads the brief style, and the others {entry.config.style!r}",
                fix="--style brief, or leave it out",
            )
    first = entries[0]
    for entry in entries[1:]:
        for key in ("style", "model"):
            one, other = getattr(first.config, key), getattr(entry.config, key)
            learned = {first.spec.kind, entry.spec.kind} <= {"run", "untrained"}
            if one != other and (key == "style" or learned):
                raise ConfigError(
                    f"{first.label} has {key} {one!r} and {entry.label} {other!r}",
                    fix=f"cross-play among teams of one {key}",
                )
    agents = len(seat_names(first.config))
    seats = agents // 2 if row_seats is None else row_seats
    if not 1 <= seats < agents:
        raise ConfigError(
            f"--row-seats {seats} of {agents}", allowed=f"1 to {agents - 1}" if agents > 1 else
            "an environment of two agents or more",
        )
    return seats


def cross_play(
    entries: Sequence[Entry],
    row_seats: int,
    folder: Folder,
    notify: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Play every cell of the matrix, and the reference teams, and write the record.

    Args:
        entries: k teams; cell (i, j) has the first ``row_seats`` seats from team i and the
            others from team j.
        folder: its record keeps the cells that are done; they are not played again.

    Returns:
        The complete record: ``matrix`` [k][k] of measures, ``self_play`` and ``cross_play``
        (means of the diagonal and of the other cells).
    """
    begun = folder.begun or {}
    cells: dict[str, Any] = dict(begun.get("cells", {}))
    folder.write(False, cells=cells)
    agents = range(len(seat_names(entries[0].config)))
    first, rest = agents[:row_seats], agents[row_seats:]
    for i, row in enumerate(entries):
        todo = [j for j in range(len(entries)) if f"{i},{j}" not in cells]
        if not todo:
            continue
        one = _seated(row, first, folder.path / f"requests-row{i}.jsonl")
        try:
            for j in todo:
                if notify:
                    notify(f"playing: {row.label} with {entries[j].label}")
                cells[f"{i},{j}"] = _cell(row, entries[j], one, first, rest, folder.path, (i, j))
                folder.write(False, cells=cells)
        finally:
            close(one)
    references = begun.get("references") or {
        name: results(episodes) for name, episodes in reference_teams(entries[0].config).items()
    }
    found = summarize(cells, references, len(entries))
    folder.write(True, cells=cells, references=references, **found)
    return folder.record


def _seated(entry: Entry, seats: Sequence[int], ledger: Path) -> Team:
    own = {"endpoint": entry.endpoint, "path": ledger} if entry.spec.kind == "openai" else {}
    return load_team(
        entry.spec, entry.config, seats=seats, temperature=entry.temperature, **own
    )


def _cell(
    row: Entry, column: Entry, one: Team, first: Sequence[int], rest: Sequence[int],
    path: Path, place: tuple[int, int],
) -> dict[str, Any]:
    other = _seated(column, rest, path / f"requests-{place[0]}-{place[1]}.jsonl")
    try:
        mixed = MixedTeam([(one, first), (other, rest)])
        episodes = play_held_out(row.config, mixed)
    finally:
        close(other)
    return results(episodes) | {"actions": actions_digest(episodes)}


def summarize(
    cells: dict[str, dict[str, Any]], references: dict[str, dict[str, Any]], teams: int
) -> dict[str, Any]:
    """The matrix and its two means, of scores (of returns where there is no score).

    Args:
        cells: results of each cell, by ``"i,j"``.
        references: results of the reference teams.
        teams: k.
    """
    matrix = []
    for i in range(teams):
        line = []
        for j in range(teams):
            cell = measures({**references, "cell": cells[f"{i},{j}"]})
            line.append({key: cell[key].get("cell") for key in ("score", "return", "success")})
        matrix.append(line)
    scored = normalized([0.0], references) is not None
    value = "score" if scored else "return"
    means = [[cell[value]["mean"] for cell in line] for line in matrix]
    own = fmean(means[i][i] for i in range(teams))
    others = fmean(means[i][j] for i in range(teams) for j in range(teams) if i != j)
    return {
        "matrix": matrix, "value": value, "self_play": own, "cross_play": others,
        "gap": own - others,
    }


def table(labels: Sequence[str], record: dict[str, Any]) -> str:
    """The matrix as CSV, a line a cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = [f"{key}_{x}" for key in ("score", "return", "success") for x in ("mean", "low", "high")]
    writer.writerow(["row", "column", "n", *head])
    for i, line in enumerate(record["matrix"]):
        for j, cell in enumerate(line):
            numbers = [
                (cell[key] or {}).get(x) for key in ("score", "return", "success")
                for x in ("mean", "low", "high")
            ]
            writer.writerow([labels[i], labels[j], cell["return"]["n"], *numbers])
    return text.getvalue()


def run_cross_play(entries: Sequence[Entry], args: Namespace) -> int:
    """Play, record, draw, print. Returns the exit code."""
    from colllm_bench.display.console import make_console, plain
    from colllm_bench.evaluate import keeping, open_folder

    seats = check(entries, vars(args).get("row_seats"))
    console = make_console(quiet="quiet" in vars(args))
    labels = [entry.label for entry in entries]
    with console.status("reading the teams") as status:
        settings = {
            **task(entries[0].config),
            "row_seats": seats,
            "teams": {entry.label: entry.about() for entry in entries},
        }
        folder = open_folder(settings, ["cross-play", *labels], args, FILE)
        with keeping(folder):
            record = cross_play(
                entries, seats, folder, lambda text: status.update(plain(text))
            )
            files.write_text(folder.path / "crossplay.csv", table(labels, record))
            drawn = _draw(folder.path)
    _print(console, labels, record)
    places = {"matrix": folder.path / "crossplay.csv", "record": folder.file}
    if drawn:
        places["picture"] = drawn
    for title, place in places.items():
        console.print(f"{title:<10}{place}", highlight=False, soft_wrap=True)
    return 0


def _draw(path: Path) -> Path | None:
    try:
        from colllm_bench.leaderboard.heatmap import heatmap
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        cli.say("no picture drawn: pip install 'colllm-bench[plots]'")
        return None
    return heatmap(path / FILE, path / "crossplay.png")


def _print(console: Any, labels: Sequence[str], record: dict[str, Any]) -> None:
    from colllm_bench.display.tables import plain_table
    from colllm_bench.evaluate import shortened

    n, seats, value = record["episodes"], record["row_seats"], record["value"]
    others = record["agents"] - seats
    console.print(
        f"\n{record['env']}, {record['agents']} agents: {value} of {seats} seat"
        f"{'s' * (seats > 1)} from the row's team and {others} from the column's, "
        f"{n} held-out tasks a cell\n",
        highlight=False, soft_wrap=True,
    )
    shown = plain_table("", *(f"{j + 1}" for j in range(len(labels))))
    for i, (label, line) in enumerate(zip(labels, record["matrix"])):
        cells = [f"{round(cell[value]['mean'], 3) + 0.0:.3f}" for cell in line]
        shown.add_row(f"{i + 1}  {shortened(label)}", *cells)
    console.print(shown)
    console.print(
        f"\nself-play {record['self_play']:.3f}, cross-play {record['cross_play']:.3f}, "
        f"gap {record['gap']:+.3f}\n",
        highlight=False,
    )
