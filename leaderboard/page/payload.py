"""The JSON that the page's scripts read: the report's data, reduced to what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from colllm_bench.leaderboard import metrics
from colllm_bench.leaderboard.metrics import Metric
from colllm_bench.leaderboard.page import replays, reproduction
from colllm_bench.leaderboard.palette import Look, looks

CURVE_NUMBERS = 250_000
"""Most numbers of all curves of a page: with many groups each curve has fewer points."""
MOST, LEAST = 100, 24
"""Points of a curve."""
LINE_WIDTH = 2.4
"""Of a curve, in CSS pixels (``plots.css``)."""
READING = (
    ("Score", "The return on held-out tasks, normalized for each setting by two fixed teams: "
     f"{metrics.SCALE}. No method moves another's score. The expert is no upper bound: a team, and "
     "an interval, can lie above 1. The training score is the same of the episodes that a team was "
     "trained on."),
    ("Held-out tasks", "The same for every run of a setting, and never among those of training. "
     "The final parameters play them; no best episode or best checkpoint is picked."),
    ("Seeds and intervals", "n is the number of runs, which differ in nothing but their seed. "
     "Intervals are {level:.0%}, over runs; every seed is a dot. They allow for runs that fail "
     "though none did here, at a prior of one run in ten, and so are wide below five seeds."),
    ("These tasks, such tasks", "All runs play the same held-out tasks. The interval of a score is "
     "for other runs on these tasks; the one on such tasks holds for other tasks of the kind too."),
    ("Samples to a threshold", "Counted on the smoothed training score (with a "
     "curriculum, of the run's own task alone). A run that never got there is censored: its seed "
     "is drawn as an arrowhead, and it counts as its budget in the mean (a restricted mean); > "
     "where no run got there."),
    ("Pairs", "Differences and ratios with intervals for runs of the kinds that were seen. p is of "
     "a permutation test, corrected for the number of pairs by Holm's method. The probability of "
     "improvement, how likely a run of the first is to beat one of the second on held-out tasks, "
     "is shown from five seeds a side: fewer cannot tell it from 50%."),
    ("Model size", "Parameters of the base model that all agents share, without adapters."),
)

SUITE_READING = (
    "Tasks, budgets, seeds and the search for settings are fixed by the suite. A verdict rests on "
    "a permutation test over runs, corrected for the number of tasks (Holm); \"no difference seen "
    "at this n\" does not say that there is none. A ratio of samples below 1: the first needs "
    "fewer episodes to the task's threshold; a run that never gets there counts as the budget."
)


def page_view(data: dict[str, Any]) -> dict[str, Any]:
    """The page's data from the report's.

    Args:
        data: see :mod:`colllm_bench.leaderboard.report_data`.
    """
    groups, level = data["groups"], data["level"]
    chosen = replays.choose(groups)
    points = points_that_fit(groups)
    listed = metrics.all_metrics(data["thresholds"])
    by_id = {group["id"]: group for group in groups}
    return {
        "version": data["version"],
        "level": level,
        "looks": {
            name: _look(look) for name, look in looks(group["method"] for group in groups).items()
        },
        "metrics": [_metric(metric) for metric in listed],
        "settings": [_setting(setting, by_id) for setting in data["settings"]],
        "groups": [_group(group, listed, points) for group in groups],
        "curves": {
            "x": [_scale(unit) for unit in metrics.UNITS],
            "y": [_scale(kind) for kind in metrics.CURVES],
        },
        "profile_scores": data["profile_scores"],
        "pairs": data["comparisons"],
        "thresholds": [f"{threshold:g}" for threshold in data["thresholds"]],
        "aggregates": data["aggregates"],
        "aggregate_titles": [
            {"id": name, "title": _capital(title)} for name, title in metrics.AGGREGATES.items()
        ],
        "suites": data.get("suites", []),
        "suite_reading": SUITE_READING,
        "replays": chosen["replays"],
        "replay_note": _replay_note(chosen),
        "reading": [(title, text.format(level=level)) for title, text in READING],
        "excluded": [*data["excluded"], *(
            {"path": path, "kind": "replay", "reason": reason} for path, reason in chosen["unread"]
        )],
    }


def _metric(metric: Metric) -> dict[str, Any]:
    return {
        "id": metric.id, "title": _capital(metric.title), "help": metric.help,
        "format": metric.format, "better": metric.better, "domain": metric.domain,
        "column": metric.in_page in ("column", "strip"), "strip": metric.in_page == "strip",
        "lines": metric.references,
    }


def _scale(scale: metrics.Scale) -> dict[str, Any]:
    return {"id": scale.id, "title": scale.title, "format": scale.format, "domain": scale.domain}


def _look(look: Look) -> dict[str, str]:
    """A method's look, as SVG attributes have it."""
    light, dark = look.colours
    return {
        "colour": f"light-dark({light}, {dark})", "mark": look.marker[0],
        "dash": " ".join(f"{LINE_WIDTH * length:g}" for length in look.dash),
    }


