"""Curricula: what each iteration plays, when a stage ends, and that a resumed run stands there."""

from __future__ import annotations

import json

import pytest
from handmade_episodes import episode
from tiny_envs import tiny_config

from colllm_bench import make
from colllm_bench.errors import ConfigError
from colllm_bench.evaluation.held_out import evaluate_team
from colllm_bench.runs.folder import RunFolder
from colllm_bench.setup.curriculum import Curriculum
from colllm_bench.setup.environments import make_env
from colllm_bench.training.loop import train
from colllm_bench.training.trainer import Trainer


def config_of(model_folder, kind, **changes):
    options = {"env": "tiny_envs:Ladder", "env_options": {}, "agents": 2, "episodes": 48}
    folder = model_folder("Llama", max_position_embeddings=1024)
    return tiny_config(folder, "cc", curriculum=kind, **{**options, **changes})


def curriculum(config):
    return Curriculum(config, make_env(config, split="train"))


def episodes_with(*successes):
    found = [episode(k, [1]) for k in range(len(successes))]
    for one, success in zip(found, successes, strict=True):
        one.success = success
    return found


def test_a_stage_ends_when_five_iterations_reach_the_mark(model_folder):
    made = curriculum(config_of(model_folder, "levels", env_options={"level": "hard"}))
    assert made.stages == [1, 2, "hard"]
    for _ in range(4):
        made.note(episodes_with(True, True))
    assert made.stage == 0  # not yet five
    made.note(episodes_with(False, False))
    assert made.stage == 1 and made.recent == []  # .8 of them
    for success in (True, False, False, False, True):  # .4: below the mark of .5
        made.note(episodes_with(success, success))
    assert made.stage == 1
    made.note(episodes_with(True, False))  # the first has left the window: .3
    assert made.stage == 1 and made.recent == [0.0, 0.0, 0.0, 1.0, 0.5]
    for _ in range(9):
        made.note(episodes_with(True, True))
    assert made.stage == 2  # the last stays
    assert made.of(7).env_options == {"level": "hard"}


def test_levels_of_numbers_need_no_list(model_folder, monkeypatch):
    import tiny_envs

    monkeypatch.delattr(tiny_envs.Ladder, "levels")
    made = curriculum(config_of(model_folder, "levels", env_options={"level": 3}))
    assert made.stages == [1, 2, 3]


def test_strategy_has_levels_in_order_and_shaping_with_a_weight(model_folder):
    folder = model_folder("Llama", max_position_embeddings=1024)
    config = tiny_config(folder, "cc", env="strategy", env_options={"level": 3}, agents=2,
                         curriculum="levels")
    assert curriculum(config).stages == [1, 2, 3]
    rewards = []
    for weight in (1.0, 0.25, 0.0):
        env = make("strategy", agents=2, reward="dense", shaping=weight)
        env.reset(seed=3)
        rewards.append(env.step(dict.fromkeys(env.agents, "march"))[1]["front_1"])
    assert rewards[0] != 0 and rewards[1] == pytest.approx(rewards[0] / 4) and rewards[2] == 0
    with pytest.raises(ConfigError, match="shaping=2; allowed: a number from 0 to 1"):
        make("strategy", shaping=2)


def test_strategy_starts_along_the_experts_play(model_folder):
    folder = model_folder("Llama", max_position_embeddings=2048)
    config = tiny_config(folder, "cc", env="strategy", env_options={}, agents=2, batch=2,
                         curriculum="backward")
    (late, *_), (full, *_) = Trainer(config).play(0), Trainer(config.replace(
        curriculum="none")).play(0)
    assert late.seed == full.seed
    left = [int(e.trajectories[0].turns[0].observation.split()[0][5:]) for e in (late, full)]
    assert left[0] < left[1]  # days are gone


def test_shaping_fades_over_two_thirds(model_folder):
    made = curriculum(config_of(model_folder, "anneal"))  # 12 iterations
    weights = [made.of(k).metrics["curriculum_weight"] for k in range(12)]
    assert weights == pytest.approx([k / 8 for k in (8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0)])
    assert made.of(4).env_options == {"reward": "dense", "shaping": weights[4]}
    assert made.of(8).env_options == {}


def test_which_iterations_played_the_runs_own_task(model_folder):
    made = {
        "anneal": ({"curriculum_weight": 0.1}, {"curriculum_weight": 0.0}),
        "levels": ({"curriculum_stage": 1}, {"curriculum_stage": 2}),
        "none": (None, {}),
    }
    for kind, (easier, own) in made.items():
        options = {"level": "hard"} if kind == "levels" else {}
        found = curriculum(config_of(model_folder, kind, env_options=options))
        assert found.is_over(own) and (easier is None or not found.is_over(easier))
        assert kind == "none" or not found.is_over({}), "a line that does not say"


