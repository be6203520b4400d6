"""Oracle critics: true values of the policy that the model really is, in a critic's place."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from helpers import shake
from trainer_steps import actors, moved, same, step

from colllm_bench.baselines.sequential import order_of
from colllm_bench.config import RunConfig
from colllm_bench.envs.credit.oracle import Oracle
from colllm_bench.errors import ConfigError
from colllm_bench.objectives.critic_inputs import JOINT
from colllm_bench.setup.resolve import resolve
from colllm_bench.setup.validate import check_config
from colllm_bench.training.trainer import Trainer


def trainer_for(critic: str, algo: str = "dc", env: str = "credit", **changes) -> Trainer:
    settings = dict(algo=algo, env=env, critic=critic, batch=8, episodes=8, agents=2, device="cpu",
                    env_options={"turns": 3, "luck": 1.0, "team": "all"})
    return Trainer(resolve(RunConfig.of(**(settings | changes))))


@pytest.fixture(scope="module", params=["none", "all", "full"])
def shaken(request):
    """A trainer whose agents differ (unless they share parameters), and episodes of it."""
    changes = {"none": {}, "all": {"share": "all"}, "full": {"tuning": "full"}}[request.param]
    trainer = trainer_for("oracle:joint", **changes)
    shake(trainer.team, scale=0.02 if request.param == "full" else 0.15)
    return trainer, trainer.play(0)


def test_the_table_is_what_the_answers_were_drawn_from(shaken):
    trainer, episodes = shaken
    turns, chances = trainer.critic._chances(episodes)
    assert len(turns) == 2 * 8 * 3
    for turn, row in zip(turns, chances, strict=True):
        if turn.action_ids[0] in trainer.critic.first_ids:
            chosen = trainer.critic.first_ids.index(turn.action_ids[0])
            assert math.log(row[chosen]) == pytest.approx(turn.logprobs[0], abs=1e-3)
    table, spread = trainer.critic.policy_table(episodes)
    assert table.shape == (2, 4, 6) and 0 <= spread < 0.3
    assert (table.sum(-1) <= 1 + 1e-6).all()
    cues = [trainer.critic.reader.situation(turn.observation) for turn in turns]
    rows = chances[[k for k in range(len(turns)) if cues[k] == cues[0] and k < 8 * 3]]
    assert table[0, cues[0]] == pytest.approx(rows.mean(0))


def test_values_are_the_oracles(shaken):
    trainer, episodes = shaken
    critic = trainer.critic
    table, _ = critic.policy_table(episodes)
    arrays = critic.reader.arrays(episodes)
    for knows in ("joint", "local", "none"):
        critic.knows = knows
        critic.write_values(episodes)
        values = np.array([[[x.turns[t].value for x in e.trajectories] for t in range(3)]
                           for e in episodes])
        expected = Oracle(critic.reader.game, table, 1.0).values(*arrays, knows)
        assert values == pytest.approx(expected)
        assert (values[..., 0] == values[..., 1]).all() == (knows != "local")
        assert (len(np.unique(values.round(9))) <= 3) == (knows == "none")


@pytest.mark.parametrize("algo", ["hier", "seq"])
def test_values_that_know_actions_are_the_oracles(algo):
    """``hier``: of all but its own agent; ``seq``: of those that came before in the turn's order,
    written to the agent that acted last."""
    trainer = trainer_for("oracle:joint", algo, agents=3)
    shake(trainer.team, scale=0.15)
    episodes = trainer.play(0)
    critic = trainer.critic
    critic.write_values(episodes)
    oracle = Oracle(critic.reader.game, critic.policy_table(episodes)[0], 1.0)
    arrays = critic.reader.arrays(episodes)
    others = oracle.leave_one_out(*arrays)
    for e, t in np.ndindex(8, 3):
        turns = [x.turns[t] for x in episodes[e].trajectories]
        order = order_of(episodes[e], t, [0, 1, 2])
        for i, turn in enumerate(turns):
            assert turn.value == pytest.approx(oracle.values(*arrays)[e, t, i])
            if algo == "hier":
                assert turn.values == [pytest.approx(others[e, t, i])]
            elif i == order[-1]:
                assert turn.values is None
            else:
                known = np.zeros((8, 3, 3), dtype=bool)
                known[..., order[: order.index(i) + 1]] = True
                expected = oracle.partial_values(*arrays, known)[e, t]
                assert turn.values == [pytest.approx(expected)]
    spread = np.std(others - oracle.values(*arrays))
    assert spread > 0.001  # what others did matters


def test_values_explain_what_they_should():
    """With luck, seen by the last agent: the joint critic explains most of the returns, that of
    the first agent none of the coin's part; nobody is biased."""
    explained = {}
    for knows in ("joint", "local", "none"):
        trainer = trainer_for(f"oracle:{knows}", batch=96, episodes=96,
                              env_options={"turns": 4, "luck": 4.0})
        metrics = step(trainer, 0)
        explained[knows] = metrics["explained_variance"]
        assert abs(metrics["value_bias"]) < 4 * 2.1 / 96**0.5
    assert explained["joint"] > 0.95 and explained["none"] == pytest.approx(0, abs=0.01)
    assert explained["local"] == pytest.approx(0.5, abs=0.1)  # one of two agents saw the coin


def test_a_truncated_episode_ends_on_a_value():
    trainer = trainer_for("oracle:joint", env_options={"turns": 4, "max_cycles": 2})
    episodes = trainer.play(0)
    metrics = trainer.learn(episodes, 0)
    finals = [x.final_value for e in episodes for x in e.trajectories]
    assert all(0 < value < 1 for value in finals) and math.isfinite(metrics["policy_loss"])


@pytest.mark.parametrize("algo, critic", [
    *[(algo, f"oracle:{knows}") for algo in ("cc", "dc") for knows in ("joint", "local", "none")],
    ("hier", "oracle:joint"), ("seq", "oracle:joint"),
])
def test_actors_learn_at_once_and_nothing_else_does(algo, critic):
    trainer = trainer_for(critic, algo)
    before = actors(trainer)
    metrics = step(trainer, 0)
    assert moved(before, actors(trainer))
    assert metrics["policy_spread"] >= 0 and trainer.critic.state_dict() == {}


def test_a_state_that_is_loaded_goes_on_as_if_nothing_was():
    whole, resumed = trainer_for("oracle:local", "cc"), trainer_for("oracle:local", "cc")
    step(whole, 0)
    resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
    assert same(step(whole, 1), step(resumed, 1))


@pytest.mark.parametrize("changes, says", [
    ({"env": "strategy", "env_options": {}}, "'strategy' does not know true values"),
    ({"algo": "central"}, "each agent for itself"),
])
def test_who_has_no_oracle_is_refused_in_words(changes, says):
    with pytest.raises(ConfigError, match=says):
        trainer_for("oracle:joint", **changes)


def test_other_words_are_refused_with_what_is_allowed():
    config = resolve(RunConfig.of(algo="cc", env="credit", critic="oracle:all"))
    with pytest.raises(ConfigError, match="learned, oracle:joint, oracle:local, oracle:none"):
        check_config(config)


def test_answers_that_begin_alike_are_refused():
    trainer = trainer_for("oracle:joint")
    reader = trainer.envs[0].oracle()
    reader.answers = ("red", "red wine")
    with pytest.raises(ConfigError, match="first token"):
        type(trainer.critic)(reader, "joint", trainer.team, trainer.config, 1.0, JOINT)
