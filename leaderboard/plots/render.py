"""All pictures of a report, into a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from colllm_bench.leaderboard.plots import sample_efficiency, scaling, setting_figures, style
from colllm_bench.leaderboard.report_data import slug


def draw(data: dict[str, Any], out: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Write every picture of the report as ``out/NAME.FORMAT``; where they lie, in order."""
    written = []
    for name, figure in pictures(data):
        written += [style.save(figure, out / f"{name}.{kind}") for kind in formats]
    return written


def pictures(data: dict[str, Any]) -> Iterator[tuple[str, Figure]]:
    """(name, figure) of each, one in memory at a time."""
    looks = style.styles(group["method"] for group in data["groups"])
    groups = {group["id"]: group for group in data["groups"]}
    for setting in data["settings"]:
        own = [groups[name] for name in setting["groups"]]
        against = [found for found in data["comparisons"] if found["setting"] == setting["id"]]
        made = {
            "curves": lambda s=setting, g=own: setting_figures.learning_curves(s, g, looks),
            "finals": lambda s=setting, g=own: setting_figures.final_scores(s, g, looks),
            "samples": lambda s=setting, g=own, c=against:
                sample_efficiency.samples(s, g, looks, c),
            "profiles": lambda s=setting, g=own: setting_figures.profiles(
                s, g, looks, data["profile_scores"]
            ),
            "variance": lambda s=setting, g=own: setting_figures.variance(s, g, looks),
        }
        for kind, make in made.items():
            figure = make()
            if figure is not None:
                yield f"{setting['id']}-{kind}", figure
    for title, lines in scaling.scaling_lines(data).items():
        yield f"{slug(title)}-scaling", scaling.scaling(title, lines, data, looks)
    for env in dict.fromkeys(row["env"] for row in data["aggregates"]):
        rows = [row for row in data["aggregates"] if row["env"] == env]
        yield f"{env or 'all'}-aggregates", scaling.aggregates(env, rows, data, looks)