def test_environments_that_a_curriculum_replaces_are_closed(model_folder, monkeypatch):
    import tiny_envs

    closed = []
    monkeypatch.setattr(tiny_envs.Ladder, "close", lambda env: closed.append(env))
    trainer = Trainer(config_of(model_folder, "anneal"))
    first = list(trainer.envs)
    trainer.play(0)
    assert closed == first
    trainer.close()
    assert closed == [*first, *trainer.envs]


def test_the_trainer_plays_what_the_curriculum_says(model_folder):
    trainer = Trainer(config_of(model_folder, "anneal"))
    first = trainer.learn(trainer.play(0), 0)
    assert (first["curriculum_weight"], first["own_task"]) == (1, 0)
    assert trainer.envs[0].reward == "dense"
    returns = {e.return_ for e in trainer.play(4)}
    assert returns == {2 * 0.5} and trainer.envs[0].shaping == 0.5
    trainer.play(9)
    assert trainer.envs[0].reward == "sparse"


def test_backward_moves_to_the_beginning_and_evaluation_starts_there(model_folder):
    config = config_of(
        model_folder, "backward", curriculum_stages=4, env_options={"won_from": 0.5}
    )
    trainer = Trainer(config)
    assert trainer.curriculum.stages == [0.75, 0.5, 0.25, 0.0]
    rows = [trainer.learn(trainer.play(iteration), iteration) for iteration in range(12)]
    seen = [row["curriculum_progress"] for row in rows]
    assert {row["own_task"] for row in rows} == {0.0}
    assert seen == [0.75] * 5 + [0.5] * 5 + [0.25] * 2  # from .25 on nobody wins
    assert trainer.envs[0].progress == 0.25
    assert {e.success for e in evaluate_team(config, trainer.team)} == {False}


@pytest.mark.parametrize(("kind", "env_options"), [
    ("levels", {"level": 2}), ("backward", {}), ("anneal", {}),
])
def test_a_resumed_run_stands_where_it_stood(kind, env_options, model_folder, tmp_path):
    config = config_of(
        model_folder, kind, env_options=env_options, episodes=32, checkpoint_every=1
    )
    with RunFolder.create(tmp_path / "a", config) as folder:
        train(config, folder)
    lines = (tmp_path / "a/metrics.jsonl").read_bytes()
    rows = [json.loads(line) for line in lines.splitlines()]
    if kind != "anneal":
        assert [row["curriculum_stage"] for row in rows] == [0] * 5 + [1] * 3
    if kind == "levels":  # the second of two
        assert [row["own_task"] for row in rows] == [0] * 5 + [1] * 3
    (tmp_path / "a/checkpoints/iteration-000008.pt").unlink()
    with RunFolder.resume(tmp_path / "a") as folder:
        train(config, folder)
    assert (tmp_path / "a/metrics.jsonl").read_bytes() == lines


def test_without_a_curriculum_nothing_is_recorded_of_one(model_folder):
    trainer = Trainer(config_of(model_folder, "none"))
    metrics = trainer.learn(trainer.play(0), 0)
    assert not [name for name in metrics if name.startswith("curriculum")]
    assert "curriculum" not in trainer.state_dict()


@pytest.mark.parametrize(("kind", "changes", "says"), [
    ("levels", {}, "ends at the run's own level, and 1 is the first; allowed: 2, hard"),
    ("levels", {"env": "tiny_envs:Relay"}, "has no levels; allowed"),
    ("anneal", {"env": "tiny_envs:Relay"}, "has no dense shaping with a weight"),
    ("anneal", {"env_options": {"reward": "dense"}}, "env option reward='dense': it sets both"),
    ("anneal", {"env_options": {"shaping": 0.5}}, "leave out shaping"),
    ("anneal", {"replay": 2}, "leave out --replay"),
    ("backward", {"env": "tiny_envs:Relay"}, "starts at the beginning only"),
])
def test_what_an_environment_does_not_have_is_refused(kind, changes, says, model_folder):
    config = config_of(model_folder, kind, **changes)
    with pytest.raises(ConfigError, match=says):
        curriculum(config)


def test_an_environment_without_a_verdict_is_refused(model_folder):
    made = curriculum(config_of(model_folder, "backward"))
    with pytest.raises(ConfigError, match="gives no success"):
        made.note(episodes_with(None, True))
