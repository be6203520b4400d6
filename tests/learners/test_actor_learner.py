"""From credit to a step: micro-batches change nothing, owners share fairly, epochs are whole."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from helpers import batch_of, shake
from tiny_runs import (
    LEAVE,
    assert_same,
    credited,
    gradients,
    largest,
    trainer_for,
    turns_of,
)

from colllm_bench.learners.actor_learner import AdvantageNormalizer
from colllm_bench.learners.gradients import clip_gradients, per_owner_weights

# -- micro-batches


@pytest.mark.parametrize("micro_batch", [1, 3])
@pytest.mark.parametrize("ratio", ["token", "turn"])
def test_micro_batches_give_the_gradient_of_the_whole(model_folder, micro_batch, ratio):
    options = dict(
        kl_coef=0.2, entropy_coef=0.05, importance_ratio=ratio, max_grad_norm=1e9,
        env_options=LEAVE, epochs=1,
    )
    whole = trainer_for(model_folder, **options)
    episodes = credited(whole)
    parts = trainer_for(model_folder, **options, micro_batch=micro_batch)
    found = []
    for trainer in (whole, parts):
        shake(trainer.team, seed=8, scale=0.02)  # ratios off 1, some beyond the clip
        found.append(gradients(trainer.actor, lambda t=trainer: t.actor.update(episodes, 0)))
    (expected, metrics), (got, same_metrics) = found
    assert largest(expected) > 1e-3
    assert_same(got, expected, atol=1e-5, rtol=1e-4)
    assert same_metrics == pytest.approx(metrics, rel=1e-4, abs=1e-6)
    assert metrics["reference_kl"] > 0 and metrics["entropy"] > 0
    assert 0 < metrics["clip_fraction"] < 1 and metrics["kl"] > 1e-4


def test_the_actors_gradient_is_the_policy_gradient(model_folder):
    """Against autograd of the formula, from freshly sampled episodes (every ratio 1)."""
    trainer = trainer_for(
        model_folder, env_options=LEAVE, normalize_advantages=False, max_grad_norm=1e9, epochs=1
    )
    episodes = credited(trainer)
    found, metrics = gradients(trainer.actor, lambda: trainer.actor.update(episodes, 0))
    batch = batch_of(trainer.team, episodes)
    logprobs = trainer.team.evaluate_actions(batch).logprobs
    loss = torch.zeros(())
    for agent in range(3):
        own = batch.agent_of_token == agent
        loss = loss - (batch.advantages * logprobs)[own].mean()
    tensors = [t for own in trainer.actor.groups.values() for t in own]
    expected = torch.autograd.grad(loss, tensors)
    flat = [g for own in found.values() for g in own]
    for one, other in zip(flat, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert abs(metrics["kl"]) < 1e-6 and metrics["clip_fraction"] == 0


# -- who shares parameters


def test_weights_of_each_owner_sum_to_one():
    owner = torch.tensor([0, 0, 0, 2, 2, 0])
    totals = torch.bincount(owner, minlength=3)
    weight = per_owner_weights(owner, totals)
    assert weight.tolist() == [0.25, 0.25, 0.25, 0.5, 0.5, 0.25]
    assert per_owner_weights(owner[:0], totals).tolist() == []


def test_agents_that_share_parameters_get_the_same_gradient_scale(model_folder):
    """One policy for all learns from the mean over all tokens, not from a sum over agents."""
    options = dict(env_options=LEAVE, max_grad_norm=1e9, normalize_advantages=False, epochs=1)
    shared = trainer_for(model_folder, share="all", **options)
    alone = trainer_for(model_folder, share="none", **options)
    (common,) = shared.actor.groups.values()
    with torch.no_grad():
        for own in alone.actor.groups.values():
            for tensor, source in zip(own, common, strict=True):
                tensor.copy_(source)
    episodes = credited(shared)
    together, _ = gradients(shared.actor, lambda: shared.actor.update(episodes, 0))
    each, _ = gradients(alone.actor, lambda: alone.actor.update(episodes, 0))
    (found,) = together.values()
    tokens = [
        sum(len(turn.action_ids) for e in episodes for turn in e.trajectories[a].turns)
        for a in range(3)
    ]
    for k, got in enumerate(found):
        parts = [n / sum(tokens) * own[k] for n, own in zip(tokens, each.values(), strict=True)]
        torch.testing.assert_close(got, sum(parts), atol=1e-6, rtol=1e-4)


def test_agents_of_one_role_share_a_policy(model_folder):
    trainer = trainer_for(model_folder, share="role")
    assert trainer.team.slot_of_agent == [0, 1, 0]
    assert len(trainer.actor.groups) == 2


def test_every_owners_gradient_is_clipped_alone():
    small, large = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(2))
    small.grad, large.grad = torch.tensor([0.3, 0.4]), torch.tensor([30.0, 40.0])
    assert clip_gradients({"a": [small], "b": [large]}, 1.0) == pytest.approx(25.25)
    assert small.grad.tolist() == pytest.approx([0.3, 0.4])
    assert large.grad.tolist() == pytest.approx([0.6, 0.8], rel=1e-4)


# -- advantages


def test_advantages_get_mean_zero_and_spread_one():
    scale = AdvantageNormalizer(True)
    shift, divisor = scale([1.0, 2.0, 3.0, 6.0])
    assert (shift, divisor) == (3.0, pytest.approx(math.sqrt(3.5)))
    assert AdvantageNormalizer(False)([5.0, 7.0]) == (0.0, 1.0)
    assert AdvantageNormalizer(True)([]) == (0.0, 1.0)


def test_noise_is_not_made_as_loud_as_a_signal():
    """After batches that differ, one in which every episode ended alike."""
    scale = AdvantageNormalizer(True, memory=0.9)
    for _ in range(3):
        assert scale([-1.0, 1.0]) == (0.0, 1.0)
    _, divisor = scale([-1e-3, 1e-3])
    assert divisor == pytest.approx(0.9 + 0.1 * 1e-3)
    _, divisor = scale([-5.0, 5.0])
    assert divisor == 5.0, "a louder batch is divided by its own spread"


def test_the_loss_gets_normalized_advantages_and_keeps_the_turns_own(model_folder):
    for normalize in (True, False):
        trainer = trainer_for(model_folder, normalize_advantages=normalize, minibatches=2)
        episodes = credited(trainer)
        turns = turns_of(episodes)
        for turn in turns:
            turn.advantage = 3.0 * turn.advantage + 50.0
        own, given, plain = [turn.advantage for turn in turns], {}, trainer.algorithm.loss

        def loss(batch, given=given, plain=plain):
            for k, advantage in zip(
                batch.tokens.turn.tolist(), batch.advantages.tolist(), strict=True
            ):
                given[id(batch.tokens.turns[k])] = advantage
            return plain(batch)

        trainer.algorithm.loss = loss
        trainer.actor.update(episodes, 0)
        values = torch.tensor([given[id(turn)] for turn in turns])
        expected = torch.tensor(own)
        if normalize:  # over the whole batch, not over each minibatch
            expected = (expected - expected.mean()) / expected.std(unbiased=False)
        torch.testing.assert_close(values, expected, atol=1e-4, rtol=1e-4)
        assert [turn.advantage for turn in turns] == own


def test_the_running_spread_is_part_of_the_state(model_folder):
    one, other = trainer_for(model_folder), trainer_for(model_folder)
    one.actor.update(credited(one), 0)
    other.actor.load_state_dict(one.actor.state_dict())
    assert other.actor.normalizer.running == one.actor.normalizer.running > 0


def test_a_batch_without_any_difference_moves_nothing(model_folder):
    trainer = trainer_for(model_folder)
    episodes = credited(trainer)
    for turn in turns_of(episodes):
        turn.advantage = 0.0
    before = copy.deepcopy(trainer.team.state_dict())
    metrics = trainer.actor.update(episodes, 0)
    assert all(math.isfinite(value) for value in metrics.values())
    after = trainer.team.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)


# -- epochs and minibatches


def seen_by_the_loss(trainer, episodes, iteration):
    seen, plain = [], trainer.algorithm.loss

    def loss(batch):
        seen.append([id(turn) for turn in batch.tokens.turns])
        return plain(batch)

    trainer.algorithm.loss = loss
    metrics = trainer.actor.update(episodes, iteration)
    trainer.algorithm.loss = plain
    return seen, metrics


def test_an_epoch_sees_every_turn_once(model_folder):
    trainer = trainer_for(model_folder, batch=6, minibatches=4, epochs=3)
    episodes = credited(trainer)
    everything = sorted(map(id, turns_of(episodes)))
    seen, metrics = seen_by_the_loss(trainer, episodes, 0)
    assert metrics["actor_steps"] == len(seen) == 12
    epochs = [seen[k : k + 4] for k in (0, 4, 8)]
    for epoch in epochs:
        assert sorted(turn for part in epoch for turn in part) == everything
    assert epochs[0] != epochs[1]
    again, _ = seen_by_the_loss(trainer, episodes, 0)
    other, _ = seen_by_the_loss(trainer, episodes, 1)
    assert again == seen != other


def test_one_minibatch_is_the_whole_batch(model_folder):
    trainer = trainer_for(model_folder, epochs=2)
    episodes = credited(trainer)
    seen, metrics = seen_by_the_loss(trainer, episodes, 0)
    assert metrics["actor_steps"] == 2 and seen[0] == seen[1]
    assert sorted(seen[0]) == sorted(map(id, turns_of(episodes)))


def test_epochs_stop_when_the_policy_has_moved_far_enough(model_folder):
    for target, steps in ((1e-6, 2), (1e6, 5)):
        trainer = trainer_for(model_folder, lr=1e-2, epochs=5, target_kl=target)
        metrics = trainer.actor.update(credited(trainer), 0)
        assert metrics["actor_steps"] == steps


# -- the learning rate


def test_a_linear_rate_falls_to_zero_over_the_run(model_folder):
    trainer = trainer_for(
        model_folder, env_options=LEAVE, lr=0.01, lr_schedule="linear", episodes=16, batch=4
    )
    episodes = credited(trainer)
    rates = []
    for iteration in range(6):  # two beyond the end
        trainer.actor.update(episodes, iteration)
        rates.append(trainer.actor.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01, 0.0075, 0.005, 0.0025, 0.0025, 0.0025])


def test_a_resumed_run_has_the_rate_of_its_iteration(model_folder):
    """The optimizer's state keeps the rate it was saved with; the schedule goes by iteration."""
    first, second = (
        trainer_for(model_folder, env_options=LEAVE, lr=0.01, lr_schedule="linear", episodes=16,
                    batch=4) for _ in range(2)
    )
    episodes = credited(first)
    first.actor.update(episodes, 0)
    second.actor.optimizer.load_state_dict(first.actor.optimizer.state_dict())
    second.actor.update(episodes, 3)
    assert second.actor.optimizer.param_groups[0]["lr"] == pytest.approx(0.0025)
