"""Runs of several algorithms side by side: the leaderboard's numbers as one small table.

    python results/compare.py results/reference/strategy

Writes ``README.md`` (a table) and ``learning_curves.png`` into the folder. Every number, interval
and curve is the report's (docs/statistics.md); a run that did not get to a score is marked with
``>`` and its budget. Commits that the runs were made at are named, and which
seeds are of which where an algorithm's differ.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from colllm_bench.leaderboard.data import read
from colllm_bench.leaderboard.export.cells import cell, interval, text
from colllm_bench.leaderboard.export.tables import TRAINING, trained_to
from colllm_bench.leaderboard.metrics import all_metrics
from colllm_bench.leaderboard.plots import style
from colllm_bench.leaderboard.plots.setting_figures import learning_curves
from colllm_bench.leaderboard.report_data import build_data
from colllm_bench.leaderboard.statistics import unseen_rate


def table(data: dict[str, Any]) -> list[str]:
    """A line a group, in Markdown."""
    needed = [m for m in all_metrics(data["thresholds"]) if m.id.startswith("episodes_to_")]
    heads = [
        "algorithm", "n", "untrained", "held-out score, each seed", "mean, 95% on these tasks",
        "95% on such tasks", f"training score {TRAINING}",
        *(f"{metric.title}, each seed" for metric in needed),
        "explained variance (median)",
    ]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for group in sorted(data["groups"], key=lambda group: group["method"]):
        metrics = group["metrics"]
        score, such = metrics["score_mean"], metrics["score_on_such_tasks"]
        critic = metrics["explained_variance"]
        lines.append("| " + " | ".join([
            group["method"], str(len(group["seeds"])),
            text(group["finals"]["score"]["untrained"]), ", ".join(map(text, score["seeds"])),
            interval(score),
            f"{text(such['low'])} to {text(such['high'])}" if such["low"] is not None else "",
            text(trained_to(group)),
            *(cell(metric, metrics[metric.id]) for metric in needed),
            text(critic["value"], 2) if critic else "no critic",
        ]) + " |")
    return lines


def commits(data: dict[str, Any]) -> str:
    """One sentence: the commits that each group's runs were made at."""
    parts = []
    for group in sorted(data["groups"], key=lambda group: group["method"]):
        named = [
            commit[:7] if len(group["commits"]) == 1
            else f"{commit[:7]} (seeds {', '.join(map(str, seeds))})"
            for commit, seeds in group["commits"].items()
        ]
        several = ", several commits, averaged" if len(named) > 1 else ""
        parts.append(f"{group['method']} {', '.join(named)}{several}")
    return f"Made at these commits: {'; '.join(parts)}."


def kept_lines(path: Path) -> list[str]:
    """What a person wrote of lost commits in the file that is written anew: it stays."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [text for line in lines if line.startswith("Commits that no longer exist:")
            for text in ("", line)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    collection = read(folder)
    if not collection.groups:
        raise SystemExit(f"error: no complete runs under {folder}")
    data, first = build_data(collection), collection.runs[0]
    (setting,) = data["settings"]
    fewest = min(len(group["seeds"]) for group in data["groups"] if len(group["seeds"]) > 1)
    lines = [
        f"# {first.env}, {first.agents} agents",
        "",
        f"Made by `python results/compare.py {folder.as_posix()}` from the runs beside this file "
        f"(`python -m colllm_bench.run --env {first.env} --algo ALGO --seeds 0,1,2 "
        f"--threads 1`; {first.environment['cpu']}, {first.environment['cores']} core(s), no GPU). "
        "A score is the return between the random team (0) and the scripted expert (1); the "
        "training score is that of the last 320 training episodes (five iterations), on their own "
        "tasks. Intervals "
        "allow for runs that fail though none did here, at a prior of one in ten; by themselves "
        f"{fewest} runs do not exclude that up to {unseen_rate(fewest):.0%} of runs fail.",
        "",
        *table(data),
        "",
        commits(data),
        *kept_lines(folder / "README.md"),
        "",
        "![learning curves](learning_curves.png)",
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n")
    looks = style.styles(group["method"] for group in data["groups"])
    style.save(learning_curves(setting, data["groups"], looks), folder / "learning_curves.png")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
