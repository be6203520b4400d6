"""From credit to a step: micro-batches change nothing, and every token gets what it is due."""

from __future__ import annotations

import copy
import dataclasses
import math

import pytest
import torch
from helpers import batch_of, shake
from tiny_envs import tiny_config

from colllm_bench.baselines.base import ActionBatch
from colllm_bench.errors import ConfigError
from colllm_bench.learner import AdvantageScale, clip_gradients, unit_weights
from colllm_bench.train import Trainer
from colllm_bench.types import Episode, Transcript, Turn

LEAVE = {"turns": 2, "vary": 2, "leave": {1: 1}}


def trainer_for(model_folder, algo="mc", **changes) -> Trainer:
    folder = model_folder("Llama", max_position_embeddings=1024)
    trainer = Trainer(tiny_config(folder, algo, **changes))
    shake(trainer.team)  # with B = 0 no gradient would reach A
    return trainer


@torch.no_grad()
def shake_critic(trainer, seed=5):
    generator = torch.Generator().manual_seed(seed)
    for tensors in trainer.critic.groups.values():
        for tensor in tensors:
            tensor.add_(torch.randn(tensor.shape, generator=generator) * 0.1)


def credited(trainer, seed=3):
    """Episodes of the trainer's team with made-up advantages and returns."""
    episodes = trainer.play(0)
    generator = torch.Generator().manual_seed(seed)
    for turn in turns_of(episodes):
        turn.advantage, turn.return_ = torch.randn(2, generator=generator).tolist()
    return episodes


def turns_of(episodes):
    return [turn for e in episodes for x in e.transcripts for turn in x.turns]


def gradients(learner, improve):
    """({owner: gradients}, metrics) of one step that is computed, but not taken."""
    learner.optimizer.step = lambda: None
    metrics = improve()
    return {
        name: [torch.zeros_like(t) if t.grad is None else t.grad.clone() for t in tensors]
        for name, tensors in learner.groups.items()
    }, metrics


def assert_same(found, expected, **tolerance):
    assert found.keys() == expected.keys()
    for name in expected:
        for one, other in zip(found[name], expected[name], strict=True):
            torch.testing.assert_close(one, other, **tolerance)


def largest(grads):
    return max(float(g.abs().max()) for own in grads.values() for g in own)


# -- micro-batches


@pytest.mark.parametrize("micro_batch", [1, 3])
@pytest.mark.parametrize("ratio", ["token", "turn"])
def test_micro_batches_give_the_gradient_of_the_whole(model_folder, micro_batch, ratio):
    options = dict(
        kl=0.2, entropy=0.05, ratio=ratio, max_grad_norm=1e9, env_options=LEAVE, epochs=1
    )
    whole = trainer_for(model_folder, **options)
    episodes = credited(whole)
    parts = trainer_for(model_folder, **options, micro_batch=micro_batch)
    found = []
    for trainer in (whole, parts):
        shake(trainer.team, seed=8, scale=0.02)  # ratios off 1, some beyond the clip
        found.append(gradients(trainer.actor, lambda t=trainer: t.actor.improve(episodes, 0)))
    (expected, metrics), (got, same_metrics) = found
    assert largest(expected) > 1e-3
    assert_same(got, expected, atol=1e-5, rtol=1e-4)
    assert same_metrics == pytest.approx(metrics, rel=1e-4, abs=1e-6)
    assert metrics["reference_kl"] > 0 and metrics["entropy"] > 0
    assert 0 < metrics["clip_fraction"] < 1 and metrics["kl"] > 1e-4


