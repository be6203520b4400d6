"""The training loop, readable top to bottom: play, credit, step, record."""

from __future__ import annotations

import time
from typing import Any

from colllm_bench.config import RunConfig
from colllm_bench.evaluation.held_out import (
    evaluate_team,
    reference_teams,
    results,
    summarize_teams,
)
from colllm_bench.runs.replays import KEPT
from colllm_bench.setup.environments import provenance_of
from colllm_bench.setup.resolve import resolve
from colllm_bench.setup.validate import check_config
from colllm_bench.training.recording import describe, keep_replays, record_iteration
from colllm_bench.training.trainer import Trainer


def train(config: RunConfig, folder: Any = None, callback: Any = None) -> Trainer:
    """Train a team; with a run folder, record it and go on from its last checkpoint.

    Args:
        config: what to run; open questions are filled in by ``resolve``.
        folder: a :class:`colllm_bench.runs.folder.RunFolder`, or None to record nothing.
        callback: shows progress (:mod:`colllm_bench.display.progress`), or None.

    Returns:
        The trainer with the trained team.

    Raises:
        ConfigError: the configuration cannot be run.
        RunError: writing failed; the folder stays resumable.
    """
    config = resolve(config)
    check_config(config)
    trainer = Trainer(config, date=folder.date if folder is not None else None)
    start = 0
    if folder is not None:
        folder.note_base(trainer.team.loaded.digest)
        found = folder.load_checkpoint()
        if found is not None:
            start, state = found
            trainer.load_state_dict(state)
        folder.rewind(start)
        if start == 0:
            untrained = evaluate_team(config, trainer.team, frames=KEPT["untrained"])
            keep_replays(folder, "untrained", untrained)
            folder.write_json("untrained.json", results(untrained))
    if callback:
        callback.start(config.iterations * config.batch, start * config.batch)
    for iteration in range(start, config.iterations):
        began = time.perf_counter()
        episodes = trainer.play(iteration)
        played = time.perf_counter()
        learned = trainer.learn(episodes, iteration)
        row = {"iteration": iteration, "episodes": (iteration + 1) * config.batch}
        row |= describe(episodes) | learned
        if folder is not None:
            seconds = {"rollout": played - began, "learn": time.perf_counter() - played}
            record_iteration(folder, trainer, row, episodes, seconds)
        if callback:
            callback.iteration(row, episodes)
    if callback:
        callback.close()
    return trainer


def finish(trainer: Trainer, folder: Any) -> dict[str, Any]:
    """Evaluate the trained team and the reference teams, and write ``summary.json``.

    Returns:
        The summary (see :func:`colllm_bench.evaluation.held_out.summarize_teams`), and
        ``parameters``:
        how many the base ``model`` has, and how many of the policies are ``trained``.
    """
    config = trainer.config
    played = {"trained": evaluate_team(config, trainer.team, frames=KEPT["trained"])}
    played |= reference_teams(config)
    teams = {"trained": results(played["trained"]), "untrained": folder.read_json("untrained.json")}
    teams |= {name: results(episodes) for name, episodes in played.items() if name != "trained"}
    summary = summarize_teams(config, teams) | {"parameters": trainer.team.parameter_counts()}
    if about := provenance_of(trainer.envs[0]):
        summary["provenance"] = about
    for name, episodes in played.items():
        keep_replays(folder, name, episodes)
    for k, episode in enumerate(played["trained"][: KEPT["trained"]]):
        folder.write_transcript(f"held-out-{k}", episode)
    trainer.team.save(folder.path / "team")
    folder.write_summary(summary)
    return summary
