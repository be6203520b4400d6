"""Run folders as data: reads ``results/**/ENV/ALGO/NAME/seedK``, and names what it leaves out.

Nothing here is fatal for more than one run, and nothing is averaged silently: a folder that is
empty, torn or not ours, a run that is not finished, and a run that another version or other
settings made than the other seeds beside it, are each left out by name, with the reason.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from colllm_bench import files
from colllm_bench.errors import ConfigError, RunError

SEED_FOLDER = re.compile(r"seed(\d+)")
OWN = frozenset({"config.json", "metrics.jsonl", "summary.json"})
"""A folder with one of these, or called ``seedK``, is looked at as a run."""
INSIDE = frozenset({"checkpoints", "transcripts", "team", "replays"})
"""Folders of a run in which no other run lies."""


@dataclass(frozen=True)
class LeftOut:
    """A folder that is in no number.

    Attributes:
        path: the folder.
        kind: ``empty``, ``torn``, ``foreign``, ``mixed``, ``duplicate`` or ``unfinished``.
        reason: one line for the reader of the report.
    """

    path: Path
    kind: str
    reason: str


@dataclass(frozen=True, eq=False)
class Run:
    """A complete run, as its folder tells it.

    With I iterations:

    Attributes:
        path: the folder.
        env, algo: short names (``./my.py:Rendezvous`` is ``rendezvous``).
        name: of the folder that holds the seeds.
        seed: of ``config.json``; the folder's name says the same.
        config: the resolved settings, the seed among them.
        digest: names the settings, the seed left out.
        version: of colllm_bench, that wrote the run from its beginning to its end.
        environment: ``environment.json`` (empty where it is missing).
        metrics: [I] float64 for each number of ``metrics.jsonl``; NaN where a line has none.
        timing: likewise of ``timing.jsonl``; maybe shorter than I, maybe empty.
        summary: ``summary.json``.
    """

    path: Path
    env: str
    algo: str
    name: str
    seed: int
    config: dict[str, Any]
    digest: str
    version: str
    environment: dict[str, Any]
    metrics: dict[str, np.ndarray]
    timing: dict[str, np.ndarray]
    summary: dict[str, Any]

    @property
    def agents(self) -> int:
        return self.config["agents"]

    @property
    def budget(self) -> int:
        """Training episodes."""
        return int(self.metrics["episodes"][-1])

    @property
    def replays(self) -> list[Path]:
        """Recorded held-out episodes (``replays/held-out-K.json``), in the order of K."""
        found = self.path.glob("replays/held-out-*.json")
        return sorted(found, key=lambda path: (len(path.name), path.name))

    def held_out(self, team: str) -> np.ndarray | None:
        """[E] returns of a team's held-out episodes; None where the team did not play."""
        found = self.summary["held_out"].get(team)
        return None if found is None else np.asarray(found["returns"], dtype=float)

    @cached_property
    def references(self) -> tuple[float, float] | None:
        """(mean return of the random team, of the scripted expert) on the held-out tasks; None
        where the environment lacks one, or the expert is no better."""
        floor, ceiling = (self.held_out(team) for team in ("random", "scripted"))
        if floor is None or ceiling is None or ceiling.mean() <= floor.mean():
            return None
        return float(floor.mean()), float(ceiling.mean())


@dataclass(frozen=True, eq=False)
class Group:
    """The runs that differ in nothing but their seed: what an average may be taken over."""

    runs: list[Run]

    @property
    def first(self) -> Run:
        return self.runs[0]

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        return group_key(self.first)

    @property
    def seeds(self) -> list[int]:
        return [run.seed for run in self.runs]


@dataclass
class Collection:
    """What lies below some folders.

    Attributes:
        groups: complete runs, those of one configuration and version together.
        left_out: everything else that looks like a run.
    """

    groups: list[Group] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def runs(self) -> list[Run]:
        return [run for group in self.groups for run in group.runs]


