"""``suite plan``: seeds that a claim needs, and the time they take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from colllm_bench import cli
from colllm_bench.suite import options as common

DESCRIPTION = """Seeds needed to tell 5 points of final score, or 1.4 times the samples.

  python -m colllm_bench.suite plan v3-mini

From the spread between seeds of the references; "up to" is with the spread that they do not
exclude. Power 80%, 5% shared among the tasks (Holm).
"""


def parser() -> cli.Parser:
    options = common.parser("plan", DESCRIPTION)
    options.add_argument("--references", metavar="FOLDER", help="FOLDER/SUITE/reference is read")
    options.add_argument("--jobs", type=int, metavar="N", help="runs at a time (default: 2)")
    return options


def main(argv: Sequence[str]) -> int:
    options = vars(parser().parse(argv))
    suite, tasks, out = common.read(options)
    from colllm_bench.leaderboard.suite import power, tables
    from colllm_bench.suite.report import references_of

    references, _ = references_of(suite, out, options)
    rows = [row for row in power.plan(suite, references) if row["task"] in {t.id for t in tasks}]
    print(tables.planned(rows))
    print()
    tuning = suite.search.runs_of_budget(suite.search.draws)
    searched = suite.search.tasks or [task.id for task in suite.tasks]
    for line in time_lines(rows, len(suite.seeds), tuning, searched, options.get("jobs", 2)):
        print(line)
    return 0


def time_lines(
    rows: Sequence[dict[str, Any]], seeds: int, tuning: float, searched: Sequence[str], jobs: int
) -> list[str]:
    """What a new algorithm takes, from the training time of the references.

    Args:
        tuning: whole budgets of a search, a task of those ``searched``.
    """
    from colllm_bench.display.progress import duration
    from colllm_bench.launchers.time_estimate import START

    unknown = [row["task"] for row in rows if row["seconds"] is None]
    each = {row["task"]: row["seconds"] + START for row in rows if row["seconds"] is not None}
    search = sum(seconds for task, seconds in each.items() if task in searched)
    lines = [] if not each else [
        f"run with the suite's {seeds} seeds: about {duration(sum(each.values()) * seeds / jobs)}, "
        f"{jobs} runs at a time; tune: about {duration(search * tuning / jobs)} "
        "(on a machine like that of the references)",
    ]
    if unknown:
        lines.append(f"no references, no time and no spread: {', '.join(unknown)}")
    return lines
