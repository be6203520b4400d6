"""Everything a report shows, as one plain dict: what ``data.json`` holds and the page reads.

Top level: ``schema``, ``version``, ``level`` (of all intervals), ``thresholds``,
``profile_scores``, ``settings``, ``groups``, ``comparisons``, ``aggregates``, ``scaling``,
``excluded``.

* A **setting** is what is played: environment, its options, number of agents, model. Only
  groups of one setting are compared. Keys: ``id``, ``title``, ``env``, ``env_options``,
  ``agents``, ``model``, ``references`` (returns of scores 0 and 1 by ``random`` and ``scripted``,
  or None), ``known_range`` (whether the environment knows those; else they are the mean returns of
  the random team and the expert), ``groups`` (ids), ``notes`` (lines that a reader must know).
* A **group** is the seeds of one configuration and version. Keys: ``id``, ``setting``,
  ``method`` (its label), ``env``, ``env_options``, ``agents``, ``model``, ``parameters`` (of the
  model; None where the run did not say), ``algo``, ``name``,
  ``digest``, ``version``, ``config`` (without the seed), ``seeds``, ``folders``, ``replays``
  (paths of ``held-out-K.json``, those of all seeds), ``budget`` (training episodes),
  ``measure`` (``score``, ``success`` or ``return``: what it is ranked by), ``metrics`` (by id:
  :mod:`colllm_bench.leaderboard.metrics` has the list), ``finals`` (by measure: each seed's
  held-out result with the interval over its episodes, and the untrained team's), ``curves`` and
  ``profile`` (:mod:`colllm_bench.leaderboard.statistics.measures` and ``finals``), ``hardware``,
  ``commits`` (the seeds of each commit that the runs were made at, ``+`` where files had been
  changed since) and ``verified`` (seeds whose held-out results a verification recomputed).
* **comparisons**, **aggregates**, **scaling**:
  :mod:`colllm_bench.leaderboard.statistics.comparisons`.
* **suites** (added by ``build``): :func:`colllm_bench.leaderboard.suite.verdicts.results` of each
  suite of which there are references, without curves.
* **excluded**: ``path``, ``kind``, ``reason``.

An estimate is ``value``, ``low``, ``high``, ``n`` (runs), and mostly ``seeds`` (one a run). Lists
over seeds have the order of ``seeds``. A number that is not there is None. Equal run folders give
equal bytes, on any day and machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from colllm_bench import __version__
from colllm_bench.leaderboard import metrics
from colllm_bench.leaderboard.data.bases import model_size
from colllm_bench.leaderboard.data.collection import Collection, Group, Run
from colllm_bench.leaderboard.statistics import (
    comparisons,
    estimators,
    finals,
    measures,
    variability,
)

SCHEMA = 3
THRESHOLDS = (0.5, 0.8)
"""Normalized scores that samples are counted to."""


def build_data(
    collection: Collection, thresholds: Sequence[float] = THRESHOLDS
) -> dict[str, Any]:
    """The report's content, JSON-able."""
    labels = method_labels(collection.groups)
    places = [
        (
            describe(group, labels[group.key], thresholds)
            | {"parameters": model_size(group.first, collection.runs)},
            group,
        )
        for group in collection.groups
    ]
    return {
        "schema": SCHEMA,
        "version": __version__,
        "level": estimators.LEVEL,
        "thresholds": list(thresholds),
        "profile_scores": finals.PROFILE.tolist(),
        "settings": _settings(places),
        "groups": [described for described, _ in places],
        "comparisons": comparisons.pairs(places, thresholds),
        "aggregates": comparisons.aggregates(places),
        "scaling": comparisons.scaling(places),
        "excluded": [
            {"path": str(item.path), "kind": item.kind, "reason": item.reason}
            for item in collection.excluded
        ],
    }


def describe(group: Group, label: str, thresholds: Sequence[float]) -> dict[str, Any]:
    """A group with all its numbers."""
    run = group.first
    return {
        "id": slug(f"{setting_id(run)}-{label}"),
        "setting": setting_id(run),
        "method": label,
        "env": run.env,
        "env_options": run.config["env_options"],
        "agents": run.agents,
        "model": run.config["model"],
        "parameters": (run.summary.get("parameters") or {}).get("model"),
        "algo": run.algo,
        "name": run.name,
        "digest": run.digest,
        "version": run.version,
        "config": {key: value for key, value in run.config.items() if key != "seed"},
        "seeds": group.seeds,
        "folders": [str(run.path) for run in group.runs],
        "replays": [str(path) for run in group.runs for path in run.replays],
        "budget": run.budget,
        "measure": measures.main_measure(group),
        "finals": {
            kind.id: finals.final_seeds(group, kind.id) for kind in metrics.CURVES
        },
        "metrics": metrics.measured(group, thresholds),
        "curves": measures.group_curves(
            group, [unit.id for unit in metrics.UNITS], [kind.id for kind in metrics.CURVES]
        ),
        "profile": finals.profile(group),
        "hardware": variability.hardware(group),
        "commits": group.commits,
        "verified": [run.seed for run in group.runs if run.verified],
    }


