"""Comparisons of groups: in pairs, over several settings, over team sizes."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from colllm_bench.leaderboard.data.collection import Group
from colllm_bench.leaderboard.statistics import estimators, finals, measures
from colllm_bench.leaderboard.statistics.differences import compare, holm
from colllm_bench.leaderboard.statistics.estimators import estimate
from colllm_bench.leaderboard.statistics.samples import sample_ratio
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
    """Every two groups of a setting: ``a`` and ``b`` (ids), ``difference`` (of a's held-out mean
    from b's), ``probability_of_improvement`` (of a over b; None below five runs a side),
    ``sample_ratio`` by threshold (episodes of a over those of b). Each has its ``p_value``, and
    ``p_holm``: corrected for the number of pairs that are asked the same question here."""
    by_setting: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        by_setting[place[0]["setting"]].append(place)
    compared = []
    for setting, members in by_setting.items():
        needed = {
            (described["id"], threshold): measures.samples(group, threshold, "episodes")
            for described, group in members for threshold in thresholds
        }
        for (a, ours), (b, theirs) in combinations(members, 2):
            if not comparable(ours, theirs):
                continue
            ratios = {}
            for threshold in thresholds:
                one, other = (needed[group["id"], threshold] for group in (a, b))
                ratios[f"{threshold:g}"] = (
                    sample_ratio(one, other).to_dict() if one and other else None
                )
            compared.append({
                "setting": setting, "a": a["id"], "b": b["id"], **_finals(ours, theirs),
                "sample_ratio": ratios,
            })
    _correct([pair["difference"] for pair in compared])
    for threshold in thresholds:
        _correct([pair["sample_ratio"][f"{threshold:g}"] for pair in compared])
    return compared


def _correct(tests: Sequence[dict[str, Any] | None]) -> None:
    """Writes ``p_holm`` into the answers to one question."""
    made = [test for test in tests if test]
    for test, corrected in zip(made, holm([test["p_value"] for test in made])):
        test["p_holm"] = corrected


def _finals(ours: Group, theirs: Group) -> dict[str, Any]:
    """The trained teams of two groups on the tasks that both play."""
    values = [finals.final_scores(group) for group in (ours, theirs)]
    if any(each is None for each in values):
        return {"difference": None, "probability_of_improvement": None}
    measure = measures.main_measure(ours)
    spans = [measures.span(group, measure) for group in (ours, theirs)]
    noise = [finals.noise(group, measure) for group in (ours, theirs)]
    found = compare(
        *values, low=min(*values[0], *values[1], *(low for low, _ in spans)),
        high=max(*values[0], *values[1], *(high for _, high in spans)),
        noise=math.hypot(*noise) / math.sqrt(2),
    ).to_dict()
    return {
        "probability_of_improvement": found.pop("improvement"),
        "difference": {"value": found.pop("difference"), **found},
    }


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
    strata = [finals.final_scores(group) for _, group in places]
    spans = [measures.span(group, "score") for _, group in places]
    low = min(*(low for low, _ in spans), *np.concatenate(strata))
    high = max(*(high for _, high in spans), *np.concatenate(strata))
    row: dict[str, Any] = {
        "settings": [described["setting"] for described, _ in places],
        "n": sum(map(len, strata)),
    }
    for name, aggregate in estimators.AGGREGATES.items():
        rng = np.random.default_rng(derive(0, "aggregate", env, method, name))
        found = estimate(strata, name, low=low, high=high, rng=rng)
        if found.low is not None:
            # No run leaves the range of its own setting.
            edges = sorted(float(aggregate(np.concatenate(ends))) for ends in _ends(strata, spans))
            found = replace(
                found, low=max(found.low, edges[0]), high=min(found.high, edges[1])
            )
        row[name] = found.to_dict()
    shares = estimators.performance_profile(np.concatenate(strata), finals.PROFILE)
    return {**row, "profile": [float(f"{share:.6g}") for share in shares]}


def _ends(
    strata: Sequence[np.ndarray], spans: Sequence[tuple[float, float]]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The runs of each setting if all were the worst and if all were the best that there can be."""
    lowest = [np.full(len(s), min(low, s.min())) for s, (low, _) in zip(strata, spans)]
    highest = [np.full(len(s), max(high, s.max())) for s, (_, high) in zip(strata, spans)]
    return lowest, highest


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
