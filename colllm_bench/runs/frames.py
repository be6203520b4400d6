"""Run folders as a pandas table: for analyses of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colllm_bench.errors import ConfigError
from colllm_bench.runs import files
from colllm_bench.runs.status import holds_run

if TYPE_CHECKING:
    import pandas as pd

ROWS = ("runs", "iterations", "episodes", "held_out")
IDENTITY = ("env", "algo", "agents", "name", "seed")
"""Columns that say which run a row is of; ``path`` stands before them."""
FILES = {"iterations": "metrics.jsonl", "episodes": "episodes.jsonl"}


def frame(folders: str | Path | Sequence[str | Path], rows: str = "runs") -> pd.DataFrame:
    """Runs as a table.

    Args:
        folders: a run folder or one that holds run folders at any depth; or several.
        rows: what a row is.

            ``runs``: a run. All settings (those of environment and algorithm under their own
            names, ``env_``/``algo_`` before names that are taken), ``complete``, and of the
            held-out evaluation ``score``, ``return`` and ``success`` of the trained team with
            ``_low`` and ``_high`` (95% interval over tasks); those of other teams as
            ``untrained_score``, ... Missing numbers are NaN.
            ``iterations``: a training iteration: ``metrics.jsonl``, and ``timing.jsonl`` as
            ``seconds_rollout``, ``seconds_learn``, ``memory_mib``.
            ``episodes``: a training episode, ``episodes.jsonl``.
            ``held_out``: a held-out episode of a team: ``team``, ``task``, ``return``, ``turns``,
            ``success``.

    Returns:
        Rows in the order of the sorted paths, then of the files. Every table begins with ``path``
        and :data:`IDENTITY`.

    Raises:
        ConfigError: no runs there, an unknown kind of rows, or no pandas.
        RunError: a file cannot be read.
    """
    if rows not in ROWS:
        raise ConfigError(f"rows={rows!r} is unknown", allowed=", ".join(ROWS))
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        if error.name != "pandas":
            raise
        raise ConfigError(
            "frame needs pandas, which is not installed", fix="pip install pandas"
        ) from error
    paths = find_runs(folders)
    columns = ["path", *IDENTITY]
    return pd.DataFrame.from_records([row for path in paths for row in _rows(path, rows)]).pipe(
        lambda table: table if len(table) else pd.DataFrame(columns=columns)
    )


def find_runs(folders: str | Path | Sequence[str | Path]) -> list[Path]:
    """Run folders in and below ``folders``, sorted, each once.

    Raises:
        ConfigError: there is none.
    """
    several = [folders] if isinstance(folders, (str, Path)) else list(folders)
    found = {
        path.parent: None
        for folder in several for path in Path(folder).rglob("config.json")
        if holds_run(path.parent) and (path.parent / "environment.json").exists()
    }
    if not found:
        names = ", ".join(map(str, several)) or "nothing"
        raise ConfigError(f"no run folders in {names}", allowed="folders below which runs lie")
    return sorted(found)


def _rows(path: Path, rows: str) -> Iterator[dict[str, Any]]:
    settings = files.read_json(path / "config.json")["config"]
    name = path.parent.name if path.name == f"seed{settings['seed']}" else path.name
    identity = {"path": str(path)} | {
        key: name if key == "name" else settings[key] for key in IDENTITY
    }
    summary = files.read_json(path / "summary.json") if (path / "summary.json").exists() else {}
    if rows == "runs":
        yield identity | _settings(settings, identity) | _outcome(summary)
    elif rows == "held_out":
        yield from (identity | row for row in _held_out(summary))
    else:
        timing = files.read_lines(path / "timing.jsonl") if rows == "iterations" else []
        seconds = {row["iteration"]: _seconds(row) for row in timing}
        for row in files.iterate_lines(path / FILES[rows]):
            # An episode's own seed is that of its task.
            own = {f"task_{key}" if key in identity else key: value for key, value in row.items()}
            yield identity | own | seconds.get(row["iteration"], {})


def _settings(settings: dict[str, Any], taken: dict[str, Any]) -> dict[str, Any]:
    plain = {k: v for k, v in settings.items() if k not in taken and not isinstance(v, dict)}
    for table in ("env_options", "algo_options"):
        for key, value in settings.get(table, {}).items():
            clash = key in plain or key in taken
            plain[f"{table.partition('_')[0]}_{key}" if clash else key] = value
    return plain


def _outcome(summary: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"complete": bool(summary)}
    for measure in ("score", "return", "success"):
        for team, interval in summary.get(measure, {}).items():
            column = measure if team == "trained" else f"{team}_{measure}"
            row[column] = interval["mean"]
            row |= {f"{column}_{end}": interval[end] for end in ("low", "high")}
    return row


def _held_out(summary: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for team, results in summary.get("held_out", {}).items():
        successes = results["successes"] or [None] * len(results["returns"])
        columns = zip(results["returns"], results["turns"], successes)
        for task, (return_, turns, success) in enumerate(columns):
            yield {
                "team": team, "task": task, "return": return_, "turns": turns, "success": success
            }


def _seconds(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name if name.endswith("_mib") else f"seconds_{name}": value
        for name, value in row.items() if name != "iteration"
    }
