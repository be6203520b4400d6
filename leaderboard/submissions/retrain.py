"""Trains a run again, to compare with its record: same settings, seed and machine, same bytes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colllm_bench.config import RunConfig
from colllm_bench.runs import files
from colllm_bench.runs.naming import agent_folder
from colllm_bench.training.callbacks import Callback


@dataclass(frozen=True)
class Retraining:
    """The result of training again.

    Attributes:
        rows: of ``metrics.jsonl``, as JSON has them.
        weights: each agent's weights file; None if the training was broken off.
    """

    rows: list[dict[str, Any]]
    weights: dict[str, bytes] | None


def train_again(config: RunConfig, iterations: int | None = None) -> Retraining:
    """Train as a run did, and record nothing.

    Args:
        config: of the run, resolved.
        iterations: how many; None: all.
    """
    from colllm_bench.training import train  # loads torch

    rows = _Rows(config.iterations if iterations is None else iterations)
    try:
        trainer = train(config, callback=rows)
    except _Done:
        return Retraining(rows.rows, None)
    with tempfile.TemporaryDirectory() as folder:
        trainer.team.save(folder)
        weights = {
            agent: weights_of(Path(folder) / agent_folder(agent)) for agent in trainer.team.agents
        }
    return Retraining(rows.rows, weights)


def weights_of(agent: Path) -> bytes:
    """The weights file in an agent's folder."""
    (path,) = agent.glob("*.safetensors")
    return path.read_bytes()


class _Done(Exception):
    """The iterations that were asked for are done."""


class _Rows(Callback):
    """A callback that keeps the metrics and stops the training in time."""

    def __init__(self, most: int):
        self.most, self.rows = most, []
        self.total = 0

    def on_start(self, total: int, done: int) -> None:
        self.total = total

    def on_iteration(self, row: dict[str, Any], episodes: Sequence[Any]) -> None:
        self.rows.append(json.loads(json.dumps(files.plain(row))))
        if len(self.rows) >= self.most and row["episodes"] < self.total:
            raise _Done
