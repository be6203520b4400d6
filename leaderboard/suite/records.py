"""What of a suite's run is kept: one JSON line a run, small enough to be committed.

    results/suite/SUITE/reference/ALGO.jsonl

A line holds ``suite``, ``digest`` (of the suite), ``task``, ``algo``, ``seed``, ``version`` (of the
package), ``settings`` (that its search chose, of so many ``draws``; None: nobody searched),
``score`` and ``untrained`` (held-out means),
``returns`` and ``successes`` (of each held-out task; the latter None where there is no verdict),
``range`` (the returns of scores 0 and 1), ``references`` (returns of the random team and of the
expert on them, whose means the range mostly is), ``episodes`` and ``curve`` (training score an
iteration, None where a curriculum played an easier task), ``agent_turns``, ``tokens`` and
``seconds`` (of training), ``cpu``, ``commit`` (that the run was begun at, with a + where tracked
code differed from it; missing in records before November 28, 2026); ``code`` names the source
file of an algorithm that is not built in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from colllm_bench import registry
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.leaderboard.data.run_reader import ExcludedRun, Run, read_run
from colllm_bench.leaderboard.statistics.measures import own_curve, seconds_of
from colllm_bench.runs import files
from colllm_bench.suites import Suite, load_suite

Record = dict[str, Any]
ROUNDED = 1e-3
"""Returns of a record have five digits."""
FIELDS = ("suite", "digest", "task", "algo", "seed", "score", "returns", "range", "references",
          "episodes", "curve", "settings")
"""What every line must have."""


def record_of(
    path: Path, suite: Suite, task: str, settings: dict[str, Any], draws: int | None = None,
    code: str = "",
) -> Record:
    """The record of a complete run.

    Args:
        settings: that were chosen for it.
        draws: of how many; None: nobody searched.
        code: what names its algorithm's source file; "" for one that is built in.

    Raises:
        RunError: the folder holds no complete run with a score.
    """
    run = read_run(path)
    if isinstance(run, ExcludedRun):
        raise RunError(f"{path}: {run.reason}")
    scores = own_curve(run, "score")
    if scores is None:
        raise RunError(f"{path}: no score, its environment has no random team and expert")
    seconds = seconds_of(run)
    return {
        "suite": suite.name, "digest": suite.digest, "task": task, "algo": run.algo,
        "seed": run.seed, "version": run.version, "settings": settings, "draws": draws,
        "score": _mean(run, "trained"), "untrained": _mean(run, "untrained"),
        "returns": _short(run.held_out("trained")),
        "successes": run.summary["held_out"]["trained"]["successes"],
        "range": list(run.references),
        "references": [_short(run.held_out(team)) for team in ("random", "scripted")],
        "episodes": run.metrics["episodes"].astype(int).tolist(), "curve": _short(scores),
        "agent_turns": _sum(run, "agent_turns"), "tokens": _sum(run, "tokens"),
        "seconds": None if seconds is None else round(float(seconds.sum()), 1),
        "cpu": run.environment.get("cpu"), "commit": _commit(run.environment),
        **({"code": code} if code else {}),
    }


def _commit(environment: dict[str, Any]) -> str | None:
    commit = environment.get("commit")
    return commit and commit[:7] + "+" * bool(environment.get("modified"))


def _mean(run: Run, team: str) -> float:
    floor, ceiling = run.references
    return float((run.held_out(team).mean() - floor) / (ceiling - floor))


def _short(values: np.ndarray) -> list[float | None]:
    """Five digits: an episode's return, or the mean of a batch, says no more. None for NaN."""
    return [None if np.isnan(value) else float(f"{value:.5g}") for value in values]


def _sum(run: Run, name: str) -> int | None:
    values = run.metrics.get(name)
    return None if values is None else int(values.sum())


def score_table(records: Sequence[Record]) -> tuple[np.ndarray, np.ndarray | None]:
    """([R, E] scores of the runs by held-out task, [2, E] of the random team and the expert where
    these are the scale of the scores, else None), of the tasks that all runs have played."""
    shared = min(len(record["returns"]) for record in records)
    rows = []
    for record in records:
        floor, ceiling = record["range"]
        rows.append((np.asarray(record["returns"][:shared]) - floor) / (ceiling - floor))
    ends = np.asarray([returns[:shared] for returns in records[0]["references"]])
    floor, ceiling = records[0]["range"]
    measured = np.allclose(ends.mean(1), (floor, ceiling), rtol=0, atol=1e-3)
    return np.stack(rows), (ends - floor) / (ceiling - floor) if measured else None


