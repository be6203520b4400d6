"""The README's tables of the suite, between their markers, from the committed references.

    python results/readme/suite_table.py            # writes them into README.md

The first has the mean held-out score over seeds, the second the geometric mean of the training
episodes to the task's threshold (a run that never gets there counts as the whole budget), each
with its interval for other runs; the third counts the verdicts of every two algorithms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from table import ROOT, write_blocks

from colllm_bench.leaderboard.suite.records import read_references
from colllm_bench.leaderboard.suite.verdicts import BETTER, WORSE, results
from colllm_bench.suites import load_suite

SUITE = "v3-mini"
ORDER = ("mc", "dc", "cc", "seq", "hier", "central")
REPLAY = "+replay=3"


def reports() -> tuple[dict[str, Any], dict[str, Any]]:
    """The suite's report on the algorithms of :data:`ORDER`, and that on those of which there is
    a variant, with against without."""
    suite = load_suite(SUITE)
    references = read_references(ROOT / "results" / "suite", suite)
    plain = {name: references[name] for name in ORDER if name in references}
    varied = {name + REPLAY: references[name + REPLAY] for name in plain
              if name + REPLAY in references}
    both = varied | {name: plain[name] for name in plain if name + REPLAY in varied}
    return results(suite, plain), results(suite, both, list(varied))


def score(found: dict[str, Any]) -> str:
    value = found["score"]
    return f"{value['value']:.3f} ({value['low']:.2f} to {value['high']:.2f})"


def samples(found: dict[str, Any]) -> str:
    value, never = found["samples"], found["samples"]["reached"].count(False)
    text = f"{value['value']:.0f} ({value['low']:.0f} to {value['high']:.0f})"
    return f"{text}, {never} of {value['n']} never" if never else text


def table(data: dict[str, Any], title: str, cell: Callable[[dict[str, Any]], str]) -> str:
    names = data["algorithms"]
    lines = [f"| {title} | {' | '.join(f'`{name}`' for name in names)} |"]
    lines.append("|---" * (1 + len(names)) + "|")
    for task in data["tasks"]:
        about = f"{task['id']} ({task['budget']} episodes)"
        cells = [cell(task["algorithms"][name]) for name in names]
        lines.append(f"| {about} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def verdicts(data: dict[str, Any]) -> str:
    """A row and a column for each algorithm: on how many tasks the row's is better and worse."""
    names, cells = data["algorithms"], {}
    for pair in data["comparisons"]:
        for ours, theirs, signs in (("ours", "theirs", (BETTER, WORSE)),
                                    ("theirs", "ours", (WORSE, BETTER))):
            said = [[t[question]["verdict"] for t in pair["tasks"]]
                    for question in ("score", "samples")]
            cells[pair[ours], pair[theirs]] = " / ".join(
                f"+{told.count(signs[0])} -{told.count(signs[1])}" for told in said
            )
    lines = [f"| tasks won and lost | {' | '.join(f'`{name}`' for name in names)} |"]
    lines.append("|---" * (1 + len(names)) + "|")
    for name in names:
        row = [cells.get((name, other), "") for other in names]
        lines.append(f"| `{name}` against | {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def variants(data: dict[str, Any], variant: str) -> str:
    """A line for each algorithm and task on which the variant was run: with, without, compared."""
    lines = [f"| `{variant[1:]}` | task | score with | without | difference | episodes to the "
             "threshold with | without | ratio |", "|---" * 8 + "|"]
    described = {task["id"]: task["algorithms"] for task in data["tasks"]}
    for pair in data["comparisons"]:
        if pair["ours"] != pair["theirs"] + variant:
            continue
        for row in pair["tasks"]:
            found = [described[row["task"]][pair[side]] for side in ("ours", "theirs")]
            gain, ratio = row["score"], row["samples"]
            lines.append(" | ".join([
                f"| `{pair['theirs']}`", row["task"], *map(score, found),
                f"{gain['difference']:+.3f} ({gain['low']:+.2f} to {gain['high']:+.2f}), "
                f"p {gain['p']:.3f}", *map(samples, found),
                f"{ratio['ratio']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f}), "
                f"p {ratio['p']:.3f} |",
            ]))
    return "\n".join(lines) + "\n"


def blocks() -> dict[str, str]:
    data, varied = reports()
    text = (table(data, "held-out score", score) + "\n"
            + table(data, "episodes to the threshold", samples) + "\n" + verdicts(data))
    replay = variants(varied, REPLAY)
    return {
        "suite": f"<!-- suite: begin -->\n{text}<!-- suite: end -->",
        "replay": f"<!-- replay: begin -->\n{replay}<!-- replay: end -->",
    }


def main() -> None:
    write_blocks(ROOT / "README.md", blocks())


if __name__ == "__main__":
    main()
