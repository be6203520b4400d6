"""Comparisons of groups: in pairs, over several settings, over team sizes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from colllm_bench.leaderboard.data.collection import Group
from colllm_bench.leaderboard.statistics import estimators, measures
from colllm_bench.leaderboard.statistics.estimators import estimate
from colllm_bench.leaderboard.statistics.training_curves import sample_ratio
from colllm_bench.seeding import derive

Place = tuple[dict[str, Any], Group]
"""A described group (:mod:`colllm_bench.leaderboard.report_data`) and its runs."""


def comparable(ours: Group, theirs: Group) -> bool:
    """Whether two groups are ranked by the same measure, between the same references."""
    if measures.main_measure(ours) != measures.main_measure(theirs):
        return False
    references = [run.references for group in (ours, theirs) for run in group.runs]
    if None in references:
        return len(set(references)) == 1
    return bool(np.allclose(references, references[0], rtol=0, atol=1e-9))


def pairs(places: Sequence[Place], thresholds: Sequence[float]) -> list[dict[str, Any]]:
    """Every two groups of a setting: ``a`` and ``b`` (ids), ``probability_of_improvement`` (of
    a over b, held-out), ``sample_ratio`` by threshold (episodes of a over those of b)."""
    by_setting: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        by_setting[place[0]["setting"]].append(place)
    compared = []
    for setting, members in by_setting.items():
        needed = {
            (described["id"], threshold): measures.samples(group, threshold, "episodes")
            for described, group in members for threshold in thresholds
        }
        finals = {described["id"]: measures.final_scores(group) for described, group in members}
        for (a, ours), (b, theirs) in combinations(members, 2):
            if not comparable(ours, theirs):
                continue
            better = None
            if finals[a["id"]] is not None and finals[b["id"]] is not None:
                both = [(finals[a["id"]], finals[b["id"]])]
                better = estimators.probability_of_improvement(both).to_dict()
            ratios = {}
            for threshold in thresholds:
                one, other = (needed[group["id"], threshold] for group in (a, b))
                ratios[f"{threshold:g}"] = (
                    asdict(sample_ratio(one, other)) if one and other else None
                )
            compared.append({
                "setting": setting, "a": a["id"], "b": b["id"],
                "probability_of_improvement": better, "sample_ratio": ratios,
            })
    return compared


def aggregates(places: Sequence[Place]) -> list[dict[str, Any]]:
    """Each method over the settings that it was run in, by environment and over all (``env``
    None): mean, median, IQM and optimality gap of the normalized scores of all its runs, the
    bootstrap within settings; its profile; and which settings these are. Only where there are
    several settings, and only where scores are normalized by fixed references."""
    scored = [place for place in places if measures.main_measure(place[1]) == "score"]
    envs = sorted({described["env"] for described, _ in scored})
    rows = []
    for env in [*envs, *([None] if len(envs) > 1 else [])]:
        methods: dict[str, list[Place]] = defaultdict(list)
        for described, group in scored:
            if env in (None, described["env"]):
                methods[described["method"]].append((described, group))
        for method, members in sorted(methods.items()):
            if len(members) > 1:
                rows.append({"env": env, "method": method, **_aggregate(env, method, members)})
    return rows


def _aggregate(env: str | None, method: str, places: Sequence[Place]) -> dict[str, Any]:
    strata = [measures.final_scores(group) for _, group in places]
    row: dict[str, Any] = {
        "settings": [described["setting"] for described, _ in places],
        "n": sum(map(len, strata)),
    }
    for name in estimators.AGGREGATES:
        rng = np.random.default_rng(derive(0, "aggregate", env, method, name))
        row[name] = estimate(strata, name, rng=rng).to_dict()
    shares = estimators.performance_profile(np.concatenate(strata), measures.PROFILE)
    return {**row, "profile": [float(f"{share:.6g}") for share in shares]}


def scaling(places: Sequence[Place]) -> list[dict[str, Any]]:
    """Each method by the number of agents, all else equal: where it was run with two or more.

    Returns:
        ``env``, ``env_options``, ``model``, ``method`` and ``points``: ``agents``, ``group``
        (id). The numbers are the groups'.
    """
    lines: dict[tuple, list[dict[str, Any]]] = defaultdict(list)
    for described, _ in places:
        options = json.dumps(described["env_options"], sort_keys=True)
        key = (described["env"], options, described["model"], described["method"])
        lines[key].append({"agents": described["agents"], "group": described["id"]})
    return [
        {
            "env": env, "env_options": json.loads(options), "model": model, "method": method,
            "points": sorted(points, key=lambda point: point["agents"]),
        }
        for (env, options, model, method), points in sorted(lines.items())
        if len({point["agents"] for point in points}) > 1
    ]
