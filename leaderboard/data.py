"""Everything a report shows, as one plain dict: what ``data.json`` holds and the page reads.

Top level: ``schema``, ``version``, ``settings``, ``groups``, ``left_out``.

* A **setting** is what is played: environment, its options, number of agents, model. Only
  groups of one setting are compared. Keys: ``id``, ``title``, ``env``, ``env_options``,
  ``agents``, ``model``, ``references`` (mean return of ``random`` and ``scripted``, or None),
  ``groups`` (ids).
* A **group** is the seeds of one configuration and version. Keys: ``id``, ``setting``,
  ``method`` (its label), ``env``, ``env_options``, ``agents``, ``model``, ``algo``, ``name``,
  ``digest``, ``version``, ``config`` (without the seed), ``seeds``, ``folders``, ``replays``
  (paths of ``held-out-K.json``, those of all seeds).
* **left_out**: ``path``, ``kind``, ``reason``.

Lists over seeds have the order of ``seeds``. A number that is not there is None.
"""

from __future__ import annotations

import json
import re
from typing import Any

from colllm_bench import __version__
from colllm_bench.leaderboard.runs import Collection, Group, Run

SCHEMA = 1


def build_data(collection: Collection) -> dict[str, Any]:
    """The report's content, JSON-able."""
    labels = method_labels(collection.groups)
    groups = [_group(group, labels[group.key]) for group in collection.groups]
    return {
        "schema": SCHEMA,
        "version": __version__,
        "settings": _settings(collection.groups, groups),
        "groups": groups,
        "left_out": [
            {"path": str(item.path), "kind": item.kind, "reason": item.reason}
            for item in collection.left_out
        ],
    }


def setting_key(run: Run) -> tuple[str, str, int, str]:
    """What is played: (env, its options as JSON, agents, model)."""
    options = json.dumps(run.config["env_options"], sort_keys=True)
    return run.env, options, run.agents, run.config["model"]


def setting_id(run: Run) -> str:
    """:func:`setting_key` as a file's name: ``strategy-agents3-level2``."""
    options = [f"{key}{value}" for key, value in sorted(run.config["env_options"].items())]
    model = [] if run.config["model"] == "tiny" else [run.config["model"]]
    text = "-".join([run.env, f"agents{run.agents}", *options, *model])
    return re.sub(r"[^\w.+=-]+", "_", text)


def setting_title(run: Run) -> str:
    """:func:`setting_key` for people: ``strategy, 3 agents, level=2, tiny``."""
    options = [f"{key}={value}" for key, value in sorted(run.config["env_options"].items())]
    agents = f"{run.agents} agent{'s' if run.agents != 1 else ''}"
    return ", ".join([run.env, agents, *options, run.config["model"]])


def method_labels(groups: list[Group]) -> dict[tuple, str]:
    """A label for each group, by its key: the algorithm, and the run's name where that says
    more than the setting does. No group's label depends on another's, unless both would be
    called the same: then the digest is added to both, the version too if need be."""
    labels = {group.key: _method(group.first) for group in groups}
    for extra in ("digest", "version"):
        places: dict[tuple, list[tuple]] = {}
        for group in groups:
            place = (setting_key(group.first), labels[group.key])
            places.setdefault(place, []).append(group.key)
        for keys in places.values():
            if len(keys) > 1:
                for key in keys:
                    labels[key] += f" {key[3][:6]}" if extra == "digest" else f" v{key[4]}"
    return labels


def _method(run: Run) -> str:
    options = {f"{key}{value}" for key, value in run.config["env_options"].items()}
    said = {"default", f"agents{run.agents}", f"model{run.config['model']}"} | options
    own = [part for part in re.split(r"-(?=[A-Za-z])", run.name) if part not in said]
    return f"{run.algo} {'-'.join(own)}" if own else run.algo


def _settings(groups: list[Group], described: list[dict[str, Any]]) -> list[dict[str, Any]]:
    settings: dict[str, dict[str, Any]] = {}
    for group, found in zip(groups, described):
        run = group.first
        setting = settings.setdefault(found["setting"], {
            "id": found["setting"],
            "title": setting_title(run),
            "env": run.env,
            "env_options": run.config["env_options"],
            "agents": run.agents,
            "model": run.config["model"],
            "references": dict(zip(("random", "scripted"), run.references or (None, None))),
            "groups": [],
        })
        setting["groups"].append(found["id"])
    return sorted(settings.values(), key=lambda s: (s["env"], s["agents"], s["id"]))


def _group(group: Group, label: str) -> dict[str, Any]:
    run = group.first
    return {
        "id": re.sub(r"[^\w.+=-]+", "_", f"{setting_id(run)}-{label}"),
        "setting": setting_id(run),
        "method": label,
        "env": run.env,
        "env_options": run.config["env_options"],
        "agents": run.agents,
        "model": run.config["model"],
        "algo": run.algo,
        "name": run.name,
        "digest": run.digest,
        "version": run.version,
        "config": {key: value for key, value in run.config.items() if key != "seed"},
        "seeds": group.seeds,
        "folders": [str(run.path) for run in group.runs],
        "replays": [str(path) for run in group.runs for path in run.replays],
    }
