"""What another engine sampled is learned from with truncated importance weights."""

from __future__ import annotations

import math

import fake_vllm
import pytest
import torch
from tiny_envs import tiny_config
from trainer_steps import actors, moved, step

from colllm_bench.training.trainer import Trainer

CAP = 1.01


@pytest.fixture
def engines(monkeypatch):
    return fake_vllm.install(monkeypatch)


@pytest.fixture
def folder(model_folder):
    return model_folder("Llama", max_position_embeddings=1024)


def turns_of(episodes):
    return [turn for e in episodes for x in e.trajectories for turn in x.turns]


@pytest.mark.parametrize("algo", ["mc", "cc"])
def test_an_engine_that_agrees_weighs_all_tokens_alike(engines, folder, algo):
    trainer = Trainer(tiny_config(folder, algo, rollouts="vllm"))
    before = actors(trainer)
    for iteration in range(2):  # the second with policies that have moved
        metrics = step(trainer, iteration)
    assert 0 <= metrics["sampling_gap"] < 1e-4 and metrics["sampling_truncated"] == 0
    assert metrics["sampling_factor_mean"] == pytest.approx(1, abs=1e-4)
    assert metrics["sampling_factor_max"] == pytest.approx(1, abs=1e-3)
    assert moved(before, actors(trainer)) == set(before)
    assert len(engines.made) == 1 and not engines.made[0].asleep


def test_factors_are_the_truncated_ratios_and_old_logprobs_the_policys_own(engines, folder):
    engines.noise = 0.3
    trainer = Trainer(tiny_config(folder, "mc", rollouts="vllm", sampling_factor_cap=CAP))
    episodes = trainer.play(0)
    sampled = [turn.logprobs for turn in turns_of(episodes)]
    metrics = trainer.learn(episodes, 0)
    turns = turns_of(episodes)
    ratios = [
        [math.exp(own - other) for own, other in zip(turn.logprobs, before, strict=True)]
        for turn, before in zip(turns, sampled, strict=True)
    ]
    for turn, ratio in zip(turns, ratios, strict=True):
        assert turn.sampling_factors == pytest.approx([min(r, CAP) for r in ratio], rel=1e-4)
    flat = [r for ratio in ratios for r in ratio]
    assert metrics["sampling_factor_max"] == pytest.approx(CAP)
    assert metrics["sampling_factor_mean"] == pytest.approx(
        sum(min(r, CAP) for r in flat) / len(flat), rel=1e-4)
    assert metrics["sampling_truncated"] == pytest.approx(sum(r > CAP for r in flat) / len(flat))
    gap = sum(abs(math.log(r)) for r in flat) / len(flat)
    assert metrics["sampling_gap"] == pytest.approx(gap, rel=1e-3) and gap > 0.01
    assert min(flat) < 1 < max(flat)


def test_a_factor_weighs_the_surrogate_and_no_ratio(engines, folder):
    """Twice the factor is twice the gradient; the importance ratio starts at 1 all the same."""
    engines.noise = 0.3
    config = tiny_config(folder, "mc", rollouts="vllm", sampling_factor_cap=100.0)
    trainer = Trainer(config)
    episodes = trainer.play(0)
    trainer.algorithm.compute_advantages(episodes)
    trainer.engine.sleep()
    from colllm_bench.learners.engine_correction import correct_for_engine

    correct_for_engine(trainer.actor, episodes, 100.0)
    (once,) = trainer.actor.gradients([episodes])
    once = [tensor.clone() for tensor in once]
    for turn in turns_of(episodes):
        turn.sampling_factors = [2 * x for x in turn.sampling_factors]
    (twice,) = trainer.actor.gradients([episodes])
    assert any(tensor.abs().max() > 0 for tensor in once)
    for one, two in zip(once, twice, strict=True):
        torch.testing.assert_close(two, 2 * one, rtol=1e-4, atol=1e-9)
    metrics = trainer.actor.update(episodes, 0)
    assert metrics["kl"] < 1e-3 and "sampling_gap" not in metrics


def test_a_run_of_its_own_has_no_factors(folder):
    trainer = Trainer(tiny_config(folder, "mc"))
    episodes = trainer.play(0)
    metrics = trainer.learn(episodes, 0)
    assert not any(key.startswith("sampling") for key in metrics)
    assert all(turn.sampling_factors is None for turn in turns_of(episodes))
