"""Writes README.md beside it from critics.jsonl and truth.jsonl: what each critic explains of
fresh returns, and how near its values are to exact ones.

    python results/critics/table.py
"""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).parent
PROBE = {"dc": "probe local"}
"""What can be reached by critics that see one agent's history; all others see all."""
LEAST = 0.07
"""Where the probe finds less than this, over all thirds, a share of it is noise."""
SHARED = ("640", "2560")
"""Episodes after which critics are compared with the probe."""


def rows() -> dict[str, list[dict]]:
    """By policy, the measured critics in their order."""
    found: dict[str, list[dict]] = {}
    for line in (HERE / "critics.jsonl").read_text().splitlines():
        row = json.loads(line)
        found.setdefault(row["policy"], []).append(row)
    return found


def cells(explained: list[float | None]) -> str:
    """Of each third that has turns (games of two turns have two)."""
    there = [value for value in explained if value is not None]
    return " / ".join(f"{value:.2f}".replace("0.", ".") for value in there)


def share(row: dict, probes: dict[str, dict], count: str) -> str:
    """The mean over thirds after so many episodes as a share of the probe's."""
    probe = probes.get(PROBE.get(row["critic"].split()[0], "probe joint"), {})
    if row["critic"].startswith("probe") or not {count} <= probe.keys() & row["explained"].keys():
        return ""
    if total(probe[count]) < LEAST:
        return ""
    return f"{total(row['explained'][count]) / total(probe[count]):.0%}"


def total(explained: list[float | None]) -> float:
    return sum(value for value in explained if value is not None)


def table(policy: str, found: list[dict]) -> list[str]:
    probes = {row["critic"]: row["explained"] for row in found
              if row["critic"].startswith("probe")}
    counts = sorted({int(k) for row in found for k in row["explained"]})
    shared = [k for k in SHARED if any(k in explained for explained in probes.values())]
    heads = ["critic", *(f"{k} episodes" for k in counts),
             *(f"of the probe, {k}" for k in shared), "CPU s an iteration"]
    lines = [f"## {policy}", "", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in found:
        seconds = row.get("seconds_an_iteration")
        lines.append("| " + " | ".join([
            row["critic"],
            *(cells(row["explained"][str(k)]) if str(k) in row["explained"] else ""
              for k in counts),
            *(share(row, probes, k) for k in shared), f"{seconds:.2f}" if seconds else "",
        ]) + " |")
    return [*lines, ""]


def truths() -> dict[tuple[int, str], dict[str, list[dict]]]:
    """By task (agents, sees), the rows of each critic: one a fit."""
    found: dict[tuple[int, str], dict[str, list[dict]]] = {}
    for row in map(json.loads, (HERE / "truth.jsonl").read_text().splitlines()):
        task = found.setdefault((row["agents"], row["sees"]), {})
        task.setdefault(row["critic"], []).append(row)
    return found


def mean(lists: list[list[float]]) -> list[float]:
    return [sum(column) / len(column) for column in zip(*lists)]


def truth_tables() -> list[str]:
    """A table for each task: how near values are to exact ones after so many episodes."""
    lines = ["## Against exact values", "", ABOUT_TRUTH, ""]
    for (agents, sees), critics in truths().items():
        counts = list(next(iter(critics.values()))[0]["known"])
        heads = ["critic", "n", *(f"{int(k):,} episodes" for k in counts), "exact values explain"]
        lines += [f"### `credit`, {agents} agents, sees={sees}", "",
                  "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
        for critic, fits in critics.items():
            lines.append("| " + " | ".join([
                critic, str(len(fits)),
                *(cells(mean([fit["known"][k] for fit in fits])) for k in counts),
                cells(mean([fit["truth"] for fit in fits])),
            ]) + " |")
        lines.append("")
    return lines


ABOUT_TRUTH = " ".join((
    "An untrained team, `credit` with the reward at the end. Mean over n fits (another team's",
    "episodes each) of 1 - E(V - V*)^2 / Var(V*), early / middle / late: 1 is the truth, 0 no",
    "better than its mean, below 0 worse. V* is the exact value of the joint history for",
    "`cc`, `hier` and `seq`, of the agent's own history for `dc`. Last column: the variance",
    "of returns that V* itself explains, which no critic can pass. Made by `python",
    "results/critics/truth.py`, raw rows in `truth.jsonl`.",
))


def main() -> None:
    found = rows()
    first = next(iter(found.values()))[0]
    commits = sorted({row["commit"] for own in found.values() for row in own})
    text = (HERE / "about.md").read_text().rstrip().format(
        held=first["held_out"], torch=first["torch"], machine=first["machine"],
        commits=", ".join(commits),
    )
    lines = [text, ""]
    for policy, own in found.items():
        lines += table(policy, own)
    lines += truth_tables()
    (HERE / "README.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
