"""Writes README.md beside it from critics.jsonl: what each critic explains of fresh returns.

    python results/critics/table.py
"""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).parent
PROBE = {"dc": "probe local"}
"""What can be reached by critics that see one agent's history; all others see all."""


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


def share(row: dict, probes: dict[str, list[float]]) -> str:
    """The mean over thirds as a share of the probe's."""
    reach = probes.get(PROBE.get(row["critic"].split()[0], "probe joint"))
    if reach is None or row["critic"].startswith("probe") or total(reach) < 0.07:
        return ""  # where the probe finds next to nothing a share is noise
    return f"{total(row['explained']['640']) / total(reach):.0%}"


def total(explained: list[float | None]) -> float:
    return sum(value for value in explained if value is not None)


def table(policy: str, found: list[dict]) -> list[str]:
    probes = {row["critic"]: row["explained"]["640"] for row in found
              if row["critic"].startswith("probe")}
    counts = sorted({int(k) for row in found for k in row["explained"]})
    heads = ["critic", *(f"{k} episodes" for k in counts), "of the probe, 640",
             "CPU s an iteration"]
    lines = [f"## {policy}", "", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in found:
        seconds = row.get("seconds_an_iteration")
        lines.append("| " + " | ".join([
            row["critic"],
            *(cells(row["explained"][str(k)]) if str(k) in row["explained"] else ""
              for k in counts),
            share(row, probes), f"{seconds:.2f}" if seconds else "",
        ]) + " |")
    return [*lines, ""]


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
    (HERE / "README.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