@pytest.mark.parametrize("algo", ["cc", "dc"])
@pytest.mark.parametrize("micro_batch", [1, 3])
def test_micro_batches_give_the_critics_gradient(model_folder, algo, micro_batch):
    options = dict(max_grad_norm=1e9, env_options={**LEAVE, "cut": True}, critic_epochs=1)
    whole = trainer_for(model_folder, algo, **options)
    parts = trainer_for(model_folder, algo, **options, micro_batch=micro_batch)
    played, found = whole.play(0), []
    for trainer in (whole, parts):
        shake_critic(trainer)
        episodes = copy.deepcopy(played)
        trainer.algorithm.credit(episodes)
        values = [turn.value for turn in turns_of(episodes)]
        grads, metrics = gradients(trainer.critic, lambda t=trainer, e=episodes: t.critic.fit(e))
        found.append((grads, metrics, values))
    (expected, metrics, values), (got, same_metrics, same_values) = found
    assert same_values == pytest.approx(values, abs=1e-5) and len(set(values)) > 3
    assert largest(expected) > 1e-3
    assert_same(got, expected, atol=1e-5, rtol=1e-4)
    assert same_metrics == pytest.approx(metrics, rel=1e-4, abs=1e-5)


def test_the_actors_gradient_is_the_policy_gradient(model_folder):
    """Against autograd of the formula, from freshly sampled episodes (every ratio 1)."""
    trainer = trainer_for(
        model_folder, env_options=LEAVE, normalize_advantages=False, max_grad_norm=1e9, epochs=1
    )
    episodes = credited(trainer)
    found, metrics = gradients(trainer.actor, lambda: trainer.actor.improve(episodes, 0))
    batch = batch_of(trainer.team, episodes)
    logprobs = trainer.team.action_scores(batch).logprobs
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


def test_the_critics_gradient_is_the_squared_errors(model_folder):
    trainer = trainer_for(model_folder, "dc", max_grad_norm=1e9, critic_epochs=1)
    shake_critic(trainer)
    episodes = trainer.play(0)
    trainer.algorithm.credit(episodes)
    found, metrics = gradients(trainer.critic, lambda: trainer.critic.fit(episodes))
    for a, own in found.items():
        turns = [turn for e in episodes for turn in e.transcripts[a].turns]
        # d/d bias of mean (V - return)^2; the bias is a critic's last tensor
        slope = 2 * sum(turn.value - turn.return_ for turn in turns) / len(turns)
        assert own[-1].item() == pytest.approx(slope, rel=1e-3, abs=1e-5)
    everything = turns_of(episodes)
    mean = sum((turn.value - turn.return_) ** 2 for turn in everything) / len(everything)
    assert metrics["value_loss"] == pytest.approx(mean, rel=1e-4)


# -- who shares parameters


