"""Values that an environment gives: scores, infos, rewards, instructions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from contract_envs import Named, play
from tiny_envs import Relay

from colllm_bench.envs import contract
from colllm_bench.errors import ConfigError, RunError


class Scored(Relay):
    def __init__(self, score=None, key="score", at_reset=False, **options):
        super().__init__(**options)
        self.value, self.key, self.at_reset = score, key, at_reset

    def reset(self, seed=None, options=None):
        observations, infos = super().reset(seed)
        if self.at_reset:
            infos["a_1"][self.key] = self.value
        return observations, infos

    def step(self, actions):
        *rest, infos = super().step(actions)
        infos["a_1"][self.key] = self.value
        return *rest, infos


@pytest.mark.parametrize("score", [
    None, "won", 3.5, np.array([1.0, 2.0]), ["a"], {"x": np.array([1.0, 2.0])}, {"x": "good"},
    {"x": None}, {"x": {"y": 1.0}}, {"x": float("nan")}, {"x": float("inf")}, {"x": 10**400},
    {"x": [1.0]}, {3: 1.0}, {"x": np.float64("nan")}, {"x": torch.ones(2)},
])
@pytest.mark.parametrize("at_reset", [False, True])
def test_scores_that_are_no_numbers_are_named_at_the_first_step(score, at_reset):
    env = Scored(score, turns=3, at_reset=at_reset)
    with pytest.raises(RunError, match=r"infos\['a_1'\]\['score'\]"):
        play(env)
    assert len(env.heard) == (0 if at_reset else 1)


def test_scores_of_every_kind_of_number():
    score = {"a": 1, "b": np.float32(0.5), "c": torch.tensor(2.0), "d": True, "e": np.int64(3)}
    class LastAgent(Scored):
        def step(self, actions):
            *rest, infos = super().step(actions)
            return *rest, dict.fromkeys(infos, infos["a_1"])

    episode = play(LastAgent(score))
    assert episode.score == {"a": 1, "b": 0.5, "c": 2.0, "d": True, "e": 3}
    assert {type(value) for value in episode.score.values()} <= {int, float, bool}


@pytest.mark.parametrize(("key", "value", "says"), [
    ("success", np.array([True, False]), "success of agent 'a_1' must be True or False"),
    ("success", "False", "success of agent 'a_1' must be True or False, got 'False'"),
    ("success", None, "success of agent 'a_1' must be True or False, got None"),
    ("success", {}, "success of agent 'a_1' must be True or False"),
    ("success", 0.5, "success of agent 'a_1' must be True or False"),
])
def test_other_infos(key, value, says):
    with pytest.raises(RunError, match=says):
        play(Scored(value, key))


@pytest.mark.parametrize("value", [True, 1, 1.0, np.bool_(True), np.array([True]),
                                   torch.tensor(True)])
def test_what_is_true_is_true(value):
    assert contract.flag_of({"a": value}, "a", "success") is True


@pytest.mark.parametrize("names", [None, 3, "ab"])
def test_possible_agents_that_are_no_list(names):
    env = Named()
    env.possible_agents = names
    with pytest.raises(ConfigError, match="possible_agents .*allowed: a list of names"):
        contract.check_agents(env)


@pytest.mark.parametrize("reward", [None, "much", [1.0, 2.0], np.array([1.0, 2.0]), {}, 10**400])
def test_rewards_that_are_no_numbers(reward):
    class Rewarded(Relay):
        def step(self, actions):
            observations, rewards, *rest = super().step(actions)
            return observations, dict.fromkeys(rewards, reward), *rest

    with pytest.raises(RunError, match="agent 'a_0' the reward .*, which is no number"):
        play(Rewarded())


def test_instructions_that_are_no_text():
    class Instructed(Relay):
        def reset(self, seed=None, options=None):
            observations, infos = super().reset(seed)
            infos["a_0"]["instructions"] = ["do", "this"]
            return observations, infos

    with pytest.raises(RunError, match=r"infos\['a_0'\]\['instructions'\] must be text"):
        play(Instructed())
