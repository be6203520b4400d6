"""A run of a given time: the learning curve, then the held-out tasks."""

from __future__ import annotations

import time
from statistics import fmean
from typing import Any

from common import seconds_of

from colllm_bench.config import RunConfig
from colllm_bench.evaluation.held_out import evaluate_team
from colllm_bench.evaluation.intervals import wilson
from colllm_bench.training.recording import describe
from colllm_bench.training.trainer import Trainer

EVALUATION_S = 12.0
"""Seconds that are kept for the held-out tasks, at least."""
SHOWN = ("episodes", "return", "success", "invalid", "length", "explained_variance", "kl")


def learn(config: RunConfig, seconds: float) -> dict[str, Any]:
    """Iterations until the budget of episodes or of time is used up, then the held-out tasks.

    Args:
        config: resolved.
        seconds: of all of it. The first iteration and the held-out tasks are played anyway.
    """
    began = time.monotonic()
    trainer = Trainer(config)
    rows, times = [], []
    for number in range(config.iterations):
        spent = time.monotonic() - began
        if times and seconds - spent < evaluation_s(config, times) + 1.5 * max(map(sum, times)):
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
        "held_out_tasks": len(played),
        "evaluation_s": took,
        "rollout_s": fmean(t[0] for t in times),
        "learn_s": fmean(t[1] for t in times),
        "iteration_s": fmean(sum(t) for t in times),
        "seconds": times,
        "rows": rows,
    }


def evaluation_s(config: RunConfig, times: list[tuple[float, float]]) -> float:
    """Seconds to keep for the held-out tasks: as many rollouts as they are."""
    rollouts = -(-config.eval_episodes // config.batch)
    return max(EVALUATION_S, rollouts * fmean(rollout for rollout, _ in times))
