"""Every token of an action is trained, the end token too; padding is not."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from helpers import batch_of
from tiny_runs import credited, trainer_for

from colllm_bench.baselines.algorithm import ActionBatch
from colllm_bench.types import Episode, Trajectory, Turn


def told(trainer, actions, advantage):
    """An episode in which every agent takes a turn for each of ``actions``."""
    prompts = trainer.team.prompts
    trajectories = []
    for a, name in enumerate(trainer.team.agents):
        trajectory = Trajectory(name, a, "")
        for t, action in enumerate(actions):
            ids = prompts.next_turn("now", ended=True) if t else prompts.first_turn("", "now")
            trajectory.turns.append(Turn("now", ids, list(action), advantage=advantage))
        trajectories.append(trajectory)
    episode = Episode(0, 0, trajectories)
    scores = trainer.team.evaluate_actions(batch_of(trainer.team, [episode])).logprobs.tolist()
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
        trainer.actor.update([episode], 0)
        trainer.algorithm.loss = plain
        tokens = sum(map(len, actions))
        expected = torch.full((3 * tokens,), -advantage / tokens)
        torch.testing.assert_close(slopes[0].grad, expected, rtol=1e-3, atol=1e-6)
        after = trainer.team.evaluate_actions(batch).logprobs.detach()
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
        scores = trainer.team.evaluate_actions(batch)
        loss, _ = trainer.algorithm.loss(ActionBatch(
            tokens=batch, old_logprobs=batch.logprobs, advantages=batch.advantages,
            weight=torch.ones(len(batch.turn)), logprobs=scores.logprobs,
        ))
        found.append(loss.item())
    assert found[1] == pytest.approx(found[0], rel=1e-5)
