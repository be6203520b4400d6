"""A step whose rows share their beginnings is the step of whole rows, however it is cut."""

from __future__ import annotations

import pytest
import torch
from helpers import config_for, shake
from tiny_runs import LEAVE, assert_same, credited, gradients, largest, trainer_for

from colllm_bench.learners.micro_batching import CPU_BYTES, MicroBatchSizer
from colllm_bench.models.loading import load_base

RULES = ": hold the fort and send three guards to the north gate before the west gate falls" * 3


def trainer_of(model_folder, sharing, algo="mc", **options):
    rules = {"env_options": LEAVE | {"rules": RULES}}
    trainer = trainer_for(model_folder, algo, **rules, **options)
    trainer.team.shares_prefixes = sharing and trainer.team.supports_kv_cache
    if trainer.critic is not None:
        trainer.critic.critic.shares_prefixes = trainer.team.shares_prefixes
    return trainer


@pytest.mark.parametrize("micro_batch", [None, 1, 3])
def test_a_step_is_the_same(model_folder, micro_batch):
    options = dict(kl_coef=0.2, entropy_coef=0.05, max_grad_norm=1e9, epochs=1)
    found = []
    for sharing in (False, True):
        trainer = trainer_of(model_folder, sharing, micro_batch=micro_batch, **options)
        episodes = credited(trainer)
        shake(trainer.team, seed=8, scale=0.02)
        (batch, *_) = trainer.actor._collate(episodes)
        assert (batch.prefixes is not None) is sharing
        found.append(gradients(trainer.actor, lambda t=trainer, e=episodes: t.actor.update(e, 0)))
    (expected, metrics), (got, same_metrics) = found
    assert largest(expected) > 1e-3
    assert_same(got, expected, atol=1e-5, rtol=1e-3)
    assert same_metrics == pytest.approx(metrics, rel=1e-3, abs=1e-5)
    assert metrics["reference_kl"] > 0


def test_log_ratios_are_the_same(model_folder):
    ratios = []
    for sharing in (False, True):
        trainer = trainer_of(model_folder, sharing)
        episodes = credited(trainer)
        shake(trainer.team, seed=8, scale=0.02)
        trainer.actor.write_log_ratios(episodes)
        turns = [turn for e in episodes for x in e.trajectories for turn in x.turns]
        ratios.append([turn.log_ratio for turn in turns])
    assert max(map(abs, ratios[0])) > 1e-3
    assert ratios[1] == pytest.approx(ratios[0], abs=1e-4)


@pytest.mark.parametrize("algo", ["cc", "dc"])
def test_a_resumed_run_has_the_same_bytes(model_folder, algo):
    def advance(trainer, iterations):
        for iteration in iterations:
            trainer.learn(trainer.play(iteration), iteration)
        return trainer

    whole = advance(trainer_of(model_folder, True, algo), range(2)).state_dict()
    first = advance(trainer_of(model_folder, True, algo), range(1)).state_dict()
    second = trainer_of(model_folder, True, algo)
    second.load_state_dict(first)
    again = advance(second, [1]).state_dict()
    for key in ("team", "critic"):
        assert str(again[key]) == str(whole[key])
    for name, tensor in whole["team"].items():
        assert torch.equal(tensor, again["team"][name])


def test_on_a_cpu_activations_are_bounded(model_folder):
    model = load_base(model_folder("Qwen3"), device="cpu").model
    config, cpu = config_for("unused"), torch.device("cpu")
    small = MicroBatchSizer.for_model(model, config, cpu)
    model.config.num_hidden_layers *= 10_000
    large = MicroBatchSizer.for_model(model, config, cpu)
    assert small.tokens == 4096
    assert large.tokens == CPU_BYTES // large.bytes_per_token < 4096
    assert MicroBatchSizer.for_model(model, config, cpu, learns=False).tokens == 4096
