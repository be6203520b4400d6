"""The report of a suite in Markdown, from :func:`verdicts.results`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from colllm_bench.leaderboard.suite.searches import comparable

READING = """\
How to read the tables:

- **Score**: on held-out tasks; 0 is the random team, 1 the scripted expert (classic: the best blind
  and the optimal team, whose values are known). Difference: ours, the first in a title, less
  theirs. g: the same in standard deviations of runs (Hedges). P(better): how often a run of ours
  beats one of theirs.
- **Samples**: training episodes until the training score, smoothed over 160 episodes, is at the
  task's threshold. A run that never gets there is censored at its budget and counts as the whole of
  it. Ratio: of the geometric means; below 1 ours are earlier, and 1 where no run got there (such
  a task is left out of the mean over tasks). Episodes of easier tasks that a suite's curriculum
  begins with are counted, their scores are not.
- **p**: a permutation test over runs, of mean scores, or of the logarithms of samples. Both are
  corrected for the number of tasks (Holm), and **verdicts rest on these two alone**: the chance of
  any wrong "better" or "worse" is at most 5% for each question against each algorithm.
- **Log-rank p**: another test of the samples, which asks when runs get there and takes those that
  never do as censored. It is exact, too (over all ways of dealing the runs to two sides), and
  corrected in the same way, by itself; **no verdict uses it**.
- **No p**: there was no test, since no run of either got there, or a side has a single run; the
  verdict says which.
- **"No difference seen at this n"** does not say that there is none: the interval says which
  differences remain possible.
- **Intervals** are 95%, over seeds on these held-out tasks; "on such tasks" also counts that other
  tasks of the kind could have been drawn. They are more cautious than the tests where a side hardly
  varies or a run may fail unseen, so one may hold 0 (or a ratio of 1) where the test tells a
  difference."""

SEARCHED = """\
The expected best score of k draws of the search (`suite tune`): the mean, over all choices of k of
an algorithm's draws, of the best of them (Dodge et al. 2019, here without replacement). The draws
are random settings and, as one of them, the algorithm's defaults. k = 1 is the mean draw, the last
k the best draw of all. How to read it: algorithms compare at equal k; a flat row hardly depends on
its settings, one that still rises at its end may gain from more draws. Part of every rise is luck,
since the best of noisy scores is too high; the tables above are of other seeds, on the held-out
tasks of the split `eval`."""


def markdown(data: dict[str, Any], figure: str | None = None) -> str:
    """The whole report.

    Args:
        data: of :func:`verdicts.results`; ``searches``, where it has them, as of
            :func:`searches.read_searches`.
        figure: name of the figure's file beside the report, None: none was drawn.
    """
    below = (
        "Below the comparisons: [every algorithm](#every-algorithm), [the tasks](#the-tasks), "
        "[what the search gains](#what-the-search-gains)."
    )
    if figure is not None:
        below += f" Learning curves and scores of all seeds: [{figure}]({figure})."
    parts = [
        f"# {data['title']}", f"Suite `{data['suite']}`, digest `{data['digest']}`. {below}",
        READING,
    ]
    for compared in data["comparisons"]:
        title = f"## {compared['ours']} against {compared['theirs']}"
        parts += [title, effort(compared), comparison(compared)]
    parts += [
        "## Every algorithm",
        "Training score: the end of the smoothed curve, on the tasks that a team learns from; none "
        "where a run's curriculum had not come to them.",
        algorithms(data),
        "## The tasks",
        "Best known: the highest mean over seeds, of these algorithms or stated with the suite.",
        tasks(data),
        "## What the search gains", *searched(data.get("searches", {})),
    ]
    return "\n\n".join(parts) + "\n"


def searched(searches: dict[str, dict[str, Any]]) -> list[str]:
    """Paragraphs and tables of the best of k draws, a table for what compares; why there is
    none."""
    if not searches:
        return ["No search of this suite (`suite tune`) is recorded here."]
    parts = [SEARCHED]
    for group in comparable(searches):
        most = max(len(one["best_of"]) for one in group.values())
        rows = [
            [name, *(number(value, ".3f") for value in one["best_of"]),
             *[""] * (most - len(one["best_of"]))]
            for name, one in group.items()
        ]
        parts += [
            f"A draw's score: {scored(next(iter(group.values())))}.",
            table(["algorithm", *(f"k = {k}" for k in range(1, most + 1))], rows),
        ]
    return parts


def scored(search: dict[str, Any]) -> str:
    """What the scores of a search are means over."""
    seeds = search["seeds"]
    return (
        f"after {search['share']:.0%} of the budget, on the held-out tasks of the split "
        f"`{search['split']}`, mean over {', '.join(search['tasks'])}; "
        f"{len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'} of each "
        f"({', '.join(map(str, seeds))})"
    )


def effort(compared: dict[str, Any]) -> str:
    """How the settings of both were found, and whether that was equal effort."""
    ours, theirs = compared["effort"]
    if ours == theirs:
        return f"Settings of both: {ours}."
    line = f"Settings. {compared['ours']}: {ours}; {compared['theirs']}: {theirs}."
    return f"{line} **Unequal effort**: `suite tune` would give both the same search."


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
            _p(row["samples"]["p"]), _p(row["samples"]["logrank_p"]), row["samples"]["verdict"],
        ]
        for row in compared["tasks"]
    ]
    overall = compared["overall"]
    rows.append([
        "mean over tasks", "",
        signed(overall["difference"], overall["low"], overall["high"]), "", "", "",
        _counted(overall["verdicts"]["score"]),
        _mean_ratio(overall, len(rows)), "", "",
        _counted(overall["verdicts"]["samples"]),
    ])
    return table(
        ["task", "n (ours / theirs)", "score: difference", "g", "P(better)", "score: p",
         "score: verdict", "samples: ratio", "samples: p", "samples: log-rank p",
         "samples: verdict"], rows,
    )


def _mean_ratio(overall: dict[str, Any], tasks: int) -> str:
    """Over how many tasks, where that is not all of them."""
    timed = overall["ratio_tasks"]
    if not timed:
        return ""
    text = between(overall["ratio"], overall["ratio_low"], overall["ratio_high"], ".2f")
    return text if timed == tasks else f"{text}, of {timed} task{'s' * (timed > 1)}"


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
