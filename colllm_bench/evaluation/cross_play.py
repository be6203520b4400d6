"""Cross-play: some seats by one team, the others by another, for every pair of teams.

A team may have learned conventions that another run's agents do not share. The diagonal of the
matrix is self-play, the other cells are cross-play; the gap between their means shows how much
of a score depends on such conventions (Hu et al. 2020, "Other-Play" for zero-shot coordination,
section 5).

``OUT/evaluations/ENV/NAME/``: ``crossplay.json`` (every cell with its raw results, written
anew after each), ``crossplay.csv``, ``crossplay.png``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from colllm_bench.errors import ConfigError
from colllm_bench.evaluation.comparison import Contestant, actions_digest, settings_of
from colllm_bench.evaluation.held_out import (
    play_held_out,
    raw_results,
    reference_teams,
    summarize,
)
from colllm_bench.evaluation.record import EvaluationFolder, named_failure
from colllm_bench.evaluation.score_range import RangeOf, known_range, measured_range
from colllm_bench.teams.base import Team
from colllm_bench.teams.loading import seat_names
from colllm_bench.teams.mixed import MixedTeam

FILE = "crossplay.json"


def check(contestants: Sequence[Contestant], row_seats: int | None) -> int:
    """Refuse teams that cannot play in one game.

    Returns:
        How many seats the rows take.

    Raises:
        ConfigError: fewer than two teams, one with a single controller, or teams that differ
            in what must be the same; says in what.
    """
    if len(contestants) < 2:
        raise ConfigError("--cross-play with one team", fix="name two or more")
    for contestant in contestants:
        if contestant.centralized:
            raise ConfigError(
                f"{contestant.label} has one controller for all seats: nothing to mix",
                allowed="teams whose agents act one by one", fix="leave it out",
            )
        if contestant.spec.kind.brief_only and contestant.config.style != "brief":
            raise ConfigError(
                f"{contestant.label} reads the brief style, and the others "
                f"{contestant.config.style!r}",
                fix="--style brief, or leave it out",
            )
    first = contestants[0]
    for other in contestants[1:]:
        for key in ("style", "model"):
            one, two = getattr(first.config, key), getattr(other.config, key)
            learned = first.spec.kind.learned and other.spec.kind.learned
            if one != two and (key == "style" or learned):
                raise ConfigError(
                    f"{first.label} has {key} {one!r} and {other.label} {two!r}",
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


def cross_play_settings(contestants: Sequence[Contestant], row_seats: int) -> dict[str, Any]:
    """The head of the record: the task, who takes how many seats, and each team."""
    settings = settings_of(contestants)
    teams = settings.pop("teams")
    return {**settings, "row_seats": row_seats, "teams": teams}


def cross_play(
    contestants: Sequence[Contestant],
    row_seats: int,
    folder: EvaluationFolder,
    notify: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Play every cell of the matrix and the reference teams, and write the record.

    Args:
        contestants: k teams; cell (i, j) has the first ``row_seats`` seats from team i and the
            others from team j.
        folder: cells that its record holds are not played again.

    Returns:
        The complete record: ``matrix`` [k][k] of summaries, ``self_play`` and ``cross_play``
        (means of the diagonal and of the other cells).
    """
    unfinished = folder.unfinished or {}
    cells: dict[str, Any] = dict(unfinished.get("cells", {}))
    folder.write(False, cells=cells)
    agents = range(len(seat_names(contestants[0].config)))
    first, rest = agents[:row_seats], agents[row_seats:]
    for i, row in enumerate(contestants):
        missing = [j for j in range(len(contestants)) if f"{i},{j}" not in cells]
        if not missing:
            continue
        with named_failure(row.label):
            row_team = row.load(seats=first, path=folder.path / f"requests-row{i}.jsonl")
        try:
            for j in missing:
                column = contestants[j]
                if notify:
                    notify(f"playing: {row.label} with {column.label}")
                path = folder.path / f"requests-{i}-{j}.jsonl"
                with named_failure(f"{row.label} with {column.label}"):
                    cells[f"{i},{j}"] = _play_cell(row, column, row_team, first, rest, path)
                folder.write(False, cells=cells)
        finally:
            row_team.close()
    references = unfinished.get("references") or {
        name: raw_results(episodes)
        for name, episodes in reference_teams(contestants[0].config).items()
    }
    matrix = summarize_matrix(
        cells, references, len(contestants), known_range(contestants[0].config)
    )
    folder.write(True, cells=cells, references=references, **matrix)
    return folder.record


def _play_cell(
    row: Contestant, column: Contestant, row_team: Team, first: Sequence[int],
    rest: Sequence[int], path: Path,
) -> dict[str, Any]:
    """Results of one cell. The row's team is loaded once for all its cells."""
    column_team = column.load(seats=rest, path=path)
    try:
        mixed = MixedTeam([(row_team, first), (column_team, rest)])
        episodes = play_held_out(row.config, mixed)
    finally:
        column_team.close()
    return raw_results(episodes) | {"actions": actions_digest(episodes)}


def summarize_matrix(
    cells: dict[str, dict[str, Any]],
    references: dict[str, dict[str, Any]],
    teams: int,
    range_of: RangeOf | None = None,
) -> dict[str, Any]:
    """The matrix and the means of its diagonal and of its other cells, of scores (of returns
    where there is no score).

    Args:
        cells: results of each cell, by ``"i,j"``.
        references: results of the reference teams.
        teams: k.
        range_of: what normalizes the scores; None: the reference teams.
    """
    matrix = []
    for i in range(teams):
        line = []
        for j in range(teams):
            cell = summarize({**references, "cell": cells[f"{i},{j}"]}, range_of)
            line.append({key: cell[key].get("cell") for key in ("score", "return", "success")})
        matrix.append(line)
    scored = (range_of or measured_range)(references) is not None
    value = "score" if scored else "return"
    means = [[cell[value]["mean"] for cell in line] for line in matrix]
    diagonal = fmean(means[i][i] for i in range(teams))
    others = fmean(means[i][j] for i in range(teams) for j in range(teams) if i != j)
    return {
        "matrix": matrix, "value": value, "self_play": diagonal, "cross_play": others,
        "gap": diagonal - others,
    }


def matrix_csv(labels: Sequence[str], record: dict[str, Any]) -> str:
    """The matrix as CSV, one line per cell."""
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
