"""The report's tables from its data: a line a group, in Markdown, CSV and LaTeX.

Markdown and LaTeX are rounded, with intervals; a ``>`` marks censored runs. CSV has one number a
cell, at full precision.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench.leaderboard.export.cells import cell, interval, p_cell, ratio_cell, text
from colllm_bench.leaderboard.metrics import (
    AGGREGATES,
    FINALS,
    SCALE,
    Metric,
    all_metrics,
    main_metric,
)
from colllm_bench.leaderboard.statistics.estimators import FEW
from colllm_bench.leaderboard.statistics.samples import LOOK_BACK
from colllm_bench.runs import files

Row = dict[str, Any]
UNTRAINED = "untrained"
TRAINING = "at the end of training"
"""The main measure on the training tasks, beside the held-out ones: the difference is what a team
learned by heart."""
FINAL_IDS = frozenset(metric.id for metric in FINALS)
"""Their seeds have columns of their own, with intervals over episodes."""


def write_tables(data: dict[str, Any], out: Path) -> list[Path]:
    """``ENV.md``, ``ENV.csv``, ``ENV.tex`` for each environment, ``comparisons.*`` and, where
    there are several settings, ``aggregates.*``, and ``seeds.csv``: every run's numbers."""
    import pandas

    written = []
    metrics = all_metrics(data["thresholds"])
    wide = {metric.label for metric in metrics if not metric.in_print} | {UNTRAINED, "version"}
    settings = {setting["id"]: setting for setting in data["settings"]}
    tables: dict[str, tuple[list[Row], list[Row], list[str]]] = {}
    for env in sorted({group["env"] for group in data["groups"]}):
        groups = ranked(group for group in data["groups"] if group["env"] == env)
        notes = [
            f"{setting['title']}: {note}." for setting in data["settings"]
            if setting["env"] == env for note in setting["notes"]
        ]
        tables[env] = (
            [reading(group, settings, metrics) for group in groups],
            [machine(group) for group in groups],
            [*EXPLAINED, *notes],
        )
    names = {group["id"]: group["method"] for group in data["groups"]}
    tables["comparisons"] = (
        [compared(pair, names, settings, rounded=True) for pair in data["comparisons"]],
        [compared(pair, names, settings, rounded=False) for pair in data["comparisons"]],
        COMPARED,
    )
    tables["aggregates"] = (
        [aggregated(row, rounded=True) for row in data["aggregates"]],
        [aggregated(row, rounded=False) for row in data["aggregates"]],
        ["Over all runs of a method in several settings; methods compare where they were run in "
         "the same ones."],
    )
    for name, (shown, numbers, notes) in tables.items():
        if not shown:
            continue
        frame = pandas.DataFrame(shown).fillna("")
        texts = {
            "md": "\n\n".join([markdown(frame), *notes]) + "\n",
            "tex": latex(frame[[column for column in frame.columns if column not in wide]]),
            "csv": pandas.DataFrame(numbers).to_csv(index=False),
        }
        for kind, content in texts.items():
            files.write_text(out / f"{name}.{kind}", content)
            written.append(out / f"{name}.{kind}")
    files.write_text(out / "seeds.csv", pandas.DataFrame(seeds(data)).to_csv(index=False))
    return [*written, out / "seeds.csv"]


EXPLAINED = [
    "Means over seeds with 95% intervals and, in brackets, every seed. The score is the return on "
    f"held-out tasks, normalized: {SCALE}. Its interval is for "
    "other runs on these tasks; the one on such tasks holds for other tasks as well. Both allow "
    "for runs that fail though none did here, at a prior of one run in ten (docs/statistics.md).",
    "At the end of training: the same measure over the last 320 training episodes, on the training "
    "tasks; above the held-out one where teams learn their training tasks by heart.",
    "Episodes to a score: geometric mean over seeds, of the training score smoothed over "
    f"{LOOK_BACK} episodes; a seed with `>` did not get there within its budget, and counts as its "
    "budget in the mean (a restricted mean).",
]
COMPARED = [
    "Difference: held-out mean of the first less that of the second, on these tasks. Ratio: "
    "training episodes that the first needs to a score, as a multiple of the second's, up to the "
    "budget (restricted means; how many runs got there, where not all did). Their intervals are "
    "Welch's, for runs of the kinds that were seen; CSV has the cautious ones, for runs that may "
    "fail unseen. P(better): how often a run of the first has a higher held-out score; not printed "
    f"below {FEW} runs a side, which cannot tell it from a half.",
    "p: permutation test of the means, then corrected for the number of pairs in its column by "
    "Holm's method: at most 5% chance that any pair below .05 is no difference. `n` where so few "
    "runs cannot give a p below .05 even uncorrected. CSV has the log-rank test as well.",
]


def ranked(groups: Any) -> list[dict[str, Any]]:
    """By setting, then best first."""
    def key(group: dict[str, Any]) -> tuple:
        main = group["metrics"][main_metric(group)]
        value = main["value"] if main else -math.inf
        return group["agents"], group["setting"], -value, group["method"]

    return sorted(groups, key=key)


# -- rows


def reading(
    group: dict[str, Any], settings: dict[str, Any], metrics: Sequence[Metric]
) -> Row:
    """A group's line in the Markdown and LaTeX tables."""
    few = "*" if len(group["seeds"]) < FEW else ""
    row: Row = {
        "setting": settings[group["setting"]]["title"], "method": group["method"],
        "n": f"{len(group['seeds'])}{few}",
    }
    values = group["metrics"]
    for metric in metrics:
        if metric.in_table and not values.get(metric.fallback_of):
            row[metric.label] = cell(metric, values[metric.id])
    main = group["finals"][group["measure"]]
    row[UNTRAINED] = text(main["untrained"]) if main else ""
    row[TRAINING] = text(trained_to(group))
    row["version"] = group["version"]
    return row


