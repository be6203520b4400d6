"""The gradient's signal-to-noise ratio: by hand, unbiased, of the true gradient, and harmless."""

from __future__ import annotations

import math
from statistics import pvariance

import pytest
import torch
from tiny_envs import tiny_config
from tiny_runs import LEAVE, credited, gradients, trainer_for, turns_of
from trainer_steps import actors, critics, moved, same, step

from colllm_bench.learners import gradient_snr
from colllm_bench.training.trainer import Trainer
from colllm_bench.types import Episode


def test_by_hand():
    """Two parts, 1 and 3: mean 2, squared 4; deviations 1 and 1, so the noise is 2 / (2 * 1)."""
    parts = [[torch.tensor([1.0])], [torch.tensor([3.0])]]
    found = gradient_snr.signal_and_noise(parts)
    assert found == {"gradient_signal": 3.0, "gradient_noise": 1.0, "gradient_snr": 3.0}
    # Over several tensors the squares add up: (2, -1) is |mean|^2 = 5, deviations 1 and 4 twice.
    parts = [[torch.tensor([1.0]), torch.tensor([[-3.0]])],
             [torch.tensor([3.0]), torch.tensor([[1.0]])]]
    found = gradient_snr.signal_and_noise(parts)
    assert found["gradient_noise"] == 5.0 and found["gradient_signal"] == 0.0


def test_equal_parts_have_no_noise():
    found = gradient_snr.signal_and_noise([[torch.tensor([0.1, 0.7])]] * 3)
    assert found["gradient_noise"] == pytest.approx(0.0, abs=1e-16)
    none = gradient_snr.signal_and_noise([[torch.zeros(2)]] * 2)
    assert none["gradient_signal"] == 0.0 and math.isnan(none["gradient_snr"])
    with pytest.raises(ValueError, match="1 part"):
        gradient_snr.signal_and_noise([[torch.zeros(2)]])


def test_both_are_unbiased(generator):
    """Means over 4,000 batches of 4 parts against what they estimate: |mu|^2 and d s^2 / 4."""
    mu, sigma = torch.tensor([0.3, -0.4, 0.0]), 0.8
    rows = [
        gradient_snr.signal_and_noise(
            [[x] for x in mu + sigma * torch.randn(4, 3, generator=generator)]
        )
        for _ in range(4000)
    ]
    for key, expected in (("gradient_signal", 0.25), ("gradient_noise", 3 * sigma**2 / 4)):
        values = torch.tensor([row[key] for row in rows])
        error = 4 * float(values.std()) / math.sqrt(len(rows))
        assert abs(float(values.mean()) - expected) < error


def test_groups_stay_whole():
    episodes = [Episode(k, k // 4, []) for k in range(40)]  # ten groups of four
    parts = gradient_snr.parts_of(episodes)
    assert len(parts) == 8 and sorted(map(len, parts)) == [4] * 6 + [8] * 2
    owners = [{e.group for e in part} for part in parts]
    assert sum(map(len, owners)) == 10 == len(set().union(*owners))
    assert sorted(id(e) for part in parts for e in part) == sorted(map(id, episodes))
    assert len(gradient_snr.parts_of(episodes[:8])) == 2
    assert len(gradient_snr.parts_of(episodes[:4])) == 1


@pytest.mark.parametrize("algo", ["mc", "cc"])
def test_the_parts_mean_is_the_batchs_gradient(model_folder, algo, monkeypatch):
    """|mean|^2 = signal + noise must be the squared norm of the gradient of one whole step."""
    trainer = trainer_for(
        model_folder, algo, batch=6, env_options=LEAVE, max_grad_norm=1e9, gradient_snr_every=1,
        micro_batch=2,
    )
    episodes = credited(trainer)
    measured = gradient_snr.measure(trainer.actor, episodes)
    found, metrics = gradients(trainer.actor, lambda: trainer.actor.update(episodes, 0))
    whole = sum(float((g.double() ** 2).sum()) for own in found.values() for g in own)
    total = measured["gradient_signal"] + measured["gradient_noise"]
    assert total == pytest.approx(whole, rel=1e-4) and measured["gradient_noise"] > 0
    assert metrics["advantage_variance"] == pytest.approx(
        pvariance([turn.advantage for turn in turns_of(episodes)])
    )


@pytest.mark.parametrize("algo", ["mc", "cc", "dc", "central"])
def test_measuring_changes_nothing_that_is_learned(model_folder, algo):
    folder = model_folder("Llama", max_position_embeddings=1024)
    runs = []
    for every in (0, 2):
        options = dict(gradient_snr_every=every, minibatches=2, epochs=2)
        trainer = Trainer(tiny_config(folder, algo, **options))
        runs.append(([step(trainer, k) for k in range(3)], actors(trainer) | critics(trainer)))
    (without, parameters), (rows, same_parameters) = runs
    assert not moved(parameters, same_parameters)
    measured = [row.keys() - plain.keys() for row, plain in zip(rows, without)]
    keys = {"gradient_signal", "gradient_noise", "gradient_snr"}
    assert measured == [keys, set(), keys]
    kept = [{key: row[key] for key in plain} for row, plain in zip(rows, without)]
    assert all(same(row, plain) for row, plain in zip(kept, without))


def test_a_single_group_measures_nothing(model_folder):
    trainer = trainer_for(model_folder, "mc", batch=4, group=4, gradient_snr_every=1)
    assert gradient_snr.measure(trainer.actor, credited(trainer)) == {}
