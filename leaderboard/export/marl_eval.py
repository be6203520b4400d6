"""The runs in the JSON layout of marl-eval (Gorsane et al. 2022), for its own plots.

``{env: {task: {algorithm: {"seed_0": {"step_1": {"step_count", "elapsed_time", "return": [...]},
..., "absolute_metrics": {"return": [...]}}}}}}``: a task is a setting. A step is a stretch of
iterations: ``step_count`` counts the environment's steps so far, ``elapsed_time`` seconds, and
the lists hold the mean over the stretch's training episodes. The absolute metrics are the
held-out episodes of the trained team, one number each.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from colllm_bench.leaderboard.data.collection import Collection, Run
from colllm_bench.leaderboard.report_data import method_labels, setting_id
from colllm_bench.leaderboard.statistics.measures import counts
from colllm_bench.runs import files

STEPS = 100
"""Most steps of a run."""


def write_marl_eval(collection: Collection, path: Path) -> Path:
    """All complete runs as one file."""
    labels = method_labels(collection.groups)
    layout: dict[str, Any] = {}
    for group in collection.groups:
        run = group.first
        task = setting_id(run).removeprefix(f"{run.env}-")
        algorithms = layout.setdefault(run.env, {}).setdefault(task, {})
        algorithms[labels[group.key]] = {f"seed_{run.seed}": steps(run) for run in group.runs}
    files.write_text(path, json.dumps(layout, allow_nan=False))
    return path


def steps(run: Run) -> dict[str, Any]:
    """One run's entry."""
    episodes = run.metrics["episodes"]
    sizes = np.diff(episodes, prepend=0)
    edges = np.unique(np.linspace(0, len(episodes), min(STEPS, len(episodes)) + 1).astype(int))
    starts = edges[:-1]
    weights = np.add.reduceat(sizes, starts)
    # Without a length an episode counts as one step.
    length = run.metrics.get("length", np.ones(len(episodes)))
    played = np.cumsum(np.nan_to_num(length, nan=1.0) * sizes)[edges[1:] - 1]
    seconds = counts(run, "seconds")
    entry: dict[str, Any] = {}
    means = {
        name: np.add.reduceat(run.metrics[key] * sizes, starts) / weights
        for name, key in {"return": "return", "win_rate": "success"}.items()
        if key in run.metrics and np.isfinite(run.metrics[key]).all()
    }
    for k in range(len(starts)):
        entry[f"step_{k + 1}"] = {
            "step_count": int(round(played[k])),
            "elapsed_time": round(float(seconds[edges[k + 1] - 1]), 3)
            if seconds is not None else None,
            **{name: [float(f"{values[k]:.6g}")] for name, values in means.items()},
        }
    absolute = {"return": run.held_out("trained").tolist()}
    wins = run.summary["held_out"]["trained"].get("successes")
    if wins:
        absolute["win_rate"] = [float(win) for win in wins]
    return {**entry, "absolute_metrics": absolute}