def trained_to(group: dict[str, Any]) -> float | None:
    """The group's main measure over the last 320 training episodes, mean over runs."""
    curve = group["curves"]["measures"].get(group["measure"])
    return curve["mean"][-1] if curve else None


def machine(group: dict[str, Any]) -> Row:
    """All of a group's estimates, flat: ``score_mean``, ``score_mean_low``, ..."""
    row: Row = {
        key: group[key] for key in (
            "setting", "env", "agents", "model", "algo", "method", "name", "digest", "version",
            "budget", "measure",
        )
    }
    row["env_options"] = json.dumps(group["env_options"], sort_keys=True)
    row["n"] = len(group["seeds"])
    row["seeds"] = " ".join(map(str, group["seeds"]))
    for measure, final in group["finals"].items():
        row[f"{measure}_untrained"] = final and final["untrained"]
    row["training_end"] = trained_to(group)
    for name, estimate in group["metrics"].items():
        if estimate and estimate["seeds"] is None:
            row[name] = estimate["value"]  # of the whole group: it has no interval
            continue
        _spread(row, name, estimate)
        if estimate and "bound" in estimate:
            row[f"{name}_bound"] = estimate["bound"]
    row["hardware"] = "; ".join(group["hardware"])
    return row


def _spread(row: Row, name: str, estimate: dict[str, Any] | None) -> None:
    for key in ("value", "low", "high"):
        row[name if key == "value" else f"{name}_{key}"] = estimate and estimate[key]


def seeds(data: dict[str, Any]) -> list[Row]:
    """A line a run: the numbers that the figures mark."""
    rows = []
    for group in data["groups"]:
        for k, seed in enumerate(group["seeds"]):
            row: Row = {"group": group["id"], "setting": group["setting"],
                        "method": group["method"], "seed": seed, "folder": group["folders"][k]}
            for measure, final in group["finals"].items():
                for key in ("value", "low", "high", "n"):
                    name = measure if key == "value" else f"{measure}_{key}"
                    row[name] = final and final["seeds"][k][key]
            for name, estimate in group["metrics"].items():
                if estimate and estimate["seeds"] and name not in FINAL_IDS:
                    row[name] = estimate["seeds"][k]
                    if "reached" in estimate:
                        row[f"{name}_reached"] = estimate["reached"][k]
            rows.append(row)
    return rows


def compared(pair: dict[str, Any], names: dict, settings: dict, *, rounded: bool) -> Row:
    row: Row = {
        "setting": settings[pair["setting"]]["title"] if rounded else pair["setting"],
        "method": names[pair["a"]], "against": names[pair["b"]],
    }
    difference = pair["difference"]
    if rounded:
        row["n"] = " and ".join(map(str, difference["n"])) if difference else ""
        row["difference"] = interval(difference)
        row["p"] = p_cell(difference)
        row["P(better)"] = interval(pair["probability_of_improvement"], 2)
        for threshold, ratio in pair["sample_ratio"].items():
            row[f"ratio of episodes to {threshold}"] = ratio_cell(ratio)
            row[f"p to {threshold}"] = p_cell(ratio)
        return row
    _spread(row, "difference", difference)
    _tests(row, "difference", difference, ("cautious_low", "cautious_high", "p_value", "p_holm"))
    _spread(row, "probability_of_improvement", pair["probability_of_improvement"])
    for threshold, ratio in pair["sample_ratio"].items():
        name = f"ratio_to_{threshold}"
        _spread(row, name, ratio)
        _tests(row, name, ratio, (
            "cautious_low", "cautious_high", "p_value", "p_holm", "logrank_p", "budget",
        ))
        for k, side in enumerate(("method", "against")):
            row[f"{name}_reached_{side}"] = ratio and ratio["reached"][k]
    return row


def _tests(row: Row, name: str, test: dict[str, Any] | None, keys: Sequence[str]) -> None:
    for key in keys:
        row[f"{name}_{key}"] = test and test[key]


def aggregated(aggregate: dict[str, Any], *, rounded: bool) -> Row:
    row: Row = {key: aggregate[key] or "all" for key in ("env", "method", "n")}
    if rounded:
        row["settings"] = len(aggregate["settings"])
        return row | {title: interval(aggregate[key]) for key, title in AGGREGATES.items()}
    row["settings"] = " ".join(aggregate["settings"])
    for key in AGGREGATES:
        _spread(row, key, aggregate[key])
    return row


# -- formats


def markdown(frame: Any) -> str:
    def line(cells: Any) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    rule = "|" + "---|" * len(frame.columns)
    return "\n".join([line(frame.columns), rule, *map(line, frame.itertuples(index=False))])


SPECIAL = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#",
           "_": r"\_", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}",
           "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"}


def latex(frame: Any) -> str:
    """A ``tabular`` with booktabs' rules, to be ``\\input``."""
    def line(cells: Any) -> str:
        escaped = ("".join(SPECIAL.get(c, c) for c in str(cell)) for cell in cells)
        return " & ".join(escaped) + r" \\"

    body = [line(cells) for cells in frame.itertuples(index=False)]
    return "\n".join([
        "% needs \\usepackage{booktabs}", f"\\begin{{tabular}}{{{'l' * len(frame.columns)}}}",
        "\\toprule", line(frame.columns), "\\midrule", *body, "\\bottomrule", "\\end{tabular}", "",
    ])
