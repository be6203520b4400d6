"""The report of a suite in Markdown, from :func:`verdicts.results`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

READING = """\
Score: 0 is the random team, 1 the scripted expert, on held-out tasks (classic: the best blind and
the optimal team, whose values are known). Intervals are 95%, over seeds on these held-out tasks;
"on such tasks" also counts that other tasks of the kind could have
been drawn. Samples: training episodes until the smoothed curve is at the task's threshold; a run
that never gets there counts as the whole budget, and so does its ratio (below 1: ours earlier).
Verdicts rest on permutation tests over runs, corrected for the number of tasks (Holm), 5% in all
for each question against each algorithm. "No difference seen at this n" does not say that there
is none: the interval says which differences remain possible. Intervals are made by another rule,
which is more cautious where a side hardly varies or a run may fail unseen: one may hold 0 (or a
ratio of 1) where the test tells a difference. Training score: the end of the smoothed curve, on
the tasks that a team learns from. Best known: the highest mean of these algorithms. g: difference
in standard deviations of runs. P(better): how often a run of ours beats one of theirs."""


def markdown(data: dict[str, Any]) -> str:
    """The whole report."""
    parts = [
        f"# {data['title']}",
        f"Suite `{data['suite']}`, digest `{data['digest']}`. {READING}",
    ]
    for compared in data["comparisons"]:
        title = f"## {compared['ours']} against {compared['theirs']}"
        parts += [title, effort(compared), comparison(compared)]
    parts += ["## Every algorithm", algorithms(data), "## The tasks", tasks(data)]
    return "\n\n".join(parts) + "\n"


def effort(compared: dict[str, Any]) -> str:
    """How the settings of both were found, and whether that was equal effort."""
    ours, theirs = compared["effort"]
    line = f"Settings: {compared['ours']} has {ours}, {compared['theirs']} {theirs}."
    return line if ours == theirs else f"{line} **Unequal effort**: `suite tune` is for both."


def comparison(compared: dict[str, Any]) -> str:
    """A line a task, the suite's below them."""
    if not compared["tasks"]:
        return "No task that both were run on."
    rows = [
        [
            row["task"], "{} / {}".format(*row["n"]),
            signed(row["score"]["difference"], row["score"]["low"], row["score"]["high"]),
            number(row["score"]["effect"], "+.1f"), _better(row["score"]["improvement"]),
            _p(row["score"]["p"]), row["score"]["verdict"],
            between(row["samples"]["ratio"], row["samples"]["low"], row["samples"]["high"], ".2f"),
            _p(row["samples"]["p"]), row["samples"]["verdict"],
        ]
        for row in compared["tasks"]
    ]
    overall = compared["overall"]
    rows.append([
        "mean over tasks", "",
        signed(overall["difference"], overall["low"], overall["high"]), "", "", "",
        _counted(overall["verdicts"]["score"]),
        between(overall["ratio"], overall["ratio_low"], overall["ratio_high"], ".2f"), "",
        _counted(overall["verdicts"]["samples"]),
    ])
    return table(
        ["task", "n (ours / theirs)", "score: difference", "g", "P(better)", "p", "score: verdict",
         "samples: ratio", "p", "samples: verdict"], rows,
    )


def algorithms(data: dict[str, Any]) -> str:
    """A line for each task and algorithm, in the order of the suite: no ranking."""
    rows = []
    for task in data["tasks"]:
        for name, one in task["algorithms"].items():
            score, samples = one["score"], one["samples"]
            reached = sum(samples["reached"])
            rows.append([
                task["id"], name, str(one["n"]),
                between(score["value"], score["low"], score["high"], ".3f"),
                _span(*one["on_such_tasks"]), number(one["training"], ".3f"),
                " ".join(f"{value:.3f}" for value in score["seeds"]),
                between(samples["value"], samples["low"], samples["high"], ".0f"),
                f"{reached} of {one['n']}", number(one["all_succeed"], ".2f"),
                number(one["seconds"], ".0f"),
                " ".join(f"{k}={v}" for k, v in one["settings"].items()) or "defaults",
                ", ".join(one["commits"]),
            ])
    return table(
        ["task", "algorithm", "n", "score", "on such tasks", "training score", "each seed",
         "samples to threshold", "reached it",
         "tasks that all runs win", "seconds a run", "settings", "commits"], rows,
    )


def tasks(data: dict[str, Any]) -> str:
    """What each task is, and what is stated of it."""
    rows = [
        [
            task["id"], task["isolates"], task["env"], str(task["agents"]), str(task["budget"]),
            f"{task['threshold']:g}",
            *(number(task["stated"][key], ".3f")
              for key in ("untrained", "blind", "best_known", "perfect")),
        ]
        for task in data["tasks"]
    ]
    return table(
        ["task", "isolates", "environment", "agents", "budget", "threshold", "untrained", "blind",
         "best known", "perfect"], rows,
    )


def planned(rows: Sequence[dict[str, Any]]) -> str:
    """A line a task of :func:`power.plan`."""
    def seeds(row: dict[str, Any], what: str) -> str:
        if row[what] is None:
            return "no references"
        return f"{row[what]} (up to {row[f'{what}_safe']})"

    return table(
        ["task", "runs seen", "sd of score", "seeds for 5 points", "sd of log samples",
         "seeds for 1.4 times", "seconds a run"],
        [
            [
                row["task"], str(row["runs"]), number(row["score_spread"], ".3f"),
                seeds(row, "score"), number(row["samples_spread"], ".2f"), seeds(row, "samples"),
                number(row["seconds"], ".0f"),
            ]
            for row in rows
        ],
    )


# -- cells


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(titles), "|" + "---|" * len(titles), *map(line, rows)])


def number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def between(value: float, low: float | None, high: float | None, form: str) -> str:
    if low is None or high is None:
        return format(value, form)
    return f"{value:{form}} ({low:{form}} to {high:{form}})"


def signed(value: float, low: float | None, high: float | None) -> str:
    return between(value, low, high, "+.3f")


def _span(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "< .001" if value < 0.001 else f"{value:.3f}"


def _better(improvement: dict[str, Any] | None) -> str:
    if improvement is None:
        return ""
    return between(improvement["value"], improvement["low"], improvement["high"], ".2f")


def _counted(verdicts: dict[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in verdicts.items() if count)
