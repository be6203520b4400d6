"""A critic behind a view: what moves its values, and its gradients."""

from __future__ import annotations

import copy

import pytest
from tiny_runs import (
    LEAVE,
    assert_same,
    gradients,
    largest,
    shake_critic,
    trainer_for,
    turns_of,
)


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
        trainer.critic.write_values(episodes)
        trainer.algorithm.compute_advantages(episodes)
        values = [turn.value for turn in turns_of(episodes)]
        grads, metrics = gradients(trainer.critic, lambda t=trainer, e=episodes: t.critic.update(e))
        found.append((grads, metrics, values))
    (expected, metrics, values), (got, same_metrics, same_values) = found
    assert same_values == pytest.approx(values, abs=1e-5) and len(set(values)) > 3
    assert largest(expected) > 1e-3
    assert_same(got, expected, atol=1e-5, rtol=1e-4)
    assert same_metrics == pytest.approx(metrics, rel=1e-4, abs=1e-5)


def test_the_critics_gradient_is_the_squared_errors(model_folder):
    trainer = trainer_for(model_folder, "dc", max_grad_norm=1e9, critic_epochs=1)
    shake_critic(trainer)
    episodes = trainer.play(0)
    trainer.critic.write_values(episodes)
    trainer.algorithm.compute_advantages(episodes)
    found, metrics = gradients(trainer.critic, lambda: trainer.critic.update(episodes))
    for a, own in found.items():
        turns = [turn for e in episodes for turn in e.trajectories[a].turns]
        # d/d bias of mean (V - return)^2; the bias is a critic's last tensor
        slope = 2 * sum(turn.value - turn.return_ for turn in turns) / len(turns)
        assert own[-1].item() == pytest.approx(slope, rel=1e-3, abs=1e-5)
    everything = turns_of(episodes)
    mean = sum((turn.value - turn.return_) ** 2 for turn in everything) / len(everything)
    assert metrics["value_loss"] == pytest.approx(mean, rel=1e-4)


def values_of(trainer, episodes):
    trainer.critic.write_values(episodes)
    return [[[turn.value for turn in x.turns] for x in e.trajectories] for e in episodes]


@pytest.mark.parametrize("algo", ["cc", "dc"])
def test_what_moves_a_value(model_folder, algo):
    """A private observation moves its own agent's values (dc) or everybody's (cc), from its turn
    on; an action moves values only after its turn."""
    trainer = trainer_for(model_folder, algo, env_options={"turns": 3}, batch=1)
    shake_critic(trainer)
    episodes = trainer.play(0)
    before = values_of(trainer, episodes)[0]
    private = episodes[0].trajectories[1].turns[1]
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
    for trajectory in episodes[0].trajectories:
        trajectory.final_prompt_ids = None
    trainer.critic.write_values(episodes)
    assert [x.final_value for x in episodes[0].trajectories] == [None] * 3
    finals = [x.final_value for x in episodes[1].trajectories]
    assert len(set(finals)) == (1 if algo == "cc" else 3) and None not in finals


def test_a_critic_learns_what_it_is_told(model_folder):
    trainer = trainer_for(model_folder, "cc", critic_lr=1e-2, critic_epochs=5)
    episodes = trainer.play(0)
    fits = []
    for _ in range(6):
        trainer.critic.write_values(episodes)
        for e in episodes:
            for x in e.trajectories:
                for t, turn in enumerate(x.turns):
                    turn.return_ = float(t)
        fits.append(trainer.critic.update(episodes))
    assert fits[0]["explained_variance"] == pytest.approx(0.0, abs=1e-6)  # all values are 0
    assert fits[-1]["explained_variance"] > 0.9
    assert fits[-1]["value_loss"] < 0.1 * fits[0]["value_loss"]


@pytest.mark.parametrize(("minibatches", "parts"), [(1, 1), (3, 3), (99, 4)])
def test_a_critics_pass_reads_every_episode_once(model_folder, minibatches, parts):
    trainer = trainer_for(model_folder, "cc", critic_minibatches=minibatches, critic_epochs=2)
    episodes = trainer.play(0)
    trainer.critic.write_values(episodes)
    trainer.algorithm.compute_advantages(episodes)
    read, steps = [], []
    plain, step = trainer.critic.critic.values, trainer.critic.optimizer.step

    def values(batch):
        read.extend(row[mask].tolist() for row, mask in zip(batch.ids, batch.mask, strict=True))
        return plain(batch)

    trainer.critic.critic.values = values
    trainer.critic.optimizer.step = lambda: steps.append(step())
    trainer.critic.update(episodes)
    rows = [row.ids for row in trainer.critic.critic_input.sequences(episodes)]
    assert len(steps) == 2 * parts and sorted(read) == sorted(rows * 2)