# -- names


def slug(text: str) -> str:
    """As a file's name and a page's anchor."""
    return re.sub(r"[^\w.+=-]+", "_", text)


def setting_id(run: Run) -> str:
    """What is played, as a file's name: ``strategy-agents3-level2``."""
    options = [f"{key}{value}" for key, value in sorted(run.config["env_options"].items())]
    model = [] if run.config["model"] == "tiny" else [run.config["model"]]
    return slug("-".join([run.env, f"agents{run.agents}", *options, *model]))


def setting_title(run: Run) -> str:
    """What is played, for people: ``strategy, 3 agents, level=2, tiny``."""
    options = [f"{key}={value}" for key, value in sorted(run.config["env_options"].items())]
    agents = f"{run.agents} agent{'s' if run.agents != 1 else ''}"
    return ", ".join([run.env, agents, *options, run.config["model"]])


def method_labels(groups: list[Group]) -> dict[tuple, str]:
    """A label for each group, by its key: the algorithm, and the run's name where that says
    more than the setting does. No group's label depends on another's, unless both would be
    called the same: then the digest is added to both, the version and the base model's digest too
    if need be."""
    labels = {group.key: _method(group.first) for group in groups}
    for extra in ("digest", "version", "base"):
        alike: dict[tuple, list[Group]] = {}
        for group in groups:
            alike.setdefault((setting_id(group.first), labels[group.key]), []).append(group)
        for namesakes in alike.values():
            if len(namesakes) > 1:
                for group in namesakes:
                    run = group.first
                    more = {"digest": run.settings[:6], "version": f"v{run.version}",
                            "base": f"base {group.base[:6] or 'unknown'}"}[extra]
                    labels[group.key] += f" {more}"
    return labels


def _method(run: Run) -> str:
    options = {f"{key}{value}" for key, value in run.config["env_options"].items()}
    implied = {"default", f"agents{run.agents}", f"model{run.config['model']}"} | options
    parts = [part for part in re.split(r"-(?=[A-Za-z])", run.name) if part not in implied]
    return f"{run.algo} {'-'.join(parts)}" if parts else run.algo


# -- settings


def _settings(places: Sequence[comparisons.Place]) -> list[dict[str, Any]]:
    settings: dict[str, list[comparisons.Place]] = {}
    for place in places:
        settings.setdefault(place[0]["setting"], []).append(place)
    listed = []
    for name, places in settings.items():
        run = places[0][1].first
        listed.append({
            "id": name,
            "title": setting_title(run),
            "env": run.env,
            "env_options": run.config["env_options"],
            "agents": run.agents,
            "model": run.config["model"],
            "known_range": "score_range" in run.summary,
            "references": dict(zip(("random", "scripted"), run.references or (None, None))),
            "groups": [described["id"] for described, _ in places],
            "notes": _notes(places),
        })
    return sorted(listed, key=lambda s: (s["env"], json.dumps(s["env_options"]), s["agents"]))


def _notes(places: Sequence[comparisons.Place]) -> list[str]:
    """What a reader must know before comparing these groups."""
    notes = []
    versions = sorted({described["version"] for described, _ in places})
    if len(versions) > 1:
        notes.append(f"made with different versions: {', '.join(versions)}")
    budgets = sorted({described["budget"] for described, _ in places})
    if len(budgets) > 1:
        notes.append(f"budgets differ: {', '.join(map(str, budgets))} training episodes")
    if not all(comparisons.comparable(places[0][1], group) for _, group in places):
        notes.append(
            "references differ between runs (another number of held-out tasks, or another "
            "environment): such groups are not compared"
        )
    for described, _ in places:
        if len(described["commits"]) > 1:
            named = "; ".join(
                f"{commit[:7]}{'+' * commit.endswith('+')} (seeds {', '.join(map(str, seeds))})"
                for commit, seeds in described["commits"].items()
            )
            notes.append(f"{described['method']} averages runs of several commits: {named}")
        if described["verified"]:
            seeds = ", ".join(map(str, described["verified"]))
            notes.append(f"{described['method']}: numbers of a verification, seeds {seeds}")
    few = [
        described["method"] for described, _ in places
        if len(described["seeds"]) < estimators.FEW
    ]
    if few:
        least = min(len(described["seeds"]) for described, _ in places)
        notes.append(
            f"fewer than {estimators.FEW} seeds: {', '.join(few)}; the seeds alone do not exclude "
            f"that up to {estimators.unseen_rate(least):.0%} of runs fail (n = {least})"
        )
    return notes
