"""Held-out evaluation: the same tasks for everybody, and scores that no run can move."""

from __future__ import annotations

import json

import pytest
from tiny_envs import tiny_config

from colllm_bench.config import RunConfig
from colllm_bench.evaluation import held_out as evaluate
from colllm_bench.evaluation.intervals import mean_interval, wilson
from colllm_bench.setup.environments import make_env
from colllm_bench.setup.resolve import resolve
from colllm_bench.teams.scripted import ScriptedTeam
from colllm_bench.training.trainer import Trainer


def game(**changes) -> RunConfig:
    """A strategy run whose scripted teams take a moment."""
    options = dict(agents=2, eval_episodes=5, batch=5, env_options={"reward": "milestone"})
    return resolve(RunConfig(**{**options, **changes}))


class Fixed:
    """Says the same whatever it sees."""

    def reset(self, agent, instructions, seed):
        pass

    def act(self, observation, info):
        return "hold"


def team(returns, successes=None, invalid=0.0):
    return {"returns": returns, "successes": successes, "turns": [1] * len(returns),
            "invalid": invalid}


# -- tasks


@pytest.mark.parametrize("changes", [
    dict(seed=1), dict(batch=2), dict(batch=64), dict(algo="mc"), dict(episodes=64),
])
def test_held_out_tasks_are_the_same_for_every_run(changes):
    """Whatever the run's seed, batch or algorithm: the reference teams play the same games."""
    plain, other = (evaluate.reference_teams(game(**c)) for c in ({}, changes))
    assert plain.keys() == {"random", "scripted"}
    for name in plain:
        assert [e.seed for e in plain[name]] == [e.seed for e in other[name]]
        assert evaluate.raw_results(plain[name]) == evaluate.raw_results(other[name])
        assert [e.trajectories for e in plain[name]] == [e.trajectories for e in other[name]]


def test_tasks_differ_from_each_other_and_from_training():
    held_out = evaluate.play_held_out(game(), ScriptedTeam(Fixed))
    assert len({e.seed for e in held_out}) == 5 and [e.group for e in held_out] == list(range(5))
    starts = set()
    for split in ("train", "eval"):
        env = make_env(game(), split)
        starts |= {env.reset(seed=e.seed) and env.state() for e in held_out}
    assert len(starts) == 10, "the same seed is another task in the other split"
    first = [e.trajectories[0].turns[0].observation for e in held_out]
    env = make_env(game(), "eval")
    assert first == [env.reset(seed=e.seed)[0]["front_1"]["text"] for e in held_out]


def test_more_episodes_begin_with_the_same_ones():
    few, many = (
        evaluate.play_held_out(game(eval_episodes=n, batch=2), ScriptedTeam(Fixed))
        for n in (3, 5)
    )
    assert len(few) == 3 and len(many) == 5
    assert few == many[:3]


def test_scripted_teams_read_the_brief_style_whatever_the_runs():
    plain, full = (evaluate.reference_teams(game(style=s)) for s in ("brief", "full"))
    central = evaluate.reference_teams(game(algo="central"))
    for name, episodes in plain.items():
        expected = evaluate.raw_results(episodes)
        assert evaluate.raw_results(full[name]) == expected == evaluate.raw_results(central[name])
    assert all(e.success for e in plain["scripted"])


def test_an_environment_without_reference_teams(model_folder):
    config = tiny_config(model_folder("Llama", max_position_embeddings=1024))
    assert evaluate.reference_teams(config) == {}


# -- language-model teams


def test_a_team_is_evaluated_frozen_and_repeatably(model_folder):
    folder = model_folder("Llama", max_position_embeddings=1024)
    trainer = Trainer(tiny_config(folder, "cc", eval_episodes=5))
    before = trainer.team.state_dict()
    one, two = (evaluate.evaluate_team(trainer.config, trainer.team) for _ in range(2))
    assert one == two and len(one) == 5
    other = evaluate.evaluate_team(trainer.config.replace(seed=1), trainer.team)
    assert [e.seed for e in other] == [e.seed for e in one] and other != one
    after = trainer.team.state_dict()
    assert all(before[key].equal(after[key]) for key in before)


def test_greedy_evaluation_does_not_draw(model_folder):
    folder = model_folder("Llama", max_position_embeddings=1024)
    trainer = Trainer(tiny_config(folder, "mc"))
    one, two = (
        evaluate.evaluate_team(trainer.config.replace(seed=s), trainer.team, temperature=0.0)
        for s in (0, 1)
    )
    assert one == two


