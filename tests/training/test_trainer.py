"""The whole loop on tiny models: what moves, what stays, what repeats, and that it learns."""

from __future__ import annotations

import io
import math

import pytest
import torch
from tiny_envs import tiny_config
from trainer_steps import actors, critics, moved, same, step

from colllm_bench.config import RunConfig
from colllm_bench.models.loading import load_base
from colllm_bench.training.callbacks import Callback
from colllm_bench.training.loop import train
from colllm_bench.training.recording import describe
from colllm_bench.training.trainer import Trainer

ALGORITHMS = ["mc", "cc", "dc", "seq", "hier", "central"]


@pytest.fixture
def folder(model_folder):
    return model_folder("Llama", max_position_embeddings=1024)


# -- what moves


@pytest.mark.parametrize("tuning", ["lora", "full"])
@pytest.mark.parametrize("algo", ALGORITHMS)
def test_everything_trainable_moves_and_the_base_stays(folder, algo, tuning):
    changes = dict(critic_epochs=2) if algo != "mc" else {}
    trainer = Trainer(tiny_config(folder, algo, tuning=tuning, batch=6, **changes))
    before = actors(trainer), critics(trainer)
    for iteration in range(2):
        step(trainer, iteration)
    after = actors(trainer), critics(trainer)
    assert moved(before[0], after[0]) == set(before[0]) != set()
    assert moved(before[1], after[1]) == set(before[1])
    assert bool(before[1]) == (algo != "mc")
    plain = load_base(folder, device="cpu").model.state_dict()
    base = trainer.team.model.state_dict()
    assert not moved(plain, {key: base[key] for key in plain})
    assert all(torch.isfinite(t).all() for part in after for t in part.values())


@pytest.mark.parametrize("algo", ["cc", "dc"])
def test_the_critic_warms_up_before_it_steers(folder, algo):
    trainer = Trainer(tiny_config(folder, algo, critic_warmup=2, episodes=60))
    before, judged = actors(trainer), critics(trainer)
    for iteration in range(2):
        metrics = step(trainer, iteration)
        assert "value_loss" in metrics and "policy_loss" not in metrics
    assert not moved(before, actors(trainer)) and moved(judged, critics(trainer))
    assert "policy_loss" in step(trainer, 2)
    assert moved(before, actors(trainer))


def test_the_master_plays_for_all(folder):
    trainer = Trainer(tiny_config(folder, "central"))
    assert trainer.team.agents == ["master"]
    (trajectory,) = trainer.play(0)[0].trajectories
    assert trajectory.turns[0].observation.count("day 0") == 3


# -- tasks


def test_a_group_starts_from_one_state(folder):
    trainer = Trainer(tiny_config(folder, "mc", batch=6, group=3))
    episodes = trainer.play(0)
    assert [e.group for e in episodes] == [0, 0, 0, 1, 1, 1]
    first = [[x.turns[0].prompt_ids for x in e.trajectories] for e in episodes]
    assert first[0] == first[1] == first[2] != first[3] == first[4] == first[5]
    said = [[x.turns[0].action_ids for x in e.trajectories] for e in episodes]
    assert said[0] != said[1] != said[2] != said[0]


def test_without_groups_every_episode_is_a_task_of_its_own(folder):
    trainer = Trainer(tiny_config(folder, "cc", batch=6))
    seeds = [e.seed for iteration in (0, 1) for e in trainer.play(iteration)]
    assert len(set(seeds)) == 12
    again = Trainer(tiny_config(folder, "dc", batch=6, lr=0.5))
    assert [e.seed for e in again.play(0)] == seeds[:6], "algorithms meet the same tasks"
    other = Trainer(tiny_config(folder, "cc", batch=6, seed=1))
    assert not {e.seed for e in other.play(0)} & set(seeds)


def test_every_iteration_draws_anew(folder):
    """The same prompts and the same policies, other actions."""
    trainer = Trainer(tiny_config(folder, "mc", env="tiny_envs:Quarter", env_options={}))
    first, again, second = (trainer.play(iteration) for iteration in (0, 0, 1))

    def said(episodes):
        return [[x.turns[0].action_ids for x in e.trajectories] for e in episodes]

    assert said(first) == said(again) != said(second)


# -- what repeats


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_seed_decides_every_bit(folder, algo):
    def run(seed, iterations=2):
        trainer = Trainer(tiny_config(folder, algo, seed=seed, minibatches=2))
        rows = [step(trainer, iteration) for iteration in range(iterations)]
        return rows, actors(trainer) | critics(trainer)

    # Other people's use of the global generators must not matter.
    torch.manual_seed(1)
    rows, parameters = run(0)
    torch.manual_seed(2)
    again, same_parameters = run(0)
    assert same(rows, again) and not moved(parameters, same_parameters)
    other, other_parameters = run(1, iterations=1)
    assert not same(rows[:1], other) and moved(parameters, other_parameters)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_trainer_goes_on_from_its_state_to_the_bit(folder, algo):
    config = tiny_config(folder, algo, epochs=2, minibatches=2)
    trainer = Trainer(config)
    step(trainer, 0)
    file = io.BytesIO()
    torch.save(trainer.state_dict(), file)
    state = torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    row = step(trainer, 1)
    resumed = Trainer(config)
    resumed.load_state_dict(state)
    assert same(step(resumed, 1), row)
    assert not moved(actors(trainer) | critics(trainer), actors(resumed) | critics(resumed))


