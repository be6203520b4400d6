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


@pytest.mark.parametrize("value", [None, float("nan")])
def test_returns_that_a_critic_cannot_learn_from(model_folder, monkeypatch, value):
    trainer = Trainer(tiny_config(model_folder("Llama", max_position_embeddings=1024), "cc"))

    def compute_advantages(episodes):
        for turn in (turn for e in episodes for x in e.trajectories for turn in x.turns):
            turn.return_, turn.advantage = value, 0.0

    monkeypatch.setattr(trainer.algorithm, "compute_advantages", compute_advantages)
    with pytest.raises(RunError, match=r"left a turn with the return .*turn.return_ of every"):
        trainer.learn(trainer.play(0), 0)


@pytest.mark.parametrize("metrics", [{"return": 99.0}, {"mine": [1.0]}, {"iteration": -1}])
def test_metrics_that_are_no_numbers_or_the_harness_own(trainer, monkeypatch, metrics):
    own = trainer.algorithm.compute_advantages

    def compute_advantages(episodes):
        own(episodes)
        return metrics

    monkeypatch.setattr(trainer.algorithm, "compute_advantages", compute_advantages)
    with pytest.raises(RunError, match=f"returned the metric '{next(iter(metrics))}'"):
        trainer.learn(trainer.play(0), 0)


def test_a_loss_that_is_no_number_destroys_no_weights(trainer, monkeypatch):
    before = [tensor.clone() for own in trainer.actor.groups.values() for tensor in own]

    def loss(batch):
        return batch.logprobs.sum() * float("nan"), {}

    monkeypatch.setattr(trainer.algorithm, "loss", loss)
    with pytest.raises(RunError, match="the norm of a gradient is nan, and no step was made"):
        trainer.learn(trainer.play(0), 0)
    after = [tensor for own in trainer.actor.groups.values() for tensor in own]
    assert all(map(torch.equal, before, after))


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
