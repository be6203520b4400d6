"""The figures of one setting, from the report's data.

Every seed has a mark of its own; intervals are over seeds; a censored run is an arrow at the
budget. A figure has room for :data:`MOST` methods, those with the highest final means, and its
title says how many there are; the tables have all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from colllm_bench.leaderboard.metrics import CURVES, UNITS, Metric, main_metric
from colllm_bench.leaderboard.plots import style

MOST = 8
CURVE_TITLES = {curve.id: curve.title for curve in CURVES}

Group = dict[str, Any]


def shown(groups: Sequence[Group]) -> list[Group]:
    """The groups that go into a figure: of one measure, the best :data:`MOST`, by name."""
    measure = main_measure(groups)
    ranked = [
        group for group in groups
        if group["measure"] == measure and group["metrics"][main_metric(group)]
    ]
    ranked.sort(key=lambda group: -group["metrics"][main_metric(group)]["value"])
    return sorted(ranked[:MOST], key=lambda group: group["method"])


def main_measure(groups: Sequence[Group]) -> str:
    """What most of the groups are ranked by."""
    measures = [group["measure"] for group in groups]
    return max(CURVE_TITLES, key=measures.count)


def heading(setting: dict[str, Any], groups: Sequence[Group], what: str) -> str:
    total = len(setting["groups"])
    best = f" (the best {len(groups)} of {total} methods)" if len(groups) < total else ""
    return f"{setting['title']}: {what}{best}"


def named(group: Group) -> str:
    return f"{style.brief(group['method'])} (n={len(group['seeds'])})"


def below(groups: Sequence[Group], width: float, others: Sequence[str] = ()) -> float:
    """Inches that the legend takes."""
    return style.legend_shape([*map(named, groups), *others], width)[1]


REFERENCES = ("scripted expert", "untrained model")


# -- learning curves


def learning_curves(setting: dict[str, Any], groups: Sequence[Group], looks: dict) -> Figure | None:
    """The main measure against episodes, agent-turns, tokens and time: the mean over seeds of
    smoothed curves, its 95% interval as a band, and each seed as a thin line."""
    groups = shown(groups)
    if not groups:
        return None
    measure = groups[0]["measure"]
    figure, axes = style.panels(2, 2, below=below(groups, 8.0, REFERENCES))
    handles: dict[str, Any] = {}
    for axis, unit in zip(axes, UNITS):
        for group in groups:
            drawn = _curve(axis, group, measure, unit.id, looks[group["method"]])
            if drawn is not None:
                handles.setdefault(named(group), drawn)
        _references(axis, groups, measure, handles)
        axis.set_xlabel(unit.label)
        axis.set_ylabel(CURVE_TITLES[measure])
        axis.set_xlim(left=0)
        axis.xaxis.set_major_formatter(style.short)
        limit(axis, measure, [
            value for group in groups
            for seed in group["curves"]["measures"].get(measure, {}).get("seeds", ())
            for value in seed
        ])
    style.title(figure, heading(setting, groups, "learning curves"))
    style.legend(figure, handles)
    return figure


def _curve(axis: Any, group: Group, measure: str, unit: str, look: dict) -> Any:
    x, curve = group["curves"]["x"][unit], group["curves"]["measures"].get(measure)
    if x is None or curve is None:
        return None
    if len(curve["seeds"]) > 1:
        lines = [list(zip(x, seed)) for seed in curve["seeds"]]
        axis.add_collection(LineCollection(lines, colors=look["color"], lw=0.5, alpha=0.35))
    if curve["low"] is not None:
        axis.fill_between(x, curve["low"], curve["high"], color=look["color"], alpha=0.1, lw=0)
    (line,) = axis.plot(
        x, curve["mean"], color=look["color"], linestyle=look["linestyle"], linewidth=1.8
    )
    return line


def _references(axis: Any, groups: Sequence[Group], measure: str, handles: dict) -> None:
    """The expert (1 of the normalized score) and the untrained model, as lines across."""
    if measure == "score":
        handles[REFERENCES[0]] = axis.axhline(1.0, color="#444444", lw=1, ls=(0, (6, 2)))
    before = {group["finals"][measure]["untrained"] for group in groups} - {None}
    if len(before) == 1:
        level = before.pop()
        handles[REFERENCES[1]] = axis.axhline(level, color="#888888", lw=1, ls=(0, (1, 2)))


def limit(axis: Any, measure: str, values: Sequence[float] = ()) -> None:
    """The range of the y axis. The values decide; a band of few seeds that is wider is cut."""
    if measure == "score":
        low, high = min(0.0, *values, 0.0), max(1.0, *values, 1.0)
        axis.set_ylim(low - 0.03 * (high - low), high + 0.03 * (high - low))
    if measure == "success":
        axis.set_ylim(-0.03, 1.03)
        axis.yaxis.set_major_formatter(PercentFormatter(1.0))


# -- metrics, method beside method


def metric_panels(
    name: str, setting: dict[str, Any], groups: Sequence[Group], looks: dict,
    metrics: Sequence[Metric],
) -> Figure | None:
    """The figure ``name``: a panel for each metric that is drawn in it (``in_plot``); in a panel
    every seed, their mean and its interval, a line a method."""
    groups = shown(groups)
    if not groups:
        return None
    main = {f"{curve}_mean" for curve in CURVE_TITLES} - {main_metric(groups[0])}
    kept = [
        metric for metric in metrics
        if name in metric.in_plot and metric.id not in main
        and any(group["metrics"][metric.id] for group in groups)
    ]
    if not kept:
        return None
    columns = 2 if len(kept) == 4 else min(3, len(kept))
    labels = [named(group) for group in groups]
    figure, axes = style.panels(
        -(-len(kept) // columns), columns, width=5.0 if columns == 1 else 2.1,
        height=0.45 + 0.36 * len(groups), left=0.3 + 0.068 * max(map(len, labels)), wide=0.22,
    )
    for k, (axis, metric) in enumerate(zip(axes, kept)):
        dots(axis, [
            {"label": label if k % columns == 0 else "", "look": looks[group["method"]],
             "estimate": group["metrics"][metric.id] or MISSING}
            for label, group in zip(labels, groups)
        ])
        axis.set_xlabel(metric.label)
        if columns > 1:
            axis.locator_params(axis="x", nbins=4)
        if metric.format == "count":
            axis.xaxis.set_major_formatter(style.short)
        if metric.format == "share":
            axis.xaxis.set_major_formatter(PercentFormatter(1.0))
        _untrained(axis, groups, metric)
    for axis in axes[len(kept):]:
        axis.set_visible(False)
    what = f"{name} (each run a hollow mark; mean and 95% interval)"
    style.title(figure, heading(setting, groups, what))
    return figure


MISSING = {"value": float("nan"), "low": None, "high": None, "seeds": None}
"""Stands for a metric that a group lacks."""


def _untrained(axis: Any, groups: Sequence[Group], metric: Metric) -> None:
    """The untrained team as a line across, beside the results of trained ones."""
    if "finals" not in metric.in_plot or metric.references is None:
        return
    finals = [group["finals"][metric.references] for group in groups]
    levels = {final["untrained"] for final in finals if final} - {None}
    if len(levels) == 1:
        level = levels.pop()
        axis.axvline(level, color="#888888", lw=1.2, ls=(0, (1, 2)))
        axis.annotate(" untrained", (level, 1), xycoords=("data", "axes fraction"), fontsize=7,
                      color="#666666", va="top")


def dots(axis: Any, rows: Sequence[dict[str, Any]], *, numbers: bool = False) -> None:
    """A line a row: each seed a hollow mark, the estimate a filled one with its interval.

    A censored seed is an arrow at its budget, and so is an estimate that is only a lower bound.
    """
    for y, row in enumerate(rows):
        look = row["look"]
        estimate = row["estimate"]
        seeds = estimate.get("seeds") or ()
        reached = estimate.get("reached") or [True] * len(seeds)
        for marker, wanted in ((look["marker"], True), (">", False)):
            values = [seed for seed, there in zip(seeds, reached) if there is wanted]
            if values:
                axis.plot(
                    values, [y + 0.18] * len(values), linestyle="none", markersize=4.5,
                    marker=marker, markerfacecolor="none", markeredgecolor=look["color"],
                )
        if estimate["low"] is not None:
            ends = [estimate["low"], estimate["high"]]
            axis.plot(ends, [y - 0.12] * 2, color=look["color"], lw=1.6)
        axis.plot(
            [estimate["value"]], [y - 0.12], color=look["color"], markersize=6,
            marker=">" if estimate.get("bound") == "at least" else look["marker"],
            markeredgecolor="black", markeredgewidth=0.6, linestyle="none",
        )
        if numbers:
            axis.annotate(
                f"{estimate['value']:.3f}", (estimate["value"], y - 0.12), xytext=(0, 6),
                textcoords="offset points", fontsize=7, ha="center",
            )
    axis.set_yticks(range(len(rows)), [row["label"] for row in rows])
    axis.set_ylim(len(rows) - 0.45, -0.6)
    axis.grid(False, axis="y")


# -- profiles


def profiles(setting: dict[str, Any], groups: Sequence[Group], looks: dict,
             scores: Sequence[float]) -> Figure | None:
    """Share of runs above each score, with an exact interval at each."""
    groups = [group for group in shown(groups) if group["profile"]]
    if not groups:
        return None
    figure, (axis,) = style.panels(1, 1, width=5.2, height=2.8, below=below(groups, 5.9))
    handles = {}
    for group in groups:
        look, profile = looks[group["method"]], group["profile"]
        axis.fill_between(scores, profile["low"], profile["high"], step="post", color=look["color"],
                          alpha=0.08, lw=0)
        (handles[named(group)],) = axis.plot(
            scores, profile["shares"], drawstyle="steps-post", color=look["color"],
            linestyle=look["linestyle"], lw=1.8,
        )
    axis.set_ylim(-0.03, 1.03)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    axis.set_xlabel("normalized score on held-out tasks")
    axis.set_ylabel("share of runs above it")
    style.title(figure, heading(setting, groups, "performance profiles"))
    style.legend(figure, handles)
    return figure
