"""Finds run folders (``results/**/ENV/ALGO/NAME/seedK``), reads them and groups the runs.

A folder that is empty, torn or not of colllm_bench, an unfinished run, and a run of another
version or other settings than the seeds beside it are each excluded, with the reason. None of
them stops the reading of the others.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from colllm_bench.errors import ConfigError
from colllm_bench.leaderboard.data import consistency
from colllm_bench.leaderboard.data.bases import base_digests
from colllm_bench.leaderboard.data.run_reader import PACE, SEED_FOLDER, ExcludedRun, Run, read_run

OWN = frozenset({"config.json", "metrics.jsonl", "summary.json"})
"""A folder with one of these files, or called ``seedK``, is read as a run."""
INSIDE = frozenset({"checkpoints", "transcripts", "team", "replays", "logs"})
"""Folders of a run that hold no other runs, and are not searched."""


@dataclass(frozen=True, eq=False)
class Group:
    """Runs that differ only in their seed, and so may be averaged.

    Attributes:
        base: digest of their base model; empty where it is not known.
    """

    runs: list[Run]
    base: str = ""

    @property
    def first(self) -> Run:
        return self.runs[0]

    @property
    def key(self) -> tuple[str, ...]:
        return *group_key(self.first), self.base

    @property
    def seeds(self) -> list[int]:
        return [run.seed for run in self.runs]

    @property
    def commits(self) -> dict[str, list[int]]:
        """The seeds of each commit that the runs were made at."""
        seeds: dict[str, list[int]] = {}
        for run in self.runs:
            for commit in run.commits:
                seeds.setdefault(commit, []).append(run.seed)
        return seeds


@dataclass
class Collection:
    """The runs below some folders.

    Attributes:
        groups: complete runs, those of one configuration and version together.
        excluded: every other folder that looks like a run, with the reason.
    """

    groups: list[Group] = field(default_factory=list)
    excluded: list[ExcludedRun] = field(default_factory=list)

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
    excluded: list[ExcludedRun] = []
    runs: list[Run] = []
    for path in find(roots):
        outcome = read_run(path)
        if isinstance(outcome, Run) and outcome.config.get("eval_split", "eval") != "eval":
            # Its score was there to choose settings by: tuning and reporting never meet.
            reason = "evaluated on the dev split, to choose settings"
            outcome = ExcludedRun(path, "tuning", reason)
        (runs if isinstance(outcome, Run) else excluded).append(outcome)
    runs = list(_originals(_unmixed(runs, excluded), excluded))
    digests = base_digests(runs, group_key)
    grouped: dict[tuple, dict[int, Run]] = defaultdict(dict)
    for run in runs:
        first = grouped[(*group_key(run), digests[run.path])].setdefault(run.seed, run)
        if first is not run:
            reason = f"the same configuration and seed as {first.path}"
            excluded.append(ExcludedRun(run.path, "duplicate", reason))
    groups = [
        Group([seeds[seed] for seed in sorted(seeds)], key[-1]) for key, seeds in grouped.items()
    ]
    groups.sort(key=lambda group: group.key)
    return Collection(groups, sorted(excluded, key=lambda item: str(item.path)))


def group_key(run: Run) -> tuple[str, str, str, str, str]:
    """(env, algo, name, settings, version): runs that agree in all of it may be averaged, if
    they have one base model."""
    return run.env, run.algo, run.name, run.settings, run.version


def find(roots: Iterable[str | Path]) -> Iterator[Path]:
    """Folders that look like runs, each once, in the order of their names."""
    seen: set[str] = set()
    for root in roots:
        for folder, below, names in os.walk(root):
            looks_like = SEED_FOLDER.fullmatch(os.path.basename(folder)) or OWN & set(names)
            below[:] = sorted(
                name for name in below
                if name[0] not in "._" and not (looks_like and name in INSIDE)
                # Trained teams of a suite's references: their records stand beside them.
                and not (name == "teams" and os.path.basename(folder) == "reference")
            )
            if looks_like and (real := os.path.realpath(folder)) not in seen:
                seen.add(real)
                yield Path(folder)


def _unmixed(runs: list[Run], excluded: list[ExcludedRun]) -> Iterator[Run]:
    """Runs without those whose version or settings differ from most seeds beside them; these are
    added to ``excluded``."""
    folders: dict[Path, list[Run]] = defaultdict(list)
    for run in runs:
        folders[run.path.resolve().parent if _in_place(run) else run.path].append(run)
    for beside in folders.values():
        counts = Counter((run.version, run.settings) for run in beside)
        # Of equally many the newest version stays, and of one version the lowest seed's.
        kept = max(
            beside,
            key=lambda run: (counts[run.version, run.settings], _numbers(run.version), -run.seed),
        )
        for run in beside:
            if run.version != kept.version:
                reason = f"version {run.version}, where most seeds beside it have {kept.version}"
            elif run.settings != kept.settings:
                reason = f"other settings than most seeds beside it: {_differences(run, kept)}"
            else:
                yield run
                continue
            excluded.append(ExcludedRun(run.path, "mixed", reason))


def _originals(runs: Iterable[Run], excluded: list[ExcludedRun]) -> Iterator[Run]:
    """Runs without the copies of others under another seed; these are added to ``excluded``."""
    runs = list(runs)
    ordered = sorted(runs, key=lambda run: (run.seed, str(run.path)))
    copied = {ordered[k].path: reason for k, reason in consistency.copies(ordered).items()}
    for run in runs:
        if run.path in copied:
            excluded.append(ExcludedRun(run.path, "copy", copied[run.path]))
        else:
            yield run


def _in_place(run: Run) -> bool:
    return SEED_FOLDER.fullmatch(run.path.resolve().name) is not None


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _differences(run: Run, other: Run) -> str:
    keys = sorted((run.config.keys() | other.config.keys()) - PACE)
    named = [
        f"{key} {run.config.get(key)!r}, not {other.config.get(key)!r}"
        for key in keys if run.config.get(key) != other.config.get(key)
    ]
    return "; ".join(named) or f"digest {run.digest}, not {other.digest}"