# -- numbers


def test_results_are_one_number_an_episode():
    episodes = evaluate.reference_teams(game())["random"]
    found = evaluate.raw_results(episodes)
    assert found["returns"] == [sum(e.rewards) for e in episodes]
    assert found["successes"] == [int(e.success) for e in episodes]
    assert found["turns"] == [len(e.trajectories[0].turns) for e in episodes]
    assert found["invalid"] == 0.0
    episodes[0].success = None
    assert evaluate.raw_results(episodes)["successes"] is None
    turns = [turn for e in episodes for x in e.trajectories for turn in x.turns]
    turns[0].info = {"invalid": True}
    assert evaluate.raw_results(episodes)["invalid"] == pytest.approx(1 / len(turns))


def test_random_scores_0_and_scripted_1():
    teams = {
        "trained": team([3.0, 5.0]), "untrained": team([1.0, 1.5]),
        "random": team([1.0, 3.0]), "scripted": team([4.0, 8.0]),
    }
    score = evaluate.summarize_teams(game(), teams)["score"]
    means = {name: score[name]["mean"] for name in score}
    assert means == {"trained": 0.5, "untrained": -0.1875, "random": 0.0, "scripted": 1.0}
    assert score["trained"]["n"] == 2
    # An interval is that of the episodes, in units of the distance from random to scripted.
    _, low, high = mean_interval([0.25, 0.75], low=0.0, high=1.0)
    assert (score["trained"]["low"], score["trained"]["high"]) == pytest.approx((low, high))


def test_no_run_moves_anothers_score():
    fixed = {"random": team([0.0, 1.0]), "scripted": team([2.0, 3.0])}
    scores = [
        evaluate.summarize_teams(game(), {"trained": team(t), "untrained": team(u), **fixed})
        for t, u in (([1.0, 2.0], [0.0, 0.0]), ([1.0, 2.0], [9.0, 9.0]))
    ]
    assert scores[0]["score"]["trained"] == scores[1]["score"]["trained"]


def test_success_has_wilsons_interval():
    teams = {"trained": team([0.0] * 8, [1, 1, 0, 0, 0, 0, 0, 0]), "untrained": team([0.0] * 8)}
    summary = evaluate.summarize_teams(game(), teams)
    low, high = wilson(2, 8)
    assert summary["success"] == {"trained": {"mean": 0.25, "low": low, "high": high, "n": 8}}


@pytest.mark.parametrize("missing", ["random", "scripted", "neither beats the other"])
def test_without_a_scale_there_is_no_score(missing):
    teams = {"trained": team([1.0, 2.0]), "random": team([1.0, 1.0]), "scripted": team([1.0, 1.0])}
    teams.pop(missing, None)
    summary = evaluate.summarize_teams(game(), teams)
    assert summary["score"] == {} and summary["return"]["trained"]["mean"] == 1.5


def test_the_summary_is_json_and_names_the_run():
    config = game(seed=3, episodes=10, batch=4, algo="dc")
    summary = evaluate.summarize_teams(config, {"trained": team([1.0])})
    text = json.dumps(summary, allow_nan=False)
    expected = {"env": "strategy", "algo": "dc", "agents": 2, "seed": 3, "model": "tiny",
                "episodes": 12}
    assert {key: json.loads(text)[key] for key in expected} == expected
    assert summary["return"]["trained"] == {"mean": 1.0, "low": None, "high": None, "n": 1}
    assert summary["held_out"] == {"trained": team([1.0])}


def test_names_that_the_documentation_promises():
    from colllm_bench import evaluation

    assert evaluation.play_held_out is evaluate.play_held_out
    assert evaluation.results is evaluation.raw_results is evaluate.raw_results


# -- the dev split


def test_settings_are_chosen_on_other_tasks_than_those_reported():
    starts = {}
    for split in ("dev", "eval"):
        config = game(eval_split=split)
        episodes = evaluate.play_held_out(config, ScriptedTeam(Fixed), scripted=True)
        starts[split] = {e.trajectories[0].turns[0].observation for e in episodes}
        assert len({e.seed for e in episodes}) == 5
        starts[f"{split} seeds"] = {e.seed for e in episodes}
    assert not starts["dev seeds"] & starts["eval seeds"]
    assert starts["dev"] != starts["eval"]
