"""A critic behind what it reads: what moves its values, its gradients, its averages, its state."""

from __future__ import annotations

import copy

import pytest
import torch
from tiny_runs import (
    LEAVE,
    assert_same,
    gradients,
    largest,
    shake_critic,
    trainer_for,
    turns_of,
)

from colllm_bench.baselines.sequential import order_of

ALGORITHMS = ["cc", "dc", "seq", "hier"]
CRITICS = {
    "frozen": dict(critic_backbone="frozen", critic_embeddings=True),
    "frozen last linear": dict(
        critic_backbone="frozen", critic_readout="last", critic_width=0, critic_embeddings=False
    ),
    "frozen no history": dict(critic_backbone="frozen", critic_history=False),
    "frozen counts": dict(critic_backbone="frozen", critic_counts=32),
    "adapters": dict(critic_backbone="adapters", critic_width=16),
    "adapters counts": dict(critic_backbone="adapters", critic_width=16, critic_counts=32),
    "full": dict(critic_backbone="full", critic_readout="last", critic_embeddings=False),
}
every_algorithm = pytest.mark.parametrize("algo", ALGORITHMS)


def judged(trainer, episodes):
    trainer.critic.write_values(episodes)
    trainer.algorithm.compute_advantages(episodes)
    return episodes


def everything(episodes):
    """All values and bootstrap values, flat."""
    flat = [v for turn in turns_of(episodes) for v in (turn.value, *(turn.values or ()))]
    finals = [x.final_value for e in episodes for x in e.trajectories]
    return flat + [v for v in finals if v is not None]


@every_algorithm
@pytest.mark.parametrize(("kind", "micro_batch"), [
    ("adapters", 1), ("full", 3), ("frozen", 3), ("frozen counts", 3),
    ("adapters counts", 1),
])
def test_micro_batches_give_the_critics_gradient(model_folder, algo, kind, micro_batch):
    options = dict(max_grad_norm=1e9, env_options={**LEAVE, "cut": True}, critic_epochs=1,
                   **CRITICS[kind])
    whole = trainer_for(model_folder, algo, **options)
    parts = trainer_for(model_folder, algo, **options, micro_batch=micro_batch)
    played, found = whole.play(0), []
    for trainer in (whole, parts):
        shake_critic(trainer)
        episodes = judged(trainer, copy.deepcopy(played))
        grads, metrics = gradients(trainer.critic, lambda t=trainer, e=episodes: t.critic.update(e))
        found.append((grads, metrics, everything(episodes)))
    (expected, metrics, values), (got, same_metrics, same_values) = found
    assert same_values == pytest.approx(values, abs=1e-4) and len(set(values)) > 3
    assert largest(expected) > 1e-3
    assert_same(got, expected, atol=1e-4, rtol=1e-3)
    assert same_metrics == pytest.approx(metrics, rel=1e-3, abs=1e-4, nan_ok=True)


@every_algorithm
def test_the_critics_gradient_is_the_squared_errors(model_folder, algo):
    """In units of the targets' deviation: d/d bias of the mean of (V - return)^2 / deviation^2."""
    trainer = trainer_for(model_folder, algo, max_grad_norm=1e9, critic_epochs=1)
    shake_critic(trainer)
    episodes = judged(trainer, trainer.play(0))
    gradients(trainer.critic, lambda: trainer.critic.update(episodes))  # takes the targets' units
    trainer.critic.write_values(episodes)
    found, metrics = gradients(trainer.critic, lambda: trainer.critic.update(episodes))
    for a, own in found.items():
        errors = []
        for e in episodes:
            for x in e.trajectories:
                if algo == "dc" and x.index != a:
                    continue
                for turn in x.turns:
                    first = algo == "dc" or x.index == 0  # one value for the team
                    values = ([turn.value] if first else []) + (turn.values or [])
                    errors += [value - turn.return_ for value in values]
        slope = 2 * sum(errors) / len(errors) / trainer.critic.critic.heads[a].target_std.item()
        assert own[-1].item() == pytest.approx(slope, rel=1e-3, abs=1e-4)
    team = [turn for e in episodes for x in e.trajectories for turn in x.turns
            if algo == "dc" or x.index == 0]
    mean = sum((turn.value - turn.return_) ** 2 for turn in team) / len(team)
    assert metrics["value_loss"] == pytest.approx(mean, rel=1e-4)


