"""Run folders that evaluation reads: made in a second, with agents that differ."""

from __future__ import annotations

from pathlib import Path

from helpers import shake
from tiny_envs import tiny_config

from colllm_bench.runs.folder import RunFolder
from colllm_bench.training.loop import finish
from colllm_bench.training.trainer import Trainer


def finished_run(path: Path, model: str, *, shaken: int = 1, done: bool = True, **changes) -> Path:
    """A run on :class:`tiny_envs.Relay` whose agents were moved apart instead of trained.

    Args:
        shaken: seed of the movement: runs of different seeds have different teams.
        done: evaluated; otherwise only a checkpoint lies there.
    """
    config = tiny_config(model, **changes)
    trainer = Trainer(config)
    shake(trainer.team, shaken)
    with RunFolder.create(path, config) as folder:
        folder.write_json("untrained.json", {"returns": [0.0], "successes": None, "turns": [1],
                                             "invalid": 0.0})
        folder.append_metrics({"iteration": 0, "episodes": config.batch})
        folder.save_checkpoint(1, trainer.state_dict())
        if done:
            finish(trainer, folder)
    return path
