"""The report's pictures of one setting, from its data alone (see report_data).

Every seed is a mark of its own; intervals are over seeds; what is censored is drawn as an arrow
at the budget. Only :data:`MOST` methods fit into a picture: those with the highest final means,
and the title says how many there are; the tables have all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from colllm_bench.leaderboard.plots import style

MOST = 8
UNITS = {
    "episodes": "training episodes", "agent_turns": "agent-turns", "tokens": "tokens written",
    "seconds": "wall seconds",
}
MEASURES = {"score": "normalized score", "success": "win rate", "return": "return"}

Group = dict[str, Any]


def shown(groups: Sequence[Group]) -> list[Group]:
    """The groups that go into a picture: of one measure, the best :data:`MOST`, by name."""
    measure = main_measure(groups)
    fit = [group for group in groups if group["measure"] == measure and group["finals"][measure]]
    best = sorted(fit, key=lambda group: -group["finals"][measure]["mean"]["value"])[:MOST]
    return sorted(best, key=lambda group: group["method"])


def main_measure(groups: Sequence[Group]) -> str:
    """What most of the groups are ranked by."""
    measures = [group["measure"] for group in groups]
    return max(MEASURES, key=measures.count)


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
    for axis, (unit, label) in zip(axes, UNITS.items()):
        for group in groups:
            drawn = _curve(axis, group, measure, unit, looks[group["method"]])
            if drawn is not None:
                handles.setdefault(named(group), drawn)
        _references(axis, groups, measure, handles)
        axis.set_xlabel(label)
        axis.set_ylabel(MEASURES[measure])
        axis.set_xlim(left=0)
        axis.xaxis.set_major_formatter(style.short)
        limit(axis, measure)
    style.title(figure, heading(setting, groups, "learning curves"))
    style.legend(figure, handles)
    return figure


def _curve(axis: Any, group: Group, measure: str, unit: str, look: dict) -> Any:
    x, found = group["curves"]["x"][unit], group["curves"]["measures"].get(measure)
    if x is None or found is None:
        return None
    if len(found["seeds"]) > 1:
        lines = [list(zip(x, own)) for own in found["seeds"]]
        axis.add_collection(LineCollection(lines, colors=look["color"], lw=0.5, alpha=0.35))
    if found["low"] is not None:
        axis.fill_between(x, found["low"], found["high"], color=look["color"], alpha=0.1, lw=0)
    (line,) = axis.plot(
        x, found["mean"], color=look["color"], linestyle=look["linestyle"], linewidth=1.8
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


def limit(axis: Any, measure: str) -> None:
    if measure == "score":
        low, high = axis.get_ylim()
        axis.set_ylim(max(low, -0.6), min(high, 1.6))  # a band of three seeds may be very wide
    if measure == "success":
        axis.set_ylim(-0.03, 1.03)
        axis.yaxis.set_major_formatter(PercentFormatter(1.0))


# -- final scores


def final_scores(setting: dict[str, Any], groups: Sequence[Group], looks: dict) -> Figure | None:
    """Held-out results: every seed, their mean and its interval, the untrained model."""
    groups = shown(groups)
    if not groups:
        return None
    measure = groups[0]["measure"]
    rows = [
        {
            "label": named(group), "look": looks[group["method"]],
            "seeds": [seed["value"] for seed in group["finals"][measure]["seeds"]],
            "estimate": group["finals"][measure]["mean"],
        }
        for group in groups
    ]
    figure, (axis,) = style.panels(
        1, 1, width=5.0, height=0.45 + 0.36 * len(rows), left=_room(rows)
    )
    dots(axis, rows)
    handles: dict[str, Any] = {}
    before = {group["finals"][measure]["untrained"] for group in groups} - {None}
    for level in before if len(before) == 1 else ():
        handles["untrained"] = axis.axvline(level, color="#888888", lw=1.2, ls=(0, (1, 2)))
        axis.annotate(" untrained", (level, 1), xycoords=("data", "axes fraction"), fontsize=7,
                      color="#666666", va="top")
    axis.set_xlabel(f"{MEASURES[measure]} on held-out tasks (mean over seeds, 95% interval)")
    if measure == "success":
        axis.xaxis.set_major_formatter(PercentFormatter(1.0))
    style.title(figure, heading(setting, groups, "final results"))
    return figure


def dots(axis: Any, rows: Sequence[dict[str, Any]], *, numbers: bool = False) -> None:
    """A line a row: each seed a hollow mark, the estimate a filled one with its interval."""
    for y, row in enumerate(rows):
        look = row["look"]
        axis.plot(
            row["seeds"], [y + 0.18] * len(row["seeds"]), linestyle="none", markersize=4.5,
            marker=look["marker"], markerfacecolor="none", markeredgecolor=look["color"],
        )
        found = row["estimate"]
        if found["low"] is not None:
            axis.plot([found["low"], found["high"]], [y - 0.12] * 2, color=look["color"], lw=1.6)
        axis.plot(
            [found["value"]], [y - 0.12], marker=look["marker"], color=look["color"], markersize=6,
            markeredgecolor="black", markeredgewidth=0.6, linestyle="none",
        )
        if numbers:
            axis.annotate(
                f"{found['value']:.3f}", (found["value"], y - 0.12), xytext=(0, 6),
                textcoords="offset points", fontsize=7, ha="center",
            )
    axis.set_yticks(range(len(rows)), [row["label"] for row in rows])
    axis.set_ylim(len(rows) - 0.45, -0.6)
    axis.grid(False, axis="y")


def _room(rows: Sequence[dict[str, Any]]) -> float:
    return 0.3 + 0.068 * max(len(row["label"]) for row in rows)


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
        look, found = looks[group["method"]], group["profile"]
        axis.fill_between(scores, found["low"], found["high"], step="post", color=look["color"],
                          alpha=0.08, lw=0)
        (handles[named(group)],) = axis.plot(
            scores, found["shares"], drawstyle="steps-post", color=look["color"],
            linestyle=look["linestyle"], lw=1.8,
        )
    axis.set_ylim(-0.03, 1.03)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    axis.set_xlabel("normalized score on held-out tasks")
    axis.set_ylabel("share of runs above it")
    style.title(figure, heading(setting, groups, "performance profiles"))
    style.legend(figure, handles)
    return figure


# -- variance

VARIANCE = {
    "dispersion_across_time": "dispersion across time",
    "short_term_risk": "worst 5% of steps",
    "long_term_risk": "worst 5% of drawdowns",
    "area_under_curve": "area under the curve",
    "advantage_variance": "variance of advantages",
    "gradient_snr": "gradient signal / noise",
}


def variance(setting: dict[str, Any], groups: Sequence[Group], looks: dict) -> Figure | None:
    """What varies over time, over runs and in the gradient; each run a mark."""
    groups = shown(groups)
    kept = [key for key in VARIANCE if any(group["variance"][key] for group in groups)]
    if not groups or not kept:
        return None
    columns = 2 if len(kept) == 4 else min(3, len(kept))
    labels = [{"label": style.brief(group["method"])} for group in groups]
    figure, axes = style.panels(
        -(-len(kept) // columns), columns, width=2.1, height=0.35 + 0.3 * len(groups),
        left=_room(labels), wide=0.22,
    )
    for k, (axis, key) in enumerate(zip(axes, kept)):
        rows = []
        for group in groups:
            found = group["variance"][key] or {"seeds": [], "value": float("nan"), "low": None}
            label = style.brief(group["method"]) if k % columns == 0 else ""
            rows.append({"label": label, "look": looks[group["method"]],
                         "seeds": found["seeds"], "estimate": found})
        dots(axis, rows)
        axis.set_xlabel(VARIANCE[key])
        axis.locator_params(axis="x", nbins=4)
    for axis in axes[len(kept):]:
        axis.set_visible(False)
    style.title(figure, heading(setting, groups, "variance (each run a mark, mean and interval)"))
    return figure