def read(roots: str | Path | Sequence[str | Path]) -> Collection:
    """All runs below ``roots``.

    Args:
        roots: folders to search: ``results``, one environment's folder, a single run.

    Raises:
        ConfigError: a root is no folder.
    """
    roots = [roots] if isinstance(roots, (str, Path)) else list(roots)
    for root in map(Path, roots):
        if not root.is_dir():
            raise ConfigError(
                f"{root} is no folder", allowed="folders with runs (results, or part of it)",
                fix="check the path",
            )
    left_out: list[LeftOut] = []
    runs: list[Run] = []
    for path in find(roots):
        found = read_run(path)
        (runs if isinstance(found, Run) else left_out).append(found)
    runs = list(_unmixed(runs, left_out))
    grouped: dict[tuple, dict[int, Run]] = defaultdict(dict)
    for run in runs:
        first = grouped[group_key(run)].setdefault(run.seed, run)
        if first is not run:
            reason = f"the same configuration and seed as {first.path}"
            left_out.append(LeftOut(run.path, "duplicate", reason))
    groups = [Group([seeds[seed] for seed in sorted(seeds)]) for seeds in grouped.values()]
    groups.sort(key=lambda group: group.key)
    return Collection(groups, sorted(left_out, key=lambda item: str(item.path)))


def group_key(run: Run) -> tuple[str, str, str, str, str]:
    """(env, algo, name, digest, version): runs that agree in all of it may be averaged."""
    return run.env, run.algo, run.name, run.digest, run.version


def find(roots: Iterable[str | Path]) -> Iterator[Path]:
    """Folders that look like runs, each once, in the order of their names."""
    seen: set[str] = set()
    for root in roots:
        for folder, below, names in os.walk(root):
            looks_like = SEED_FOLDER.fullmatch(os.path.basename(folder)) or OWN & set(names)
            below[:] = sorted(
                name for name in below
                if name[0] not in "._" and not (looks_like and name in INSIDE)
            )
            if looks_like and (real := os.path.realpath(folder)) not in seen:
                seen.add(real)
                yield Path(folder)


def read_run(path: str | Path) -> Run | LeftOut:
    """The run in a folder, or why it is in no number."""
    path = Path(path)
    try:
        return _read_run(path)
    except _Unfit as error:
        return LeftOut(path, error.kind, str(error))
    except (RunError, OSError) as error:  # a file vanished, or may not be read
        return LeftOut(path, "torn", " ".join(str(error).split()))


class _Unfit(Exception):
    def __init__(self, kind: str, reason: str):
        super().__init__(reason)
        self.kind = kind


