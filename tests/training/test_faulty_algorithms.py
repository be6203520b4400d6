"""Algorithms of a user's own that return what nothing can be learned from: told in words."""

from __future__ import annotations

import pytest
import torch
from tiny_envs import tiny_config

from colllm_bench.errors import ConfigError, RunError
from colllm_bench.training.trainer import Trainer


@pytest.fixture
def trainer(model_folder):
    return Trainer(tiny_config(model_folder("Llama", max_position_embeddings=1024), "mc", batch=4,
                               group=2))


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "x", torch.ones(())])
def test_advantages_that_are_no_numbers(trainer, monkeypatch, value):
    def compute_advantages(episodes):
        for turn in (turn for e in episodes for x in e.trajectories for turn in x.turns):
            turn.return_, turn.advantage = 0.0, value

    monkeypatch.setattr(trainer.algorithm, "compute_advantages", compute_advantages)
    with pytest.raises(RunError, match=r"MonteCarlo.compute_advantages left a turn with the "):
        trainer.learn(trainer.play(0), 0)


@pytest.mark.parametrize("loss", [
    lambda batch: batch.logprobs.mean(),
    lambda batch: (0.0, {}),
    lambda batch: (batch.logprobs.detach().mean(), {}),
    lambda batch: (batch.logprobs, {}),
    lambda batch: (batch.logprobs.mean(), None),
    lambda batch: None,
])
def test_losses_that_are_none(trainer, monkeypatch, loss):
    monkeypatch.setattr(trainer.algorithm, "loss", loss)
    with pytest.raises(RunError, match=r"MonteCarlo.loss returned .*allowed: \(loss, metrics\)"):
        trainer.learn(trainer.play(0), 0)


def test_a_critic_that_is_none(model_folder, monkeypatch):
    from colllm_bench.baselines.monte_carlo import MonteCarlo

    monkeypatch.setattr(MonteCarlo, "build_critic", lambda *arguments: 3)
    config = tiny_config(model_folder("Llama", max_position_embeddings=1024), "mc", batch=4,
                         group=2)
    with pytest.raises(ConfigError, match="build_critic returned 3 without write_values, update"):
        Trainer(config)