@pytest.mark.parametrize("kind", CRITICS)
@every_algorithm
def test_what_moves_a_value(model_folder, algo, kind):
    """A private observation moves its own agent's values (dc) or everybody's, from its turn on;
    an action moves values after its turn only, but for those that state that they read it."""
    trainer = trainer_for(
        model_folder, algo, env_options={"turns": 3}, batch=1, **CRITICS[kind]
    )
    shake_critic(trainer)
    (played,) = trainer.play(0)

    def values(change=lambda ids: None, agent=0, turn=0, field="prompt_ids"):
        episode = copy.deepcopy(played)  # a critic reads an episode once
        change(getattr(episode.trajectories[agent].turns[turn], field))
        trainer.critic.write_values([episode])
        return {
            (x.index, t, k): value for x in episode.trajectories for t, own in enumerate(x.turns)
            for k, value in enumerate([own.value, *(own.values or ())])
        }

    def other(ids):
        ids[0] ^= 1

    before = values()
    orders = [order_of(played, t, [0, 1, 2]) for t in range(3)]
    assert len(before) == 9 + {"cc": 0, "dc": 0, "seq": 6, "hier": 9}[algo]
    for agent in range(3):
        for field in ("prompt_ids", "action_ids"):
            after = values(other, agent, 1, field)
            for (a, t, k), value in after.items():
                sees = t > 1 or (t == 1 and field == "prompt_ids")
                if k and t == 1 and field == "action_ids":
                    order = orders[t]
                    sees = a != agent if algo == "hier" else order.index(agent) <= order.index(a)
                sees = sees and (algo != "dc" or a == agent)
                change = abs(value - before[a, t, k])
                where = f"value {k} of agent {a} turn {t}, {field} of agent {agent}"
                assert change > 1e-5 if sees else change < 1e-6, where


@every_algorithm
def test_only_cut_transcripts_get_a_bootstrap_value(model_folder, algo):
    trainer = trainer_for(model_folder, algo, env_options={"turns": 2, "cut": True}, batch=2)
    shake_critic(trainer)
    episodes = trainer.play(0)
    for trajectory in episodes[0].trajectories:
        trajectory.final_prompt_ids = None
    trainer.critic.write_values(episodes)
    assert [x.final_value for x in episodes[0].trajectories] == [None] * 3
    finals = [x.final_value for x in episodes[1].trajectories]
    assert len(set(finals)) == (3 if algo == "dc" else 1) and None not in finals


@pytest.mark.parametrize("kind", ["frozen", "adapters"])
@every_algorithm
def test_a_critic_learns_what_it_is_told(model_folder, algo, kind):
    trainer = trainer_for(model_folder, algo, critic_lr=1e-2, critic_epochs=5, **CRITICS[kind])
    episodes = trainer.play(0)
    fits = []
    for _ in range(8):
        trainer.critic.write_values(episodes)
        for e in episodes:
            for x in e.trajectories:
                for t, turn in enumerate(x.turns):
                    turn.reward, turn.return_ = 1.0, float(len(x.turns) - t)
        fits.append(trainer.critic.update(episodes))
    assert fits[0]["explained_variance"] == pytest.approx(0.0, abs=1e-6)  # all values are 0
    assert fits[-1]["explained_variance"] > 0.7
    assert fits[-1]["value_loss"] < 0.3 * fits[0]["value_loss"]


@pytest.mark.parametrize("kind", ["frozen", "adapters"])
@pytest.mark.parametrize(("minibatches", "parts"), [(1, 1), (3, 3), (99, 4)])
def test_a_critics_pass_reads_every_episode_once(model_folder, minibatches, parts, kind):
    trainer = trainer_for(
        model_folder, "cc", critic_minibatches=minibatches, critic_epochs=2, **CRITICS[kind]
    )
    critic = trainer.critic.critic
    read, valued, steps = [], [], []
    features, values, step = critic.features, critic.values, trainer.critic.optimizer.step

    def watched_features(readings):
        read.extend(tuple(row.ids) for reading in readings for row in reading.rows)
        return features(readings)

    def watched_values(features, tables, *heads):
        valued.append(sum(len(table.index) for table in tables))
        return values(features, tables, *heads)

    critic.features, critic.values = watched_features, watched_values
    trainer.critic.optimizer.step = lambda: steps.append(step())
    episodes = judged(trainer, trainer.play(0))
    readings = [trainer.critic.critic_input.read(e) for e in episodes]
    rows = [tuple(row.ids) for reading in readings for row in reading.rows]
    assert sorted(read) == sorted(rows), "values read every episode once"
    read.clear(), valued.clear()
    trainer.critic.update(episodes)
    assert len(steps) == 2 * parts
    assert sorted(read) == ([] if kind == "frozen" else sorted(rows * 2))
    assert sum(valued) == 2 * sum(len(reading.positions) for reading in readings)