def _read_run(path: Path) -> Run:
    if not any(entry.is_file() for entry in path.iterdir()):
        raise _Unfit("empty", "an empty folder")
    settings = _settings(path)
    config = settings["config"]
    environment = _json(path / "environment.json", "torn", missing={})
    metrics = read_columns(path / "metrics.jsonl")
    summary = _json(path / "summary.json", "torn", missing=None)
    done, planned = len(metrics.get("iteration", ())), -(-config["episodes"] // config["batch"])
    if summary is None:
        what = "trained, not evaluated" if done >= planned else f"{done} of {planned} iterations"
        if (path / "error.txt").exists():
            what += "; it failed, see error.txt"
        raise _Unfit("unfinished", f"not finished: {what} (--resume {path} goes on)")
    _check_metrics(metrics, done, planned)
    _check_summary(summary, config)
    return Run(
        path=path, env=short_name(config["env"]), algo=short_name(config["algo"]),
        name=path.resolve().parent.name, seed=config["seed"], config=config,
        digest=settings["digest"], version=_version(settings, environment),
        environment=environment, metrics=metrics, timing=read_columns(path / "timing.jsonl"),
        summary=summary,
    )


def short_name(name: str) -> str:
    """The registry's short name of an environment or algorithm, without loading it."""
    return name.rpartition(":")[2].lower() if ":" in name else re.sub(r"_v\d+$", "", name)


def _settings(path: Path) -> dict[str, Any]:
    """``config.json``, once it is known to be ours and to belong here."""
    settings = _json(path / "config.json", "torn", missing=None)
    if settings is None:
        raise _Unfit("foreign", "no config.json: not a run of colllm_bench")
    config = settings.get("config")
    if not isinstance(config, dict) or not {"version", "digest"} <= settings.keys():
        raise _Unfit("foreign", "config.json is not of colllm_bench")
    for key, kind in {"env": str, "algo": str, "agents": int, "seed": int, "episodes": int,
                      "batch": int, "env_options": dict, "model": str}.items():
        if not isinstance(config.get(key), kind):
            raise _Unfit("foreign", f"config.json is not of colllm_bench: no {key}")
    if config["episodes"] < 1 or config["batch"] < 1:
        raise _Unfit("foreign", "config.json is not of colllm_bench: no episodes")
    named = SEED_FOLDER.fullmatch(path.resolve().name)
    if named and int(named[1]) != config["seed"]:
        reason = f"the folder says seed {named[1]}, config.json seed {config['seed']}"
        raise _Unfit("foreign", reason)
    return settings


def _version(settings: dict[str, Any], environment: dict[str, Any]) -> str:
    """The one version that the whole run was made with."""
    parts = [environment, *environment.get("resumed", [])]
    versions = {str(settings["version"])}
    versions |= {str(part["colllm_bench"]) for part in parts if "colllm_bench" in part}
    if len(versions) > 1:
        raise _Unfit("mixed", f"begun and resumed with versions {', '.join(sorted(versions))}")
    return versions.pop()


def _check_metrics(metrics: dict[str, np.ndarray], done: int, planned: int) -> None:
    if done < planned:
        reason = f"torn: metrics.jsonl has {done} whole lines of {planned}, yet a summary.json"
        raise _Unfit("torn", reason)
    if not np.array_equal(metrics["iteration"], np.arange(planned)):
        raise _Unfit("torn", f"metrics.jsonl does not count its iterations from 0 to {planned - 1}")
    for key in ("episodes", "return"):
        if key not in metrics or not np.isfinite(metrics[key]).all():
            raise _Unfit("torn", f"metrics.jsonl has lines without {key}")
    if (np.diff(metrics["episodes"]) <= 0).any():
        raise _Unfit("torn", "the episodes of metrics.jsonl do not grow")


def _check_summary(summary: dict[str, Any], config: dict[str, Any]) -> None:
    for key in ("env", "algo", "agents", "seed", "model"):
        if summary.get(key) != config[key]:
            reason = f"summary.json is of {key} {summary.get(key)!r}, config.json {config[key]!r}"
            raise _Unfit("foreign", reason)
    teams = summary.get("held_out")
    if not isinstance(teams, dict) or "trained" not in teams:
        raise _Unfit("foreign", "summary.json holds no held-out results of the trained team")
    for name, team in teams.items():
        returns = team.get("returns") if isinstance(team, dict) else None
        numbers = isinstance(returns, list) and returns and all(
            isinstance(value, (int, float)) for value in returns
        )
        if not numbers:
            raise _Unfit("torn", f"summary.json lacks the held-out returns of {name}")


def _json(path: Path, kind: str, missing: Any) -> Any:
    if not path.exists():
        return missing
    try:
        data = files.read_json(path)
    except RunError as error:
        raise _Unfit(kind, f"torn: {path.name} is no JSON") from error
    if not isinstance(data, dict):
        raise _Unfit("foreign", f"{path.name} is not of colllm_bench")
    return data


def read_columns(path: Path) -> dict[str, np.ndarray]:
    """JSON lines as columns: [rows] float64 for each key that holds numbers, NaN where a row
    has none. A missing file has no columns; a torn last line is left out."""
    rows = files.read_lines(path)
    keys = dict.fromkeys(key for row in rows for key in row)
    columns = {}
    for key in keys:
        try:
            # null becomes NaN, true and false 1 and 0.
            columns[key] = np.array([row.get(key) for row in rows], dtype=float)
        except (TypeError, ValueError):
            continue  # a text or a list: no number to report
    return columns


def _unmixed(runs: list[Run], left_out: list[LeftOut]) -> Iterator[Run]:
    """Runs, those left out whose version or settings differ from most seeds beside them."""
    folders: dict[Path, list[Run]] = defaultdict(list)
    for run in runs:
        folders[run.path.resolve().parent if _in_place(run) else run.path].append(run)
    for beside in folders.values():
        counts = Counter((run.version, run.digest) for run in beside)
        # Of equally many the newest version stays, and of one version the lowest seed's.
        kept = max(
            beside,
            key=lambda run: (counts[run.version, run.digest], _numbers(run.version), -run.seed),
        )
        for run in beside:
            if run.version != kept.version:
                reason = f"version {run.version}, where most seeds beside it have {kept.version}"
            elif run.digest != kept.digest:
                reason = f"other settings than most seeds beside it: {_differences(run, kept)}"
            else:
                yield run
                continue
            left_out.append(LeftOut(run.path, "mixed", reason))


def _in_place(run: Run) -> bool:
    return SEED_FOLDER.fullmatch(run.path.resolve().name) is not None


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _differences(run: Run, other: Run) -> str:
    keys = sorted((run.config.keys() | other.config.keys()) - {"seed"})
    named = [
        f"{key} {run.config.get(key)!r}, not {other.config.get(key)!r}"
        for key in keys if run.config.get(key) != other.config.get(key)
    ]
    return "; ".join(named) or f"digest {run.digest}, not {other.digest}"