# -- files


def reference_folder(root: Path, suite: Suite) -> Path:
    return root / suite.name / "reference"


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Replace a file by these records, whole or not at all."""
    with files.writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, "".join(
        json.dumps(files.plain(record), ensure_ascii=False, allow_nan=False) + "\n"
        for record in records
    ))


def read_records(path: Path, suite: Suite) -> list[Record]:
    """Records of a file.

    Raises:
        ConfigError: a line is no record, or is of another suite or version of it.
    """
    records = files.read_lines(path)
    for number, record in enumerate(records, start=1):
        if missing := [name for name in FIELDS if name not in record]:
            raise ConfigError(f"{path} line {number} has no {', '.join(missing)}")
        if record["digest"] != suite.digest:
            raise ConfigError(
                f"{path} line {number} is of suite {record['suite']} {record['digest']}, and "
                f"this is {suite.name} {suite.digest}: results of two versions do not compare",
                fix="make it again: python -m colllm_bench.suite run",
            )
        if fault := _fault(record, suite):
            raise ConfigError(f"{path} line {number}: {fault}", fix="make the record again")
    _refuse_copies(path, records)
    return records


def _fault(record: Record, suite: Suite) -> str | None:
    """What of a record contradicts the rest of it; None: nothing."""
    task = suite.task(record["task"])
    floor, ceiling = record["range"]
    if not floor < ceiling:
        return f"range {record['range']} is none"
    score = (np.mean(record["returns"]) - floor) / (ceiling - floor)
    if abs(score - record["score"]) > ROUNDED:
        return f"score {record['score']:.4f}, and its returns make {score:.4f}"
    known = ":" not in task.env and registry.env_spec(task.env).score_range is not None
    ends = [float(np.mean(returns)) for returns in record["references"]]
    if not known and not np.allclose(ends, (floor, ceiling), rtol=0, atol=ROUNDED):
        return f"range {record['range']}, and the reference teams' returns make {ends}"
    if not len(record["episodes"]) == len(record["curve"]):
        return "a curve of another length than its episodes"
    if record["episodes"] and record["episodes"][-1] < task.episodes:
        return f"{record['episodes'][-1]} episodes of a budget of {task.episodes}"
    return None


def _refuse_copies(path: Path, records: Sequence[Record]) -> None:
    """Two seeds of a task never play and learn the same to every digit."""
    seen: dict[str, Record] = {}
    for record in records:
        played = [record.get(name) for name in ("agent_turns", "tokens")]  # dead runs differ in it
        key = json.dumps([record["task"], record["returns"], record["curve"], played])
        first = seen.setdefault(key, record)
        if first["seed"] != record["seed"]:
            raise ConfigError(
                f"{path}: task {record['task']}: seeds {first['seed']} and {record['seed']} are "
                "one run", fix="make the second again",
            )


def read_references(root: Path, suite: Suite) -> dict[str, list[Record]]:
    """The committed records of a suite, by algorithm; {} where there are none."""
    folder = reference_folder(root, suite)
    return {path.stem: read_records(path, suite) for path in sorted(folder.glob("*.jsonl"))}


def by_task(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Records by task, each by seed; of two of one seed the last."""
    tasks: dict[str, dict[int, Record]] = {}
    for record in records:
        tasks.setdefault(record["task"], {})[record["seed"]] = record
    return {task: [seeds[seed] for seed in sorted(seeds)] for task, seeds in tasks.items()}


def find_suites(
    roots: Iterable[str | Path],
) -> tuple[list[tuple[Suite, dict[str, list[Record]]]], list[str]]:
    """Suites that ship and have references below ``roots`` (``**/suite/NAME/reference``).

    Returns:
        Each with its references, the newest version first, and why others cannot be read.
    """
    found, faults = {}, []
    for root in roots:
        for folder in sorted(Path(root).rglob("reference")):
            if folder.parent.parent.name != "suite" or not any(folder.glob("*.jsonl")):
                continue
            try:
                suite = load_suite(folder.parent.name)
                found[suite.name] = (suite, read_references(folder.parent.parent, suite))
            except ConfigError as error:
                faults.append(f"{folder}: {error}")
    return [found[name] for name in sorted(found, key=_version, reverse=True)], faults


def _version(name: str) -> tuple[int, str]:
    """``v10-mini`` comes after ``v9-mini``."""
    number = re.match(r"v(\d+)", name)
    return int(number[1]) if number else 0, name