def test_weights_of_each_owner_sum_to_one():
    owner = torch.tensor([0, 0, 0, 2, 2, 0])
    totals = torch.bincount(owner, minlength=3)
    weight = unit_weights(owner, totals)
    assert weight.tolist() == [0.25, 0.25, 0.25, 0.5, 0.5, 0.25]
    assert unit_weights(owner[:0], totals).tolist() == []


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
    together, _ = gradients(shared.actor, lambda: shared.actor.improve(episodes, 0))
    each, _ = gradients(alone.actor, lambda: alone.actor.improve(episodes, 0))
    (found,) = together.values()
    tokens = [
        sum(len(turn.action_ids) for e in episodes for turn in e.transcripts[a].turns)
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
    scale = AdvantageScale(True)
    shift, divisor = scale([1.0, 2.0, 3.0, 6.0])
    assert (shift, divisor) == (3.0, pytest.approx(math.sqrt(3.5)))
    assert AdvantageScale(False)([5.0, 7.0]) == (0.0, 1.0)
    assert AdvantageScale(True)([]) == (0.0, 1.0)


def test_noise_is_not_made_as_loud_as_a_signal():
    """After batches that differ, one in which every episode ended alike."""
    scale = AdvantageScale(True, memory=0.9)
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
        trainer.actor.improve(episodes, 0)
        values = torch.tensor([given[id(turn)] for turn in turns])
        expected = torch.tensor(own)
        if normalize:  # over the whole batch, not over each minibatch
            expected = (expected - expected.mean()) / expected.std(unbiased=False)
        torch.testing.assert_close(values, expected, atol=1e-4, rtol=1e-4)
        assert [turn.advantage for turn in turns] == own


def test_the_running_spread_is_part_of_the_state(model_folder):
    one, other = trainer_for(model_folder), trainer_for(model_folder)
    one.actor.improve(credited(one), 0)
    other.actor.load_state_dict(one.actor.state_dict())
    assert other.actor.scale.running == one.actor.scale.running > 0


def test_a_batch_without_any_difference_moves_nothing(model_folder):
    trainer = trainer_for(model_folder)
    episodes = credited(trainer)
    for turn in turns_of(episodes):
        turn.advantage = 0.0
    before = copy.deepcopy(trainer.team.state_dict())
    metrics = trainer.actor.improve(episodes, 0)
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
    metrics = trainer.actor.improve(episodes, iteration)
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
        metrics = trainer.actor.improve(credited(trainer), 0)
        assert metrics["actor_steps"] == steps


# -- tokens


def told(trainer, actions, advantage):
    """An episode of the first agent alone, a turn for each of ``actions``."""
    prompts = trainer.team.prompts
    transcripts = []
    for a, name in enumerate(trainer.team.agents):
        transcript = Transcript(name, a, "")
        for t, action in enumerate(actions):
            ids = prompts.next("now", ended=True) if t else prompts.first("", "now")
            transcript.turns.append(Turn("now", ids, list(action), advantage=advantage))
        transcripts.append(transcript)
    episode = Episode(0, 0, transcripts)
    scores = trainer.team.action_scores(batch_of(trainer.team, [episode])).logprobs.tolist()
    for turn in batch_of(trainer.team, [episode]).turns:
        turn.logprobs = [scores.pop(0) for _ in turn.action_ids]
    return episode


@pytest.mark.parametrize("advantage", [1.0, -1.0])
def test_every_token_is_trained_the_end_token_too(model_folder, advantage):
    """The peer puts no loss on the last token: one-token actions never learn."""
    trainer = trainer_for(model_folder, normalize_advantages=False, lr=3e-3, epochs=1)
    end = next(iter(trainer.team.prompts.end_ids))
    for actions in ([[60]], [[end]], [[60, end]], [[60], [61, 62, end]]):
        episode = told(trainer, actions, advantage)
        batch = batch_of(trainer.team, [episode])
        slopes, plain = [], trainer.algorithm.loss

        def loss(given, plain=plain, slopes=slopes):
            given.logprobs.retain_grad()
            slopes.append(given.logprobs)
            return plain(given)

        trainer.algorithm.loss = loss
        trainer.actor.improve([episode], 0)
        trainer.algorithm.loss = plain
        tokens = sum(map(len, actions))
        expected = torch.full((3 * tokens,), -advantage / tokens)
        torch.testing.assert_close(slopes[0].grad, expected, rtol=1e-3, atol=1e-6)
        after = trainer.team.action_scores(batch).logprobs.detach()
        moved = (after - batch.logprobs).reshape(3, tokens).sum(1) * advantage
        assert (moved > 0).all(), "good actions must become likelier, bad ones rarer"


def test_padding_is_not_in_the_loss(model_folder):
    """60 pads more change neither the scores nor the loss (in the peer: 23.0 -> 482.5)."""
    trainer = trainer_for(model_folder)
    tokens = batch_of(trainer.team, credited(trainer))
    pad = trainer.team.prompts.pad_id
    wide = dataclasses.replace(tokens, **{
        name: torch.nn.functional.pad(getattr(tokens, name), (0, 60), value=value)
        for name, value in (("ids", pad), ("mask", False), ("action_mask", False))
    })
    found = []
    for batch in (tokens, wide):
        scores = trainer.team.action_scores(batch)
        loss, _ = trainer.algorithm.loss(ActionBatch(
            tokens=batch, old_logprobs=batch.logprobs, advantages=batch.advantages,
            weight=torch.ones(len(batch.turn)), logprobs=scores.logprobs,
        ))
        found.append(loss.item())
    assert found[1] == pytest.approx(found[0], rel=1e-5)


# -- critics


def values_of(trainer, episodes):
    trainer.critic.write_values(episodes)
    return [[[turn.value for turn in x.turns] for x in e.transcripts] for e in episodes]


@pytest.mark.parametrize("algo", ["cc", "dc"])
def test_what_moves_a_value(model_folder, algo):
    """A private observation moves its own agent's values (dc) or everybody's (cc), from its turn
    on; an action moves values only after its turn."""
    trainer = trainer_for(model_folder, algo, env_options={"turns": 3}, batch=1)
    shake_critic(trainer)
    episodes = trainer.play(0)
    before = values_of(trainer, episodes)[0]
    private = episodes[0].transcripts[1].turns[1]
    for ids, first in ((private.prompt_ids, 1), (private.action_ids, 2)):
        ids[0] ^= 1
        after = values_of(trainer, episodes)[0]
        ids[0] ^= 1
        for a in range(3):
            for t in range(3):
                change = abs(after[a][t] - before[a][t])
                if t >= first and (algo == "cc" or a == 1):
                    assert change > 1e-5, f"agent {a} turn {t} does not see it"
                else:
                    assert change < 1e-6, f"agent {a} turn {t} sees it"


@pytest.mark.parametrize("algo", ["cc", "dc"])
def test_only_cut_transcripts_get_a_bootstrap_value(model_folder, algo):
    trainer = trainer_for(model_folder, algo, env_options={"turns": 2, "cut": True}, batch=2)
    shake_critic(trainer)
    episodes = trainer.play(0)
    for transcript in episodes[0].transcripts:
        transcript.final_prompt_ids = None
    trainer.critic.write_values(episodes)
    assert [x.final_value for x in episodes[0].transcripts] == [None] * 3
    finals = [x.final_value for x in episodes[1].transcripts]
    assert len(set(finals)) == (1 if algo == "cc" else 3) and None not in finals


def test_a_critic_learns_what_it_is_told(model_folder):
    trainer = trainer_for(model_folder, "cc", critic_lr=1e-2, critic_epochs=5)
    episodes = trainer.play(0)
    fits = []
    for _ in range(6):
        trainer.critic.write_values(episodes)
        for e in episodes:
            for x in e.transcripts:
                for t, turn in enumerate(x.turns):
                    turn.return_ = float(t)
        fits.append(trainer.critic.fit(episodes))
    assert fits[0]["explained_variance"] == pytest.approx(0.0, abs=1e-6)  # all values are 0
    assert fits[-1]["explained_variance"] > 0.9
    assert fits[-1]["value_loss"] < 0.1 * fits[0]["value_loss"]


@pytest.mark.parametrize(("minibatches", "parts"), [(1, 1), (3, 3), (99, 4)])
def test_a_critics_pass_reads_every_episode_once(model_folder, minibatches, parts):
    trainer = trainer_for(model_folder, "cc", critic_minibatches=minibatches, critic_epochs=2)
    episodes = trainer.play(0)
    trainer.algorithm.credit(episodes)
    read, steps = [], []
    plain, step = trainer.critic.critic.values, trainer.critic.optimizer.step

    def values(batch):
        read.extend(row[mask].tolist() for row, mask in zip(batch.ids, batch.mask, strict=True))
        return plain(batch)

    trainer.critic.critic.values = values
    trainer.critic.optimizer.step = lambda: steps.append(step())
    trainer.critic.fit(episodes)
    histories = [history.ids for history in trainer.critic.view.histories(episodes)]
    assert len(steps) == 2 * parts and sorted(read) == sorted(histories * 2)


def test_a_history_longer_than_the_critics_context_is_refused(model_folder):
    trainer = Trainer(tiny_config(model_folder("Llama"), "cc", env_options={"turns": 4}))
    episodes = trainer.play(0)
    with pytest.raises(ConfigError, match="tokens at once, and its model's context is 256"):
        trainer.critic.write_values(episodes)
