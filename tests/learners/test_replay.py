"""Replay: what is kept, what is corrected, and runs that resume to the same bytes."""

from __future__ import annotations

import math

import pytest
from handmade_episodes import episode
from helpers import shake
from tiny_envs import tiny_config

from colllm_bench.baselines.collm_cc import CentralizedCritic
from colllm_bench.errors import ConfigError
from colllm_bench.learners.replay import ReplayBuffer
from colllm_bench.runs.folder import RunFolder
from colllm_bench.training.loop import train
from colllm_bench.training.trainer import Trainer


def config_of(model_folder, algo="cc", **changes):
    folder = model_folder("Llama", max_position_embeddings=1024)
    return tiny_config(folder, algo, **{"episodes": 16, "checkpoint_every": 1, **changes})


def trained(e):
    """What actors and critics learn from."""
    return (e.seed, e.group, [
        (x.index, x.final_prompt_ids, [
            (t.prompt_ids, t.action_ids, t.logprobs, t.reward, t.terminated, t.truncated)
            for t in x.turns])
        for x in e.trajectories])


def test_a_buffer_keeps_the_last_iterations_and_comes_back_from_its_state():
    buffer = ReplayBuffer(3)
    groups = [[episode(2 * k, [2, 1]), episode(2 * k + 1, [3, 3], cut=True, group=1)]
              for k in range(3)]
    for group in groups:
        for turn in (t for e in group for x in e.trajectories for t in x.turns):
            turn.logprobs = [-0.5] * len(turn.action_ids)  # float32 holds it
        buffer.add(group)
    assert buffer.episodes == groups[1] + groups[2]
    assert all(e.replayed for e in buffer.episodes)
    other = ReplayBuffer(3)
    other.load_state_dict(buffer.state_dict())
    assert [len(group) for group in other.groups] == [2, 2]
    assert list(map(trained, other.episodes)) == list(map(trained, buffer.episodes))
    assert all(e.replayed for e in other.episodes)


@pytest.mark.parametrize("algo", ["cc", "dc", "seq", "hier"])
def test_a_resumed_run_learns_the_same(algo, model_folder, tmp_path):
    config = config_of(model_folder, algo, replay=3)
    with RunFolder.create(tmp_path / "a", config) as folder:
        whole = train(config, folder)
    lines = folder.path.joinpath("metrics.jsonl").read_bytes()
    (tmp_path / "a/checkpoints/iteration-000004.pt").rename(tmp_path / "last.pt")
    with RunFolder.resume(tmp_path / "a") as folder:
        again = train(config, folder)
    assert (tmp_path / "a/metrics.jsonl").read_bytes() == lines
    checkpoint = (tmp_path / "a/checkpoints/iteration-000004.pt").read_bytes()
    assert checkpoint == (tmp_path / "last.pt").read_bytes()
    assert len(again.replay.episodes) == len(whole.replay.episodes) == 2 * config.batch
    assert b'"effective_sample_size"' in lines and b'"replayed": 8' in lines


def test_an_unchanged_policy_has_ratio_one_and_a_changed_one_its_own(model_folder):
    trainer = Trainer(config_of(model_folder, replay=2))
    episodes = trainer.play(0)
    trainer.actor.write_log_ratios(episodes)
    turns = [t for e in episodes for x in e.trajectories for t in x.turns]
    assert max(abs(turn.log_ratio) for turn in turns) < 1e-4
    shake(trainer.team)
    trainer.actor.write_log_ratios(episodes)
    one = episodes[0].trajectories[0].turns[0]
    (tokens,) = trainer.actor._collate([episodes[0]])
    scores = trainer.team.evaluate_actions(tokens).logprobs.tolist()
    expected = sum(scores[: len(one.action_ids)]) - sum(one.logprobs)
    assert one.log_ratio == pytest.approx(expected, abs=1e-5) and abs(one.log_ratio) > 1e-3


def test_a_team_critic_weighs_by_all_and_a_critic_of_ones_own_by_oneself(model_folder):
    """One turn, two agents with ratios 1/2 and 1/4, reward 1, V = 0."""
    for algo, targets, advantages in (
        ("cc", [1 / 8, 1 / 8], [1 / 4, 1 / 2]), ("dc", [1 / 2, 1 / 4], [1.0, 1.0]),
    ):
        config = config_of(model_folder, algo, replay=2)
        e = episode(0, [1, 1])
        for x, log_ratio in zip(e.trajectories, (math.log(1 / 2), math.log(1 / 4)), strict=True):
            x.turns[0].reward, x.turns[0].value, x.turns[0].log_ratio = 1.0, 0.0, log_ratio
        e.replayed = True
        made = Trainer(config).algorithm
        metrics = made.compute_advantages([e])
        turns = [x.turns[0] for x in e.trajectories]
        assert [turn.return_ for turn in turns] == pytest.approx(targets)
        assert [turn.advantage for turn in turns] == pytest.approx(advantages)
        # Weights 1/2 and 1/4: (3/4)^2 / (2 * 5/16); the team has a single one.
        assert metrics["effective_sample_size"] == pytest.approx(0.9 if algo == "dc" else 1.0)


def test_fresh_episodes_alone_are_learned_from_as_without_replay(model_folder):
    rows = [Trainer(config_of(model_folder, replay=k)) for k in (1, 4)]
    first = [trainer.learn(trainer.play(0), 0) for trainer in rows]
    assert repr(first[0]) == repr(first[1])  # NaN is itself here
    assert rows[0].replay is None and "replay" not in rows[0].state_dict()


def test_metrics_of_the_fit_are_of_fresh_episodes(model_folder):
    trainer = Trainer(config_of(model_folder, replay=2))
    trainer.learn(trainer.play(0), 0)
    seen = []
    import colllm_bench.learners.critic_learner as module

    plain = module.fit_metrics
    module.fit_metrics = lambda turns, episodes, gamma: (
        seen.append((len(turns), list(episodes))) or plain(turns, episodes, gamma))
    try:
        fresh = trainer.play(1)
        trainer.learn(fresh, 1)
    finally:
        module.fit_metrics = plain
    ((turns, episodes),) = seen
    assert episodes == fresh and turns == sum(len(e.rewards) for e in fresh)


def test_what_cannot_be_replayed_is_refused_in_words(model_folder):
    with pytest.raises(ConfigError, match="--replay 3 has no effect with algorithm 'mc'"):
        config_of(model_folder, "mc", replay=3)

    class Bag:
        def write_values(self, episodes): ...
        def update(self, episodes): ...
        def state_dict(self): ...
        def load_state_dict(self, state): ...

    class Own(CentralizedCritic):
        def build_critic(self, policy, env):
            return Bag()

    config = config_of(model_folder, replay=2)
    from colllm_bench.training.trainer import _replay_buffer

    with pytest.raises(ConfigError, match="replay 2 with a critic that is not .*Own, --cr"):
        _replay_buffer(Own(config), Bag())
