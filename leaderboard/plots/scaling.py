"""The figures over several settings: team sizes, and aggregates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from colllm_bench.leaderboard.metrics import AGGREGATES, Metric, main_metric
from colllm_bench.leaderboard.plots import style
from colllm_bench.leaderboard.plots.setting_figures import MOST, dots, limit


def scaling_lines(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The lines of each figure, by its title: one environment, its options and model."""
    together: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in data["scaling"]:
        options = [f"{key}={value}" for key, value in sorted(line["env_options"].items())]
        together[", ".join([line["env"], *options, line["model"]])].append(line)
    return dict(together)


def scaling(
    title: str, lines: Sequence[dict[str, Any]], data: dict[str, Any], looks: dict,
    metrics: Sequence[Metric],
) -> Figure:
    """Every metric that is drawn here (``in_plot``) by the number of agents."""
    groups = {group["id"]: group for group in data["groups"]}
    lines = list(lines)[:MOST]
    there = [groups[point["group"]] for line in lines for point in line["points"]]
    main = main_metric(there[0])
    drawn = [
        metric for metric in metrics if "scaling" in metric.in_plot
        and (metric.references is None or metric.id == main)
        and any(group["metrics"][metric.id] for group in there)
    ]
    names = [style.brief(line["method"]) for line in lines]
    figure, axes = style.panels(-(-len(drawn) // 3), min(3, len(drawn)), width=2.4, height=2.1,
                                below=style.legend_shape(names, 2.4 * min(3, len(drawn)))[1])
    handles: dict[str, Any] = {}
    for axis, metric in zip(axes, drawn):
        for i, line in enumerate(lines):
            aside = 2 ** (0.05 * (i - (len(lines) - 1) / 2))  # so that marks do not cover others
            handles.setdefault(names[i], _line(axis, line, groups, metric, looks, aside))
        axis.set_ylabel(metric.label)
        axis.set_xlabel("agents")
        axis.set_xscale("log", base=2)
        sizes = sorted({point["agents"] for line in lines for point in line["points"]})
        axis.set_xlim(sizes[0] / 1.25, sizes[-1] * 1.25)
        axis.set_xticks(sizes, map(str, sizes))
        axis.minorticks_off()
        if metric.id == main:
            limit(axis, there[0]["measure"], [
                seed for group in there if group["metrics"][main]
                for seed in group["metrics"][main]["seeds"]
            ])
        else:
            axis.set_ylim(0, 1.08 * axis.get_ylim()[1])  # room for arrows
            axis.yaxis.set_major_formatter(style.short)
    for axis in axes[len(drawn):]:
        axis.set_visible(False)
    style.title(figure, f"{title}: by number of agents")
    style.legend(figure, handles)
    return figure


def _line(
    axis: Any, line: dict, groups: dict, metric: Metric, looks: dict, aside: float
) -> Any:
    """Means joined by a line, intervals, every seed; an arrow up where runs are censored."""
    look, xs, ys = looks[line["method"]], [], []
    for point in line["points"]:
        estimate = groups[point["group"]]["metrics"][metric.id]
        if not estimate:
            continue
        x = point["agents"] * aside
        xs.append(x)
        ys.append(estimate["value"])
        if estimate["low"] is not None:
            axis.plot([x, x], [estimate["low"], estimate["high"]], color=look["color"], lw=1.2)
        seeds = estimate["seeds"] or ()
        axis.plot([x] * len(seeds), seeds, linestyle="none", markersize=3.5,
                  marker=look["marker"], markerfacecolor="none", markeredgewidth=0.7,
                  markeredgecolor=look["color"])
        if estimate.get("bound") == "at least":
            axis.annotate("↑", (x, estimate["value"]), fontsize=11, ha="center",
                          color=look["color"], xytext=(0, 4), textcoords="offset points")
    (drawn,) = axis.plot(xs, ys, color=look["color"], linestyle=look["linestyle"], lw=1.7,
                         marker=look["marker"], markersize=5)
    return drawn


def aggregates(env: str | None, rows: Sequence[dict[str, Any]], data: dict[str, Any], looks: dict
               ) -> Figure:
    """Aggregates over settings with their intervals, and the profiles beside them."""
    rows = list(rows)[:MOST]
    settings = max(len(row["settings"]) for row in rows)
    labels = [
        f"{style.brief(row['method'])} ({len(row['settings'])} settings, n={row['n']})"
        for row in rows
    ]
    figure, axes = style.panels(
        1, len(AGGREGATES) + 1, width=2.0, height=max(1.6, 0.4 + 0.36 * len(rows)),
        left=0.3 + 0.068 * max(map(len, labels)), wide=0.3,
    )
    for k, (axis, name) in enumerate(zip(axes, AGGREGATES)):
        dots(axis, [
            {"label": label if k == 0 else "", "look": looks[row["method"]],
             "estimate": row[name]}
            for label, row in zip(labels, rows)
        ], numbers=True)
        axis.set_xlabel(AGGREGATES[name])
        axis.locator_params(axis="x", nbins=4)
        axis.margins(x=0.18)  # the numbers above the outermost marks
    for row in rows:
        look = looks[row["method"]]
        axes[-1].plot(data["profile_scores"], row["profile"], drawstyle="steps-post", lw=1.6,
                      color=look["color"], linestyle=look["linestyle"])
    axes[-1].set_xlabel("score (share of runs above it)")
    axes[-1].yaxis.set_major_formatter(PercentFormatter(1.0))
    style.title(figure, f"{env or 'all environments'}: normalized scores over up to {settings} "
                        "settings")
    return figure