def test_random_numbers_are_the_runs_own(folder):
    before = torch.get_rng_state()
    train(tiny_config(folder, "cc"))
    assert torch.equal(torch.get_rng_state(), before)


def test_with_one_agent_both_critics_are_the_same(folder):
    """The joint history is then the local one: all critics must agree to the bit."""
    runs = []
    for algo in ("cc", "dc", "seq"):
        trainer = Trainer(tiny_config(folder, algo, agents=1, lr=3e-3, env_options={"cut": True}))
        rows = [step(trainer, iteration) for iteration in range(2)]
        runs.append((rows, actors(trainer) | critics(trainer)))
    (rows, parameters), *rest = runs
    for others, other_parameters in rest:
        assert same(rows, others) and not moved(parameters, other_parameters)


# -- the loop


class Listener(Callback):
    def __init__(self):
        self.heard = []

    def on_start(self, total, done):
        self.heard.append(("start", total, done))

    def on_iteration(self, row, episodes):
        self.heard.append(("iteration", row["iteration"], row["episodes"], len(episodes)))

    def on_train_end(self):
        self.heard.append(("close",))


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_train_runs_to_its_end(folder, algo):
    callback = Listener()
    trainer = train(tiny_config(folder, algo, episodes=10), callback=callback)
    assert trainer.config.iterations == 3
    assert callback.heard == [
        ("start", 12, 0), *[("iteration", k, 4 * (k + 1), 4) for k in range(3)], ("close",)
    ]


def test_describe_counts(folder):
    trainer = Trainer(tiny_config(folder, "mc", env_options={"turns": 2, "leave": {0: 1}}))
    episodes = trainer.play(0)
    turns = [turn for e in episodes for x in e.trajectories for turn in x.turns]
    row = describe(episodes)
    assert row["agent_turns"] == len(turns) == 4 * 5 and row["length"] == 2.0
    assert row["tokens"] == sum(len(turn.action_ids) for turn in turns)
    assert row["return"] == pytest.approx(sum(e.return_ for e in episodes) / 4)
    assert row["success"] == sum(e.success for e in episodes) / 4
    empty = sum(turn.action_text == "" for turn in turns)
    assert row["invalid"] == pytest.approx(empty / len(turns))
    # Surprise of the sampled tokens: near the entropy of a turn, and of the right size.
    assert 0 < row["sampled_entropy"] < 3 * math.log(320)


@pytest.mark.parametrize("algo", ["mc", "cc"])
def test_a_real_game_can_be_trained_on(model_folder, algo):
    """Two fronts of strategy; a random model writes nonsense, which is data, not a crash."""
    folder = model_folder("Llama", max_position_embeddings=4096)
    config = tiny_config(
        folder, algo, env="strategy", env_options={"reward": "dense", "turns": 16}, agents=2,
        batch=2, episodes=2,
    )
    rows = []
    callback = Listener()
    callback.on_iteration = lambda row, episodes: rows.append(row)
    train(config, callback=callback)
    (row,) = rows
    assert row["length"] == 16 and row["agent_turns"] == 2 * 2 * 16
    assert 0.5 < row["invalid"] <= 1.0 and row["success"] == 0.0
    assert math.isfinite(row["policy_loss"])


@pytest.mark.parametrize("algo", ["mc", "cc", "dc"])
def test_it_learns(folder, algo):
    """A quarter of all bytes pays: the team finds out within 12 iterations."""
    config = tiny_config(
        folder, algo, env="tiny_envs:Quarter", env_options={}, agents=2,
        batch=32, episodes=384, lr=2e-2, max_action_tokens=1,
        **({"group": 8} if algo == "mc" else {"critic_lr": 1e-2}),
    )
    returns = []
    callback = Listener()
    callback.on_iteration = lambda row, episodes: returns.append(row["return"])
    train(config, callback=callback)
    first, last = sum(returns[:2]) / 2, sum(returns[-2:]) / 2
    assert last > first + 0.3, returns


def test_every_iteration_is_counted_whole():
    assert RunConfig(episodes=10, batch=4).iterations == 3
    assert RunConfig(episodes=8, batch=4).iterations == 2


def test_a_path_is_a_run_folder(model_folder, tmp_path):
    config = tiny_config(model_folder("Llama", max_position_embeddings=1024), "mc", episodes=8)
    train(config, tmp_path / "run")
    lines = (tmp_path / "run" / "metrics.jsonl").read_bytes()
    assert lines.count(b"\n") == 2
    train(config, str(tmp_path / "run"))  # complete: nothing is trained again
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == lines