@every_algorithm
def test_what_a_frozen_base_read_is_kept_as_it_is(model_folder, algo):
    trainer = trainer_for(
        model_folder, algo, env_options={**LEAVE, "cut": True}, micro_batch=3, **CRITICS["frozen"]
    )
    episodes = judged(trainer, trainer.play(0))
    trainer.critic.update(episodes)
    for episode in episodes:
        _, _, kept = trainer.critic._cache[id(episode)]
        again = trainer.critic.critic.features([trainer.critic.critic_input.read(episode)])
        for one, other in zip(kept, again, strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    trainer.critic.write_values(episodes[:1])
    assert list(trainer.critic._cache) == [id(episodes[0])], "the last iteration's is let go"


@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_values_come_from_the_averaged_heads(model_folder, keep):
    trainer = trainer_for(
        model_folder, "cc", critic_average=keep, critic_epochs=3, critic_lr=1e-2
    )
    learner = trainer.critic
    expected = [p.detach().clone() for p in learner.averaged[0].parameters()]
    steps, step = [0], learner.optimizer.step

    def watched():
        step()
        steps[0] += 1
        weight = min(keep, steps[0] / (10 + steps[0]))
        for mean, new in zip(expected, learner.critic.heads[0].parameters(), strict=True):
            mean.mul_(weight).add_((1 - weight) * new.detach())

    learner.optimizer.step = watched
    episodes = judged(trainer, trainer.play(0))
    targets = torch.linspace(0, 1, len(turns_of(episodes))).tolist()
    for turn, target in zip(turns_of(episodes), targets, strict=True):
        turn.return_ = target
    for part in (learner.critic.heads[0], learner.averaged[0]):
        part.fit_targets(torch.tensor([0.0, 1.0]))
    learner.update(episodes)
    for mean, hand in zip(learner.averaged[0].parameters(), expected, strict=True):
        torch.testing.assert_close(mean, hand, atol=1e-6, rtol=1e-5)
    learner.write_values(episodes)
    part, = learner._prepare(episodes)
    features, tables = part.features(learner.critic), part.tables
    by = {name: learner.critic.values(features, tables, heads).tolist()
          for name, heads in (("averaged", learner.averaged), ("own", learner.critic.heads))}
    found = [e.trajectories[0].turns[t].value for e in episodes
             for t in range(len(e.trajectories[0].turns))]
    assert found == pytest.approx(by["averaged"], abs=1e-6)
    assert (by["averaged"] == pytest.approx(by["own"], abs=1e-6)) == (keep == 0.0)


@pytest.mark.parametrize("kind", ["frozen", "adapters", "full"])
@every_algorithm
def test_a_state_goes_on_to_the_bit(model_folder, algo, kind):
    def learn(trainer, times):
        rows = []
        for _ in range(times):
            episodes = judged(trainer, copy.deepcopy(played))
            rows.append((everything(episodes), trainer.critic.update(episodes)))
        return rows

    changes = dict(env_options={**LEAVE, "cut": True}, critic_epochs=1, **CRITICS[kind])
    whole, resumed = (trainer_for(model_folder, algo, **changes) for _ in range(2))
    played = whole.play(0)
    learn(whole, 1)
    state = copy.deepcopy(whole.critic.state_dict())
    resumed.critic.load_state_dict(state)
    assert repr(learn(whole, 1)) == repr(learn(resumed, 1))
    assert_same_state(whole.critic.state_dict(), resumed.critic.state_dict())


def assert_same_state(one, other):
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same_state(one[key], other[key])
    elif isinstance(one, list | tuple):
        for mine, its in zip(one, other, strict=True):
            assert_same_state(mine, its)
    else:
        assert one == other