def _entry(metric: Metric, estimate: dict[str, Any], seeds: int) -> dict[str, Any]:
    """A metric's numbers as the page shows them.

    Returns:
        ``mean``, ``low``, ``high``, ``seeds`` (None where the number is of the whole group), and
        where runs never got to a threshold ``censored`` (of each seed; its value is the budget)
        and, where none did, ``bound`` (a sign before the mean, which is then a lower bound).
    """
    def shown(value: float | None) -> float | None:
        return None if value is None else float(f"{value * metric.scale:.6g}")

    entry: dict[str, Any] = {
        "mean": shown(estimate["value"]), "low": shown(estimate["low"]),
        "high": shown(estimate["high"]),
        "seeds": [shown(value) for value in estimate["seeds"] or [None] * seeds],
    }
    if not all(estimate.get("reached", ())):
        entry["censored"] = [not reached for reached in estimate["reached"]]
        if estimate["bound"] == "at least":
            entry["bound"] = ">"
    return entry


def _setting(setting: dict[str, Any], groups: dict[str, dict[str, Any]]) -> dict[str, Any]:
    keys = ("id", "title", "env", "agents", "model", "notes")
    members = [groups[name] for name in setting["groups"]]
    return {
        **{key: setting[key] for key in keys},
        "lines": {kind: _lines(kind, setting, members) for kind in
                  (curve.id for curve in metrics.CURVES)},
    }


def _lines(
    kind: str, setting: dict[str, Any], groups: list[dict[str, Any]]
) -> list[tuple[str, float]]:
    """(name, value) of the reference teams in a plot of ``kind``."""
    lines, references = [], setting["references"]
    if references["scripted"] is not None and kind != "success":
        at = (0.0, 1.0) if kind == "score" else (references["random"], references["scripted"])
        known = setting["known_range"]
        names = ("known floor", "known optimum") if known else ("random team", "scripted expert")
        lines = list(zip(names, at))
    before = [
        group["finals"][kind]["untrained"] for group in groups
        if group["finals"].get(kind) and group["finals"][kind]["untrained"] is not None
    ]
    return lines + ([("untrained model", fmean(before))] if before else [])


def _group(
    group: dict[str, Any], listed: Sequence[Metric], points: int
) -> dict[str, Any]:
    keys = ("id", "setting", "method", "algo", "env", "agents", "model", "seeds", "folders",
            "budget", "measure", "profile")
    options = [f"{key}={value}" for key, value in sorted(group["env_options"].items())]
    return {
        **{key: group[key] for key in keys},
        "title": ", ".join([group["env"], *options]),
        "family": ", ".join([group["env"], *options, group["model"]]),
        "size": group.get("parameters"),
        "model_title": model_title(group),
        "numbers": {
            metric.id: _entry(metric, estimate, len(group["seeds"]))
            for metric in listed if (estimate := group["metrics"][metric.id]) is not None
        },
        "curves": thinned(group["curves"], points),
        "provenance": reproduction.provenance_of(group),
    }


# -- curves


def points_that_fit(groups: list[dict[str, Any]]) -> int:
    """How many points each curve may have, so that a page of many runs stays small."""
    lists = sum(
        len(metrics.UNITS) + len(group["curves"]["measures"]) * (len(group["seeds"]) + 3)
        for group in groups
    )
    return max(LEAST, min(MOST, CURVE_NUMBERS // max(1, lists)))


def thinned(curves: dict[str, Any], points: int) -> dict[str, Any]:
    """A group's curves with at most ``points`` points, the first and last kept, in four digits."""
    count = len(curves["x"]["episodes"])
    kept: Any = range(count)
    if count > points:
        kept = sorted({round(k * (count - 1) / (points - 1)) for k in range(points)})

    def pick(values: list | None) -> list | None:
        return None if values is None else [_brief(values[k]) for k in kept]

    return {
        "x": {unit: pick(values) for unit, values in curves["x"].items()},
        **{
            kind: {
                **{key: pick(curve[key]) for key in ("mean", "low", "high")},
                "seeds": [pick(seed) for seed in curve["seeds"]],
            }
            for kind, curve in curves["measures"].items()
        },
    }


def _brief(value: float) -> float:
    """Four digits: more than a pixel shows."""
    short = float(f"{value:.4g}")
    return int(short) if short == int(short) else short


# -- words


def _capital(title: str) -> str:
    return title[:1].upper() + title[1:]


def model_title(group: dict[str, Any]) -> str:
    """``tiny (0.17 M)``, or the bare name where the run did not record the size."""
    size = group.get("parameters")
    if not size:
        return group["model"]
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size >= limit or unit == "k":
            return f"{group['model']} ({size / limit:.3g} {unit})"
    raise AssertionError("unreachable")


def _replay_note(chosen: dict[str, Any]) -> str:
    here, recorded = len(chosen["replays"]), chosen["recorded"]
    if here == recorded:
        return ""
    return (
        f"{here:,} of {recorded:,} recorded episodes are on this page, some of every group; the "
        "others are in the run folders, as replays/*.json."
    )
