"""The figure of sample efficiency: episodes until a score, and the ratios between methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from colllm_bench.leaderboard.plots import style
from colllm_bench.leaderboard.plots.setting_figures import Group, below, heading, named, shown


def samples(setting: dict[str, Any], groups: Sequence[Group], looks: dict,
            comparisons: Sequence[dict], thresholds: Sequence[str]) -> Figure | None:
    """For each threshold: the share of runs that got there by so many episodes, and the ratios
    of samples to one method's (Monte-Carlo's, where it was run)."""
    groups = [group for group in shown(groups) if group["measure"] != "return"]
    if not groups:
        return None
    base = next((group for group in groups if group["method"] == "mc"), groups[0])
    others = [group for group in groups if group is not base]
    room = max(
        0.72, 0.25 + 0.062 * max((len(style.brief(g["method"])) for g in others), default=0)
    )
    figure, axes = style.panels(
        len(thresholds), 2, height=2.1, below=below(groups, 7.4 + room), wide=room
    )
    handles: dict[str, Any] = {}
    for k, threshold in enumerate(thresholds):
        _arrivals(axes[2 * k], groups, threshold, looks, handles)
        _ratios(axes[2 * k + 1], others, base, threshold, looks, comparisons)
    style.title(figure, heading(setting, groups, "episodes to a score"))
    style.legend(figure, handles)
    return figure


def _arrivals(axis: Any, groups: Sequence[Group], threshold: str, looks: dict, handles: dict):
    for group in groups:
        samples = group["metrics"][f"episodes_to_{threshold}"]
        if samples is None:
            continue
        look, n, budget = looks[group["method"]], len(samples["seeds"]), group["budget"]
        times = sorted(
            value for value, reached in zip(samples["seeds"], samples["reached"]) if reached
        )
        x = [0.0, *times, float(budget)]
        y = [k / n for k in range(len(times) + 1)] + [len(times) / n]
        (line,) = axis.plot(
            x, y, drawstyle="steps-post", color=look["color"], linestyle=look["linestyle"], lw=1.7
        )
        axis.plot(times, y[1:-1], linestyle="none", marker=look["marker"], markersize=4,
                  color=look["color"])
        if len(times) < n:  # censored: an arrow at the budget
            axis.plot([budget], [len(times) / n], marker=">", markersize=7, color=look["color"],
                      clip_on=False, linestyle="none")
        handles.setdefault(named(group), line)
    axis.set_ylim(-0.04, 1.06)
    axis.set_xlim(left=0)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    axis.set_xlabel("training episodes")
    axis.set_ylabel(f"runs at {float(threshold):g} or more")


def _ratios(axis: Any, others: Sequence[Group], base: Group, threshold: str, looks: dict,
            comparisons: Sequence[dict]) -> None:
    """Ours over the base's; an arrow where one of them is only a bound."""
    for y, group in enumerate(others):
        ratio = ratio_to(group, base, threshold, comparisons)
        look = looks[group["method"]]
        if ratio is None or ratio["value"] is None:
            axis.annotate("not known: both have runs beyond the budget" if ratio else "none",
                          (0.5, y), xycoords=("axes fraction", "data"), fontsize=7, ha="center",
                          va="center", color="#666666")
            continue
        marker = {"at least": ">", "at most": "<"}.get(ratio["bound"], look["marker"])
        if ratio["low"] is not None:
            axis.plot([ratio["low"], ratio["high"]], [y, y], color=look["color"], lw=1.6)
        axis.plot([ratio["value"]], [y], marker=marker, color=look["color"], markersize=7,
                  markeredgecolor="black", markeredgewidth=0.6, linestyle="none")
        sign = {"at least": "≥ ", "at most": "≤ "}.get(ratio["bound"], "")
        axis.annotate(f"{sign}{ratio['value']:.2f}", (ratio["value"], y), xytext=(0, 6),
                      textcoords="offset points", fontsize=7, ha="center")
    axis.set_xscale("log", base=2)
    axis.axvline(1.0, color="#666666", lw=1)
    low, high = axis.get_xlim()
    axis.set_xlim(max(1 / 16, min(low, 0.5)), min(16, max(high, 2.0)))
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.minorticks_off()
    axis.set_yticks(range(len(others)), [style.brief(group["method"]) for group in others])
    axis.set_ylim(len(others) - 0.4, -0.7)
    axis.grid(False, axis="y")
    than = style.brief(base["method"])
    axis.set_xlabel(f"episodes to {float(threshold):g}, as a multiple of {than}'s")


def ratio_to(group: Group, base: Group, threshold: str, comparisons: Sequence[dict]) -> dict | None:
    """The ratio of two groups' samples, inverted where the comparison has them in reverse."""
    for pair in comparisons:
        if (pair["a"], pair["b"]) == (group["id"], base["id"]):
            return pair["sample_ratio"][threshold]
        if (pair["a"], pair["b"]) == (base["id"], group["id"]):
            return inverted(pair["sample_ratio"][threshold])
    return None


def inverted(ratio: dict[str, Any] | None) -> dict[str, Any] | None:
    """The ratio of b to a from that of a to b."""
    if ratio is None or ratio["value"] is None:
        return ratio
    swapped = {"at least": "at most", "at most": "at least"}
    low, high = ratio["low"], ratio["high"]
    return {
        "value": 1 / ratio["value"], "bound": swapped.get(ratio["bound"], ratio["bound"]),
        "low": None if high is None else 1 / high, "high": None if low is None else 1 / low,
    }
