"""Tables of the suite between their markers, from the committed references.

    python results/readme/suite_table.py    # writes them into README.md and results/suite/README.md

README.md has the mean held-out score over seeds. The page beside the references has those of
variants too, the geometric mean of the training episodes to the task's threshold (a run that never
gets there counts as the whole budget), each with its interval for other runs, the count of the
verdicts of every two algorithms, and each variant against its algorithm; of the suites v2 and
v1-hard, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from table import ROOT, write_blocks

from colllm_bench.leaderboard.suite.records import read_references
from colllm_bench.leaderboard.suite.verdicts import BETTER, WORSE, results
from colllm_bench.suites import load_suite

SUITE = "v3-mini"
LARGE, HARD = "v2", "v1-hard"
ORDER = ("mc", "dc", "cc", "seq", "hier", "central")
REPLAY = "+replay=3"
COUNTS = "+critic_counts=1024"
VARIANTS = tuple(name + change for change in (REPLAY, COUNTS) for name in ORDER)
PAGE = ROOT / "results" / "suite" / "README.md"
SHOWN = (*ORDER, "hier" + REPLAY)
"""Columns of README.md's table."""


Report = dict[str, Any]


def report(name: str = SUITE) -> Report:
    """A suite's report on the algorithms of :data:`ORDER` and their variants, every two of them
    compared; the variants come first, so that each is the ``ours`` of its pair."""
    suite = load_suite(name)
    references = read_references(ROOT / "results" / "suite", suite)
    names = [name for name in (*VARIANTS, *ORDER) if name in references]
    return results(suite, {name: references[name] for name in names})


def titled(name: str) -> str:
    """``hier --replay 3`` for ``hier+replay=3``."""
    name, _, change = name.partition("+")
    return f"`{name} {flag(change)}`" if change else f"`{name}`"


def flag(change: str) -> str:
    """``--critic-counts 1024`` for ``critic_counts=1024``."""
    return f"--{change.replace('_', '-').replace('=', ' ')}"


def heading(data: Report, name: str) -> str:
    """A column's title: the algorithm and its runs on each task."""
    counts = {task["algorithms"][name]["n"] for task in data["tasks"] if name in task["algorithms"]}
    return f"{titled(name)}, n = {'/'.join(map(str, sorted(counts)))}"


def columns(data: Report) -> list[str]:
    """The algorithms, then their variants."""
    return [name for name in (*ORDER, *VARIANTS) if name in data["algorithms"]]


def score(found: Report) -> str:
    value = found["score"]
    if value["low"] is None:  # of one run
        return f"{value['value']:.3f}"
    return f"{value['value']:.3f} ({value['low']:.2f} to {value['high']:.2f})"


def samples(found: Report) -> str:
    value, never = found["samples"], found["samples"]["reached"].count(False)
    text = f"{value['value']:.0f}"
    if value["low"] is not None:
        text += f" ({value['low']:.0f} to {value['high']:.0f})"
    return f"{text}, {never} of {value['n']} never" if never else text


def table(
    data: Report, names: Sequence[str], title: str, cell: Callable[[Report], str]
) -> str:
    """A line a task, a column an algorithm; empty where it was not run."""
    lines = [f"| {title} | {' | '.join(heading(data, name) for name in names)} |"]
    lines.append("|---" * (1 + len(names)) + "|")
    for task in filter(lambda one: one["algorithms"], data["tasks"]):
        about = f"{task['id']} ({task['budget']} episodes)"
        found = [task["algorithms"].get(name) for name in names]
        lines.append(f"| {about} | {' | '.join(one and cell(one) or '' for one in found)} |")
    return "\n".join(lines) + "\n"


def verdicts(data: Report, names: Sequence[str]) -> str:
    """A row and a column for each algorithm: on how many tasks the row's is better and worse."""
    cells = {}
    for pair in data["comparisons"]:
        for ours, theirs, signs in (("ours", "theirs", (BETTER, WORSE)),
                                    ("theirs", "ours", (WORSE, BETTER))):
            said = [[t[question]["verdict"] for t in pair["tasks"]]
                    for question in ("score", "samples")]
            cells[pair[ours], pair[theirs]] = " / ".join(
                f"+{told.count(signs[0])} -{told.count(signs[1])}" for told in said
            )
    lines = [f"| tasks won and lost | {' | '.join(map(titled, names))} |"]
    lines.append("|---" * (1 + len(names)) + "|")
    for name in names:
        row = [cells.get((name, other), "") for other in names]
        lines.append(f"| {titled(name)} against | {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def variants(data: Report, variant: str) -> str:
    """A line for each algorithm and task on which the variant was run: with, without, compared."""
    lines = [f"| `{flag(variant[1:])}` | task | score with | without | difference | episodes to "
             "the threshold with | without | ratio |", "|---" * 8 + "|"]
    described = {task["id"]: task["algorithms"] for task in data["tasks"]}
    for pair in data["comparisons"]:
        if pair["ours"] != pair["theirs"] + variant:
            continue
        for row in pair["tasks"]:
            found = [described[row["task"]][pair[side]] for side in ("ours", "theirs")]
            gain = row["score"]
            lines.append(" | ".join([
                f"| `{pair['theirs']}`", row["task"], *map(score, found),
                f"{gain['difference']:+.3f} ({gain['low']:+.2f} to {gain['high']:+.2f}), "
                f"p {gain['p']:.3f}", *map(samples, found),
                f"{ratio_of(row['samples'])} |",
            ]))
    return "\n".join(lines) + "\n"


def ratio_of(found: Report) -> str:
    if found["p"] is None:
        return "no run of either got there"
    return f"{found['ratio']:.2f} ({found['low']:.2f} to {found['high']:.2f}), p {found['p']:.3f}"


def blocks(**tables: str) -> dict[str, str]:
    return {
        name: f"<!-- {name}: begin -->\n{text}<!-- {name}: end -->"
        for name, text in tables.items()
    }


def main() -> None:
    data = report()
    names = columns(data)
    shown = [name for name in names if name in SHOWN]
    write_blocks(ROOT / "README.md", blocks(suite=table(data, shown, "held-out score", score)))
    write_blocks(PAGE, blocks(
        scores=table(data, names, "held-out score", score),
        samples=table(data, names, "episodes to the threshold", samples),
        verdicts=verdicts(data, names), replay=variants(data, REPLAY),
    ))
    large, hard = report(LARGE), report(HARD)
    write_blocks(PAGE, blocks(
        large=table(large, columns(large), "held-out score", score),
        large_samples=table(large, columns(large), "episodes to the threshold", samples),
        large_counts=variants(large, COUNTS),
        hard=table(hard, columns(hard), "held-out score", score),
        hard_samples=table(hard, columns(hard), "episodes to the threshold", samples),
        hard_verdicts=verdicts(hard, columns(hard)),
    ))


if __name__ == "__main__":
    main()
