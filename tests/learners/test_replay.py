"""Replay: what is kept, what is corrected, and runs that resume to the same bytes."""

from __future__ import annotations

import math

import pytest
from handmade_episodes import episode
from helpers import shake
from tiny_envs import tiny_config

from colllm_bench.baselines.collm_cc import CentralizedCritic
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.learners.replay import ReplayBuffer
from colllm_bench.runs.folder import RunFolder
from colllm_bench.setup.resolve import resolve
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


def test_an_algorithm_without_values_refuses_replay_in_words(model_folder):
    with pytest.raises(ConfigError, match="--replay 3 has no effect with algorithm 'mc'"):
        config_of(model_folder, "mc", replay=3)


class Words:
    """A critic of a plug-in's own that reads texts: a value for each word, and what it has read."""

    def __init__(self):
        self.values, self.read = {}, []

    def write_values(self, episodes):
        self.read.append([
            (e.replayed, x.agent, x.instructions, t.observation, t.action_text, t.info is None)
            for e in episodes for x in e.trajectories for t in x.turns])
        for turn in self._turns(episodes):
            found = [self.values.get(word, 0.0) for word in turn.observation.split()]
            turn.value = sum(found) / max(1, len(found))
        for trajectory in (x for e in episodes for x in e.trajectories):
            trajectory.final_value = 0.0

    def update(self, episodes):
        for turn in self._turns(episodes):
            for word in {*turn.observation.split(), *turn.action_text.split()}:
                old = self.values.get(word, 0.0)
                self.values[word] = old + 0.1 * (turn.return_ - old)
        return {"words": float(len(self.values))}

    def _turns(self, episodes):
        return [turn for e in episodes for x in e.trajectories for turn in x.turns]

    def state_dict(self):
        return {"values": self.values}

    def load_state_dict(self, state):
        self.values = state["values"]


class ReadsWords(CentralizedCritic):
    def build_critic(self, policy, env):
        return Words()


def test_a_critic_of_ones_own_reads_the_texts_of_replayed_episodes(model_folder, tmp_path):
    config = config_of(model_folder, f"{__name__}:ReadsWords", replay=3, env_options={"turns": 3})
    with RunFolder.create(tmp_path / "a", config) as folder:
        trainer = train(config, folder)
    lines = (tmp_path / "a/metrics.jsonl").read_bytes()
    assert b'"replayed": 8' in lines and b'"effective_sample_size"' in lines
    before, last = trainer.critic.read[-2:]
    fresh = [row[1:5] for row in before if not row[0]]
    assert [row[1:5] for row in last if row[0]][-len(fresh):] == fresh
    assert any(row[3] for row in last) and {row[5] for row in last if row[0]} == {True}
    (tmp_path / "a/checkpoints/iteration-000004.pt").rename(tmp_path / "last.pt")
    with RunFolder.resume(tmp_path / "a") as folder:
        again = train(config, folder)
    assert again.critic.read == trainer.critic.read[-1:]
    assert (tmp_path / "a/metrics.jsonl").read_bytes() == lines
    checkpoint = (tmp_path / "a/checkpoints/iteration-000004.pt").read_bytes()
    assert checkpoint == (tmp_path / "last.pt").read_bytes()


@pytest.mark.parametrize("algo", ["cc", "hier"])
def test_an_oracle_tells_the_present_policys_values_of_replayed_episodes(algo):
    config = RunConfig.of(env="credit", algo=algo, critic="oracle:joint", replay=3, batch=4,
                          episodes=16, env_options={"turns": 3})
    trainer = Trainer(resolve(config))
    for k in range(3):
        metrics = trainer.learn(trainer.play(k), k)
    assert metrics["replayed"] == 8 and metrics["actor_steps"] > 0
    old = trainer.replay.episodes
    assert all(t.observation and t.action_text for e in old for x in e.trajectories
               for t in x.turns)
    trainer.critic.write_values(old)
    table, _ = trainer.critic.policy_table(old)
    arrays = trainer.critic.reader.arrays(old)
    expected = trainer.critic.reader.of(table, 1.0).values(*arrays, "joint")
    assert [t.value for t in old[0].trajectories[1].turns] == pytest.approx(expected[0, :, 1])
    fresh = trainer.play(3)
    trainer.critic.write_values([*old, *fresh])
    trainer.algorithm.compute_advantages([*old, *fresh])
    among = trainer.critic.update([*old, *fresh])["value_loss"]
    assert among == pytest.approx(trainer.critic.update(fresh)["value_loss"])  # fresh ones alone
