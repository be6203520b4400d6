"""The README's tables of results, between their markers, from the reference runs.

    python results/readme/table.py            # writes both tables into README.md

The first has the report's estimates (docs/statistics.md) of the mean held-out score over runs, on
the tasks that they played, and below it the training score at the end; the second its comparisons
of two algorithms.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from colllm_bench.leaderboard.data import read
from colllm_bench.leaderboard.export.cells import text
from colllm_bench.leaderboard.export.tables import trained_to
from colllm_bench.leaderboard.report_data import build_data

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "results" / "reference"
ROWS = {
    "strategy": "`strategy`, level 1", "coding": "`coding`, level 1, 2 turns",
    "writing": "`writing`, 1 draft",
}
METHODS = ("mc", "dc", "cc", "central")
PAIRS = (("mc", "dc"), ("mc", "cc"), ("dc", "cc"))
THRESHOLD = 0.5


def cell(group: dict[str, Any] | None) -> str:
    """Mean and interval of a group's runs, as the table shows them."""
    if group is None:
        return ""
    score = group["metrics"]["score_mean"]
    if score["low"] is None:
        return f"{score['value']:.3f} (n = {score['n']})"
    low, high = (f"{bound:.2f}".replace("1.00", "1") for bound in (score["low"], score["high"]))
    return f"{score['value']:.3f} ({low} to {high})"


def report() -> dict[str, Any]:
    return build_data(read(REFERENCE), [THRESHOLD])


def scores(data: dict[str, Any]) -> str:
    """The table of scores in Markdown."""
    groups = {(group["env"], group["method"]): group for group in data["groups"]}
    lines = [f"| | untrained team | {' | '.join(f'`{method}`' for method in METHODS)} |"]
    lines.append("|---" * (2 + len(METHODS)) + "|")
    for env, title in ROWS.items():
        untrained = f"{groups[env, 'cc']['finals']['score']['untrained']:.3f}"
        cells = [cell(groups.get((env, method))) for method in METHODS]
        lines.append(f"| {title} | {untrained} | {' | '.join(cells)} |")
        found = [groups.get((env, method)) for method in METHODS]
        cells = [text(trained_to(group)) if group else "" for group in found]
        lines.append(f"| `{env}`, training score | | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def difference(test: dict[str, Any], turned: bool) -> str:
    """``+0.038 (-0.007 to 0.083)``, of the other order where ``turned``."""
    value, low, high = test["value"], test["low"], test["high"]
    value, low, high = (-value, -high, -low) if turned else (value, low, high)
    # Rounded before it is printed, and + 0.0: no "-0.000".
    return f"{round(value, 3) + 0.0:+.3f} ({low:.3f} to {high:.3f})".replace("+0.000", "0.000")


def ratio(test: dict[str, Any], turned: bool) -> str:
    value, low, high = test["value"], test["low"], test["high"]
    value, low, high = (1 / value, 1 / high, 1 / low) if turned else (value, low, high)
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def comparisons(data: dict[str, Any]) -> str:
    """The table of comparisons in Markdown."""
    names = {group["id"]: (group["env"], group["method"]) for group in data["groups"]}
    pairs = {}
    for pair in data["comparisons"]:
        (env, ours), (_, theirs) = names[pair["a"]], names[pair["b"]]
        pairs[env, ours, theirs] = pair, False
        pairs[env, theirs, ours] = pair, True
    heads = [f"score, `{a}` less `{b}`" for a, b in PAIRS]
    heads += [f"episodes to {THRESHOLD}, `{a}` over `{b}`" for a, b in PAIRS]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for env in ROWS:
        found = [pairs[(env, *pair)] for pair in PAIRS]
        cells = [difference(pair["difference"], turned) for pair, turned in found]
        cells += [ratio(pair["sample_ratio"][f"{THRESHOLD:g}"], turned) for pair, turned in found]
        lines.append(f"| `{env}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def blocks() -> dict[str, str]:
    """Each table between its markers, by the name in them."""
    data = report()
    found = {"results": scores(data), "comparisons": comparisons(data)}
    return {
        name: f"<!-- {name}: begin -->\n{text}<!-- {name}: end -->" for name, text in found.items()
    }


def write_blocks(path: Path, blocks: dict[str, str]) -> None:
    """Put each block in the place of what stands between its markers."""
    text = path.read_text()
    for block in blocks.values():
        begin, end = block.splitlines()[0], block.splitlines()[-1]
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise SystemExit(f"error: {path.name} has no {begin} and {end}; fix: add both lines")
        text = before + block + after
        print(block)
    path.write_text(text)


def main() -> None:
    write_blocks(ROOT / "README.md", blocks())


if __name__ == "__main__":
    main()
