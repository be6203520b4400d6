"""Reads one run folder, or says why it is excluded from the results."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from colllm_bench import registry
from colllm_bench.config import RENAMED, RunConfig, digest_of, fields_without_effect
from colllm_bench.errors import RunError
from colllm_bench.evaluation.score_range import range_of
from colllm_bench.leaderboard.data import consistency
from colllm_bench.leaderboard.data.columns import read_columns
from colllm_bench.runs import files

SEED_FOLDER = re.compile(r"seed(\d+)")
PACE = fields_without_effect() | {"seed"}
"""Settings in which runs of one group may differ: the seed, and those without effect on
learning."""


@dataclass(frozen=True)
class ExcludedRun:
    """A folder that is excluded from the results.

    Attributes:
        path: the folder.
        kind: ``empty``, ``torn``, ``foreign``, ``edited``, ``mixed``, ``duplicate``, ``copy``,
            ``refused`` (by a verification), ``tuning`` (evaluated on the dev split) or
            ``unfinished``.
        reason: one line for the reader of the report.
    """

    path: Path
    kind: str
    reason: str


@dataclass(frozen=True, eq=False)
class Run:
    """A complete run, read from its folder.

    With I iterations:

    Attributes:
        path: the folder.
        env, algo: short names (``./my.py:Rendezvous`` is ``rendezvous``).
        name: of the folder that holds the seeds.
        seed: of ``config.json``; the folder's name says the same.
        config: the resolved settings, the seed among them.
        digest: as recorded: names the settings, the seed left out.
        version: of colllm_bench, that wrote the run from its beginning to its end.
        environment: ``environment.json`` (empty where it is missing).
        metrics: [I] float64 for each number of ``metrics.jsonl``; NaN where a line has none.
        timing: likewise of ``timing.jsonl``; maybe shorter than I, maybe empty.
        summary: ``summary.json``, its means and intervals from its own episodes.
        verified: the verdict of a verification whose numbers ``summary`` holds; None: none.
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
    verified: str | None = None

    @property
    def commits(self) -> list[str]:
        """Commits that the run was made at, as ``environment.json`` says; with ``+`` where files
        had been changed since."""
        parts = [self.environment, *self.environment.get("resumed", [])]
        return list(dict.fromkeys(
            str(part["commit"]) + ("+" if part.get("modified") else "")
            for part in parts if isinstance(part, dict) and part.get("commit")
        ))

    @property
    def base(self) -> str:
        """The digest of the base model's files; empty of runs that did not record it."""
        return str(self.environment.get("base_digest") or "")

    @property
    def agents(self) -> int:
        return self.config["agents"]

    @cached_property
    def settings(self) -> str:
        """Digest of the settings that affect learning: equal for runs that may be averaged. A
        setting that an older config.json lacks has its default."""
        return digest_of({
            key: value for key, value in {**RunConfig().to_dict(), **self.config}.items()
            if key not in PACE
        })

    @property
    def budget(self) -> int:
        """Training episodes."""
        return int(self.metrics["episodes"][-1])

    @property
    def replays(self) -> list[Path]:
        """Recorded held-out episodes (``replays/held-out-K.json``), in the order of K."""
        paths = self.path.glob("replays/held-out-*.json")
        return sorted(paths, key=lambda path: (len(path.name), path.name))

    def held_out(self, team: str) -> np.ndarray | None:
        """[E] returns of a team's held-out episodes; None where the team did not play."""
        results = self.summary["held_out"].get(team)
        return None if results is None else np.asarray(results["returns"], dtype=float)

    @cached_property
    def references(self) -> tuple[float, float] | None:
        """(mean return of the random team, of the scripted expert) on the held-out tasks; None
        where the environment lacks one, or the expert is no better. Environments whose best
        values are known have those in their place (``score_range`` of ``summary.json``)."""
        return range_of(self.summary)


def read_run(path: str | Path) -> Run | ExcludedRun:
    """The run in a folder, or why it is excluded from the results."""
    path = Path(path)
    try:
        return _read_run(path)
    except _Unfit as error:
        return ExcludedRun(path, error.kind, str(error))
    except (RunError, OSError) as error:  # a file vanished, or may not be read
        return ExcludedRun(path, "torn", " ".join(str(error).split()))


class _Unfit(Exception):
    def __init__(self, kind: str, reason: str):
        super().__init__(reason)
        self.kind = kind


def _read_run(path: Path) -> Run:
    if not any(entry.is_file() for entry in path.iterdir()):
        runs = sorted(path.glob("*/seed*/config.json")) or sorted(path.glob("*/config.json"))
        within = f"; there are runs below it, such as {runs[0].parent}" if runs else ""
        raise _Unfit("empty", f"no run: no file in it{within}" if within else "an empty folder")
    settings = _settings(path)
    config = settings["config"]
    environment = _json(path / "environment.json", "torn", missing={})
    planned = -(-config["episodes"] // config["batch"])
    metrics = read_columns(path / "metrics.jsonl", planned)
    summary = _json(path / "summary.json", "torn", missing=None)
    done = len(metrics.get("iteration", ()))
    if summary is None:
        what = "trained, not evaluated" if done >= planned else f"{done} of {planned} iterations"
        if (path / "error.txt").exists():
            what += "; it failed, see error.txt"
        raise _Unfit("unfinished", f"not finished: {what} (--resume {path} goes on)")
    _check_metrics(metrics, done, planned)
    _check_summary(summary, config)
    if fault := consistency.range_fault(config, summary):
        raise _Unfit("edited", fault)
    actual = consistency.recomputed(summary)
    for contradiction in consistency.contradictions(path, config, summary, actual):
        raise _Unfit("edited", contradiction)
    return Run(
        path=path, env=short_name(config["env"]), algo=short_name(config["algo"]),
        name=path.resolve().parent.name, seed=config["seed"],
        config=present_names(config),
        digest=settings["digest"], version=_version(settings, environment),
        environment=environment, metrics=metrics,
        timing=read_columns(path / "timing.jsonl", planned),
        summary=actual,
    )


def short_name(name: str) -> str:
    """The registry's short name of an environment or algorithm, without loading it."""
    return name.rpartition(":")[2].lower() if ":" in name else re.sub(r"_v\d+$", "", name)


def present_names(config: dict[str, Any]) -> dict[str, Any]:
    """Settings of any version under the names of this one, where the algorithm is known by
    name: a stranger's file is not run to read a folder."""
    if config.get("algo") not in registry.ALGORITHMS:
        return config
    try:
        settings = RunConfig.from_dict(config).to_dict()
    except TypeError:  # a setting that this version does not know
        return config
    given = {RENAMED.get(name, name) for name in config} | {"algo_options"}
    return {name: value for name, value in settings.items() if name in given}


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
    if (digest := digest_of(config)) != settings["digest"]:
        reason = f"config.json was edited: its digest is {digest}, not {settings['digest']}"
        raise _Unfit("foreign", reason)
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
        if not (isinstance(returns, list) and returns and all(map(_finite, returns))):
            raise _Unfit("torn", f"summary.json lacks the held-out returns of {name}")
        wins, invalid = team.get("successes"), team.get("invalid", 0.0)
        if wins is not None and not (
            isinstance(wins, list) and len(wins) == len(returns)
            and all(won in (0, 1) for won in wins)
        ):
            raise _Unfit("torn", f"summary.json has successes of {name} that are none")
        if not _finite(invalid) or not 0 <= invalid <= 1:
            raise _Unfit("torn", f"summary.json has a share of invalid actions of {name}: "
                                 f"{invalid!r:.40}")


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and bool(np.isfinite(value))


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
