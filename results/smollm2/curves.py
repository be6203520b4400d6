"""Learning curves of a real model: SmolLM2-135M-Instruct, warm-started, two agents.

    python results/smollm2/curves.py credit MODEL_FOLDER      # trains what is missing; resumes
    python results/smollm2/curves.py coding MODEL_FOLDER 0    # or strategy; of this seed alone
    python results/smollm2/curves.py --page                   # rows, figures and page from it

MODEL_FOLDER is what the task's first command in README.md wrote. Runs go one after another into
``results/smollm2/runs`` (not committed); their rows are committed in ``curves.jsonl`` (`credit`),
``curves_coding.jsonl`` and ``curves_strategy.jsonl``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
RUNS = HERE / "runs"
ALGORITHMS = ("mc", "dc", "cc")
BATCH = 16
SETTINGS = [
    "--agents", "2", "--style", "brief", "--dtype", "bfloat16", "--device", "cpu", "--threads", "1",
    "--lr", "1e-3", "--batch", str(BATCH), "--minibatches", "4", "--gradient-snr-every", "0",
]
PAIRED = ("coding_64", "strategy_96")
"""Evaluations of trained teams and the untrained one on the same tasks, so many."""
KEPT = ("iteration", "episodes", "return", "invalid", "tokens", "kl", "explained_variance")


class Task(NamedTuple):
    """What the curves of an environment are made with, and how they are drawn."""

    seeds: tuple[int, ...]
    iterations: int
    settings: tuple[str, ...]
    critic: tuple[str, ...]
    """Settings of algorithms with a critic."""
    label: str
    chance: float | None
    suffix: str
    """Of the names of its files."""

    def place(self, name: str, ending: str) -> Path:
        return HERE / f"{name}{self.suffix}.{ending}"


TASKS = {
    "credit": Task(
        (0, 1, 2, 3, 4), 10, ("--turns", "4", "--eval-episodes", "24"), ("--critic-warmup", "1"),
        "share of right answers", 1 / 6, "",
    ),
    "coding": Task(
        (0, 1), 9, ("--max-action-tokens", "96", "--eval-episodes", "16"),
        ("--critic-warmup", "1"), "return", None, "_coding",
    ),
    "strategy": Task(
        (0,), 10, ("--level", "1", "--reward", "milestone", "--eval-episodes", "32"),
        ("--critic-warmup", "1"), "return (milestones)", None, "_strategy",
    ),
}


def command(env: str, algo: str, seed: int, model: str) -> list[str]:
    task = TASKS[env]
    words = ["--env", env, "--algo", algo, "--seed", str(seed), "--model", model, *SETTINGS,
             "--episodes", str(task.iterations * BATCH), *task.settings]
    return words if algo == "mc" else [*words, *task.critic]


def folder(env: str, algo: str, seed: int) -> Path:
    return RUNS / env / algo / "smollm2" / f"seed{seed}"


def train(env: str, model: str, seeds: Sequence[int]) -> None:
    """All runs in order of seeds, so that every algorithm has one before any has two."""
    for seed in seeds:
        for algo in ALGORITHMS:
            if (folder(env, algo, seed) / "summary.json").exists():
                continue
            words = [sys.executable, "-m", "colllm_bench.run", *command(env, algo, seed, model),
                     "--out", str(RUNS), "--name", "smollm2", "--resume"]
            subprocess.run(words, check=True)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def collect(env: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(rows an iteration, what is known of the runs) from the run folders."""
    rows, about = [], {}
    for algo in ALGORITHMS:
        for seed in TASKS[env].seeds:
            path = folder(env, algo, seed)
            if not (path / "summary.json").exists():
                continue
            summary = json.loads((path / "summary.json").read_text())
            machine = json.loads((path / "environment.json").read_text())
            for row, took in zip(lines_of(path / "metrics.jsonl"), lines_of(path / "timing.jsonl")):
                rows.append({"algo": algo, "seed": seed, **{k: row.get(k) for k in KEPT},
                             "seconds": round(took["rollout"] + took["learn"], 1)})
            about[f"{algo} seed {seed}"] = {
                "score": summary["score"], "return": summary["return"],
                "commit": machine["commit"], "cpu": machine["cpu"], "packages": machine["packages"],
                "base": machine.get("base_digest"),
            }
    return rows, about


def figure(task: Task, rows: list[dict[str, Any]]) -> None:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    from colllm_bench.leaderboard.plots.style import styles

    plot = Figure(figsize=(6.4, 3.4), layout="constrained")
    FigureCanvasSVG(plot)
    axes = plot.add_subplot()
    for algo in ALGORITHMS:
        look = {**styles(ALGORITHMS)[algo], "marker": ""}
        curves: dict[int, list[float]] = {}
        for row in rows:
            if row["algo"] == algo:
                curves.setdefault(row["seed"], []).append(row["return"])
        if not curves:
            continue
        episodes = [BATCH * (i + 1) for i in range(task.iterations)]
        for curve in curves.values():
            axes.plot(episodes[: len(curve)], curve, linewidth=0.6, alpha=0.5, **look)
        means = [fmean(values) for values in zip(*curves.values())]
        axes.plot(episodes[: len(means)], means, label=algo, linewidth=1.8, **look)
    if task.chance is not None:
        axes.axhline(task.chance, color="#6b6b6b", linewidth=0.8, linestyle=":")
    axes.set(xlabel="training episodes", ylabel=task.label, ylim=(0, 1))
    axes.legend(frameon=False)
    plot.savefig(task.place("curves", "svg"), metadata={"Date": None})


