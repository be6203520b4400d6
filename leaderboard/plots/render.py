"""All figures of a report, into a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from colllm_bench.leaderboard.metrics import Metric, all_metrics
from colllm_bench.leaderboard.plots import scaling, setting_figures, style
from colllm_bench.leaderboard.plots.setting_figures import metric_panels
from colllm_bench.leaderboard.report_data import slug


def draw(data: dict[str, Any], out: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Write every figure of the report as ``out/NAME.FORMAT``; the paths, in order."""
    written = []
    for name, figure in figures(data):
        written += [style.save(figure, out / f"{name}.{kind}") for kind in formats]
    return written


def figures(data: dict[str, Any]) -> Iterator[tuple[str, Figure]]:
    """(name, figure) of each, one in memory at a time."""
    looks = style.styles(group["method"] for group in data["groups"])
    metrics = all_metrics(data["thresholds"])
    for setting in data["settings"]:
        yield from _of_setting(setting, data, looks, metrics)
    for title, lines in scaling.scaling_lines(data).items():
        figure = scaling.scaling(title, lines, data, looks, metrics)
        yield f"{slug(title)}-scaling", figure
    for env in dict.fromkeys(row["env"] for row in data["aggregates"]):
        rows = [row for row in data["aggregates"] if row["env"] == env]
        yield f"{env or 'all'}-aggregates", scaling.aggregates(env, rows, data, looks)


def _of_setting(
    setting: dict[str, Any], data: dict[str, Any], looks: dict, metrics: Sequence[Metric]
) -> Iterator[tuple[str, Figure]]:
    by_id = {group["id"]: group for group in data["groups"]}
    groups = [by_id[name] for name in setting["groups"]]
    drawn = {
        "curves": setting_figures.learning_curves(setting, groups, looks),
        "profiles": setting_figures.profiles(setting, groups, looks, data["profile_scores"]),
    }
    for kind in ("finals", "samples", "variance"):
        drawn[kind] = metric_panels(kind, setting, groups, looks, metrics)
    for kind, figure in drawn.items():
        if figure is not None:
            yield f"{setting['id']}-{kind}", figure
