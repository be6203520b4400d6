"""Suites as files: read, checked, and named by a digest of everything that decides a number.

A suite never changes: another task, budget, seed or range is a new version. ``[task.stated]``
says what is known of a task (untrained, blind, best known score); it decides no number and is not
part of the digest, so that it can be corrected (``errata.md`` lists every correction).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from colllm_bench import registry
from colllm_bench.cli import load_toml, parse_seeds
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError, unknown_name
from colllm_bench.suites.search import Search

FOLDER = Path(__file__).parent
FIXED = ("model", "eval_episodes", "lr_schedule", "curriculum")
"""Settings of RunConfig that a suite fixes for all tasks and algorithms, in ``[settings]``."""


KINDS = (
    ("id", (str,), "a text"), ("env", (str,), "an environment's name"),
    ("agents", (int,), "a whole number"), ("episodes", (int,), "a whole number"),
    ("threshold", (int, float), "a number: the score that samples are counted to"),
)
"""What every task must have."""


@dataclass(frozen=True)
class Stated:
    """What is known of a task, on the scale of its score (0 random team, 1 expert, or the returns
    that the environment knows, ``EnvSpec.score_range``).

    Attributes:
        untrained: (mean, low, high) of the untrained team.
        blind: of a team that sees only the clock: the environment's (``EnvSpec.blind``), else
            each agent does at each turn what the expert does there most often.
        best_known: highest mean over seeds that any algorithm had at this budget.
        perfect: highest score that is possible, where it is known.
        random_return, expert_return: mean returns of the random team and of the expert.
    """

    untrained: tuple[float, float, float] | None = None
    blind: float | None = None
    best_known: float | None = None
    perfect: float | None = None
    random_return: float | None = None
    expert_return: float | None = None


@dataclass(frozen=True)
class Task:
    """One task of a suite.

    Attributes:
        id: its name, a folder's name too.
        isolates: in a few words, what it is there to tell.
        env: environment id with its version (``strategy_v0``).
        episodes: training episodes: the budget.
        threshold: score that samples are counted to.
    """

    id: str
    env: str
    agents: int
    episodes: int
    threshold: float
    isolates: str = ""
    env_options: dict[str, Any] = field(default_factory=dict)
    stated: Stated = Stated()


@dataclass(frozen=True)
class Suite:
    """A version of the suite.

    Attributes:
        seeds: of the runs that are reported.
        settings: fixed for all runs (:data:`FIXED`).
        search: how settings are chosen.
        digest: twelve hex digits that name everything but :class:`Stated`.
    """

    name: str
    title: str
    tasks: tuple[Task, ...]
    seeds: tuple[int, ...]
    settings: dict[str, Any]
    search: Search
    digest: str

    def task(self, name: str) -> Task:
        """Raises ConfigError for a task that the suite has not."""
        for task in self.tasks:
            if task.id == name:
                return task
        raise unknown_name(f"task of suite {self.name}", name, [t.id for t in self.tasks], "see "
                           "the suite's file")

    def config(self, task: Task, algo: str, seed: int, chosen: dict[str, Any]) -> RunConfig:
        """The run of an algorithm on a task.

        Args:
            chosen: settings that its search chose; options of the algorithm among them.

        Raises:
            ConfigError: an environment of another version, or ``chosen`` sets what the suite
                fixes.
        """
        fixed = {
            "env": task.env if ":" in task.env else registry.env_spec(task.env).name,
            "algo": algo, "agents": task.agents,
            "env_options": dict(task.env_options), "episodes": task.episodes, "seed": seed,
            **self.settings,
        }
        for name in chosen:
            if name in fixed or name == "eval_split":
                raise ConfigError(
                    f"setting {name!r} is fixed by suite {self.name}", fix="leave it out"
                )
        return RunConfig.of(**fixed, **chosen)


def shipped() -> list[str]:
    """Names of the suites that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_suite(name: str) -> Suite:
    """A suite by name (``v1-mini``), or from a file of one's own (``./mine.toml``).

    Raises:
        ConfigError: no such suite, or a file that is none.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not name.endswith(".toml") and name not in shipped():
        raise unknown_name("suite", name, shipped(), "use one of these, or './file.toml'")
    table = load_toml(str(path))
    try:
        return _suite(table, path.stem)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ConfigError(f"suite file {path}: {reason}", fix="see docs/suite.md") from error


def _suite(table: dict[str, Any], name: str) -> Suite:
    tasks = [_task(entry) for entry in table["task"]]
    ids = [task.id for task in tasks]
    if not ids or len(set(ids)) < len(ids):
        raise ConfigError(f"suite {name} has no tasks, or two of one id", allowed="one or more")
    if unknown := set(table["settings"]) - set(FIXED):
        raise ConfigError(
            f"suite {name}: [settings] has {', '.join(sorted(unknown))}", allowed=", ".join(FIXED)
        )
    protocol = json.loads(json.dumps(table))
    for entry in protocol["task"]:
        for key in ("stated", "isolates"):
            entry.pop(key, None)
    protocol.pop("title", None)
    text = json.dumps({"name": name, **protocol}, sort_keys=True)
    search = Search.of(table["search"])
    if unknown := set(search.tasks) - set(ids):
        raise ConfigError(
            f"suite {name}: search.tasks has {', '.join(sorted(unknown))}", allowed=", ".join(ids)
        )
    seeds = tuple(_seeds(table["seeds"], name))
    if shared := set(seeds) & set(search.seeds):
        raise ConfigError(
            f"suite {name}: seeds and search.seeds share {sorted(shared)}",
            allowed="none in common: what settings were chosen on is not reported",
        )
    return Suite(
        name=name, title=table["title"], tasks=tuple(tasks), seeds=seeds,
        settings=table["settings"], search=search,
        digest=hashlib.sha256(text.encode()).hexdigest()[:12],
    )


def _task(entry: dict[str, Any]) -> Task:
    stated = dict(entry.get("stated", {}))
    if "untrained" in stated:
        stated["untrained"] = tuple(stated["untrained"])
    known = {f.name for f in fields(Task)}
    if unknown := set(entry) - known:
        raise ConfigError(
            f"task {entry.get('id')!r} has {', '.join(sorted(unknown))}",
            allowed=", ".join(sorted(known)),
        )
    for name, kinds, words in KINDS:
        if type(entry.get(name)) not in kinds:
            raise ConfigError(
                f"task {entry.get('id')!r}: {name} is {entry.get(name)!r:.60}", allowed=words
            )
    return Task(**{**entry, "stated": Stated(**stated)})


def _seeds(value: Any, name: str) -> list[int]:
    if not value:
        raise ConfigError(f"suite {name} has no seeds", fix='seeds = "0:5"')
    return parse_seeds(value)