def thirds(values: list[float]) -> tuple[float, float]:
    """Means of the first and the last third."""
    third = max(1, len(values) // 3)
    return fmean(values[:third]), fmean(values[-third:])


def table(rows: list[dict[str, Any]], about: dict[str, Any]) -> str:
    lines = ["| run | first third | last third | rise | held out, untrained | held out, trained "
             "| s an iteration |", "|---|---|---|---|---|---|---|"]
    for name, known in about.items():
        algo, _, seed = name.split()
        own = [row for row in rows if (row["algo"], row["seed"]) == (algo, int(seed))]
        first, last = thirds([row["return"] for row in own])
        held = known["return"]
        lines.append(
            f"| {name} | {first:.3f} | {last:.3f} | {last - first:+.3f} | "
            f"{held['untrained']['mean']:.3f} | {held['trained']['mean']:.3f} | "
            f"{fmean(row['seconds'] for row in own):.0f} |"
        )
    return "\n".join(lines)


def shown(rows: list[dict[str, Any]], about: dict[str, Any]) -> str:
    """Every run, and below them the comparisons where each algorithm has enough runs for one."""
    fewest = min(Counter(name.split()[0] for name in about).values())
    return table(rows, about) + (f"\n\n{comparisons(about)}" if fewest >= 4 else "")


def comparisons(about: dict[str, Any]) -> str:
    """Held-out returns of the trained teams, every two algorithms: the package's own interval and
    test, p corrected for the number of pairs (Holm)."""
    from colllm_bench.leaderboard.statistics.differences import compare, holm

    returns: dict[str, list[float]] = {}
    for name, known in about.items():
        returns.setdefault(name.split()[0], []).append(known["return"]["trained"]["mean"])
    pairs = list(combinations(returns, 2))
    found = [compare(returns[ours], returns[theirs]) for ours, theirs in pairs]
    lines = ["| held out, trained | n | difference | p |", "|---|---|---|---|"]
    for (ours, theirs), one, p in zip(pairs, found, holm([one.p_value for one in found])):
        lines.append(
            f"| {ours} less {theirs} | {one.n[0]}, {one.n[1]} | {one.difference:+.3f} "
            f"({one.low:+.3f} to {one.high:+.3f}) | {p:.3f} |"
        )
    return "\n".join(lines)


def paired(name: str) -> str:
    """The table of an evaluation: trained teams against the untrained one, task by task."""
    held_out = json.loads((HERE / f"{name}.json").read_text())["held_out"]
    before = held_out["untrained"]["returns"]
    lines = ["| team | return | games won | return less untrained | invalid |", "|---" * 5 + "|"]
    for name, team in held_out.items():
        if name in ("random", "scripted"):
            continue
        gains = [ours - theirs for ours, theirs in zip(team["returns"], before, strict=True)]
        error = stdev(gains) / len(gains) ** 0.5
        gain = "" if name == "untrained" else f"{fmean(gains):+.3f} ± {error:.3f}"
        lines.append(
            f"| {name.replace('/smollm2/', ' ')} | {fmean(team['returns']):.3f} | "
            f"{sum(team['successes'])} of {len(gains)} | {gain} | {team['invalid']:.3f} |"
        )
    return "\n".join(lines)


def page(env: str) -> None:
    """Write a task's rows, what is known of its runs, its figure and its table in README.md."""
    task = TASKS[env]
    rows, about = collect(env)
    if rows:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        task.place("curves", "jsonl").write_text(lines)
        task.place("runs", "json").write_text(json.dumps(about, indent=1) + "\n")
    else:  # a fresh clone: from the committed rows
        rows = lines_of(task.place("curves", "jsonl"))
        about = json.loads(task.place("runs", "json").read_text())
    figure(task, rows)
    write_block(f"curves{task.suffix}", shown(rows, about))


def write_block(name: str, block: str) -> None:
    """Put a table between its marks in README.md."""
    text = (HERE / "README.md").read_text()
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2]
    (HERE / "README.md").write_text(f"{before}{begin}\n{block}\n{end}{after}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--page"]:
        for name in TASKS:
            page(name)
        for name in PAIRED:
            write_block(name, paired(name))
    elif len(sys.argv) >= 3 and sys.argv[1] in TASKS:
        train(sys.argv[1], sys.argv[2], [int(word) for word in sys.argv[3:]]
              or TASKS[sys.argv[1]].seeds)
    else:
        sys.exit(__doc__)
