"""``--env strategy --algo cc`` with the built-in model on the device, in float32 and in bf16,
beside the CPU's reference runs; and what a generated token of it costs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import fmean
from typing import Any

from common import Report, device, seconds_of, token_profile

from colllm_bench.config import RunConfig
from colllm_bench.evaluation.held_out import evaluate_team
from colllm_bench.evaluation.intervals import wilson
from colllm_bench.setup.resolve import resolve
from colllm_bench.training.recording import describe
from colllm_bench.training.trainer import Trainer

REFERENCE = Path(__file__).resolve().parents[1] / "reference/strategy/cc/default"
SMALL = {"episodes": 16, "batch": 8, "eval_episodes": 8, "critic_warmup": 0}
EVALUATION_S, PROFILE_S = 12.0, 15.0
"""Seconds that are kept for the held-out tasks, and for the profile."""
SHOWN = ("episodes", "return", "success", "length", "explained_variance", "kl")


def measure(report: Report) -> None:
    report.add("reference", reference(report.tiny))
    for place, dtype in enumerate(("float32", "bfloat16")):
        # What is left is shared by the dtypes that are still to come.
        seconds = (report.left - PROFILE_S) / (2 - place)
        report.part(dtype, lambda d=dtype, s=seconds: learn(report, d, s))
    report.part("token", lambda: token(report.tiny))


def reference(tiny: bool) -> list[dict[str, Any]]:
    """Each seed's curve and held-out win rate on the CPU."""
    seeds = []
    for folder in sorted(REFERENCE.glob("seed*")):
        summary = json.loads((folder / "summary.json").read_text())
        rows = [json.loads(x) for x in (folder / "metrics.jsonl").read_text().splitlines()]
        times = [json.loads(x) for x in (folder / "timing.jsonl").read_text().splitlines()]
        seeds.append({
            "seed": folder.name,
            "held_out": summary["success"]["trained"],
            "iteration_s": fmean(row["rollout"] + row["learn"] for row in times),
            "success": [] if tiny else [row["success"] for row in rows],
        })
    return seeds


def learn(report: Report, dtype: str, seconds: float) -> dict[str, Any]:
    """Iterations until the budget of episodes or of time is used up, then the held-out tasks."""
    began = time.monotonic()
    changes = SMALL if report.tiny else {}
    config = resolve(RunConfig.of(device=device(), dtype=dtype, **changes))
    trainer = Trainer(config)
    rows, times = [], []
    for number in range(config.iterations):
        spent = time.monotonic() - began
        if times and seconds - spent < EVALUATION_S + 1.5 * max(sum(t) for t in times):
            break
        rollout, episodes = seconds_of(lambda n=number: trainer.play(n))
        update, learned = seconds_of(lambda e=episodes, n=number: trainer.learn(e, n))
        row = {"episodes": (number + 1) * config.batch} | describe(episodes) | learned
        rows.append({key: row[key] for key in SHOWN if key in row})
        times.append((rollout, update))
    took, played = seconds_of(lambda: evaluate_team(config, trainer.team))
    wins = sum(bool(episode.success) for episode in played)
    return {
        "iterations": len(rows),
        "of": config.iterations,
        "held_out": wins / len(played),
        "held_out_interval": list(wilson(wins, len(played))),
        "evaluation_s": took,
        "rollout_s": fmean(t[0] for t in times),
        "learn_s": fmean(t[1] for t in times),
        "iteration_s": fmean(sum(t) for t in times),
        "seconds": times,
        "rows": rows,
    }


def token(tiny: bool) -> dict[str, Any]:
    """What a generated token of a batch of the default size costs."""
    config = resolve(RunConfig.of(device=device(), dtype="bfloat16", **(SMALL if tiny else {})))
    return token_profile(Trainer(config).team, config.batch, 13)
