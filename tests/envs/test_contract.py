"""Environments that break the contract end with words that name the class and the value."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_envs import Relay, Spoken

from colllm_bench import cli, make, run
from colllm_bench.envs import contract
from colllm_bench.envs.centralized_execution import CentralizedEnv
from colllm_bench.envs.mixed_styles import MixedStyleEnv
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.rollout import rollout
from colllm_bench.runs.naming import agent_folder
from colllm_bench.teams.scripted import ScriptedTeam
from colllm_bench.testing import CheckError, check_env


class Mute:
    """A scripted policy that says "go"."""

    def reset(self, agent, instructions, seed):
        self.instructions = instructions

    def act(self, observation, info):
        return "go"


def play(env):
    (episode,) = rollout([env], [0], [0], ScriptedTeam(Mute))
    return episode


# -- names of agents


class Named(Relay):
    def __init__(self, names=("a", "b"), **options):
        super().__init__(agents=len(names), **options)
        self.possible_agents = list(names)


@pytest.mark.parametrize("names", [
    [0, 1], [("team", 0), ("team", 1)], ["a", ""], ["a", "  "], ["a", "a"], [], ["a\ud800", "b"],
    [None], [b"a"],
])
def test_agents_without_usable_names_are_refused_at_the_start(names):
    with pytest.raises(ConfigError, match="environment Named (names an agent|has possible_agents)"):
        contract.check_agents(Named(names))
    with pytest.raises(CheckError, match="environment Named"):
        check_env(Named, names=names, hash_seeds=False)


@pytest.mark.parametrize("name", ["north", "front_1", "agent 0", "北", "con", "a:b", "-x", ".hid"])
def test_names_that_are_safe_are_kept_as_folders(name):
    contract.check_agents(Named([name]))
    assert agent_folder(name) == name


NASTY = ["..", ".", "../../x", "/etc/x", "a/b", "a%2Fb", "a\\b", "a\nb", "\0", "x" * 300, "é" * 200]


def test_names_that_are_not_become_folders_of_their_own(tmp_path):
    folders = [agent_folder(name) for name in NASTY]
    assert len(set(folders)) == len(NASTY)
    for folder in folders:
        path = tmp_path / folder
        path.mkdir()
        assert path.resolve().parent == tmp_path.resolve()


INTEGERS = """
from tiny_envs import Relay
class Numbered(Relay):
    def __init__(self, agents=2, names=None):
        super().__init__(agents=agents, turns=1)
        self.possible_agents = list(names or range(agents))
        del self.roles
"""
SMALL = "--algo mc --group 2 --batch 4 --episodes 4 --eval-episodes 2 --agents 2".split()


def test_run_and_evaluate_refuse_them_before_anything_is_written(tmp_path, monkeypatch, capsys):
    from colllm_bench import evaluate

    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(INTEGERS)
    argv = [*SMALL, "--env", "./mine.py:Numbered"]
    assert cli.execute(run.main, argv) == 2
    assert "environment Numbered names an agent 0; allowed: a text" in capsys.readouterr().err
    argv = ["untrained", "--env", "./mine.py:Numbered", "--agents", "2", "--episodes", "2"]
    assert cli.execute(evaluate.main, argv) == 2
    assert "environment Numbered names an agent 0" in capsys.readouterr().err
    left = sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__")
    assert left == ["mine.py"]


def test_a_team_of_nasty_names_is_saved_below_team_and_played_again(tmp_path, monkeypatch, capsys):
    from colllm_bench import evaluate

    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(INTEGERS)
    argv = [*SMALL, "--env", "./mine.py:Numbered", "--env-option", 'names=["..", "x/../../y"]',
            "--name", "a", "--quiet"]
    assert cli.execute(run.main, argv) == 0, capsys.readouterr().err
    folder = tmp_path / "results/numbered/mc/a/seed0"
    assert sorted(p.name for p in (folder / "team").iterdir()) == ["%2E%2E", "x%2F..%2F..%2Fy"]
    assert not list(folder.glob("adapter*")) and not list(folder.parent.glob("y"))
    assert cli.execute(evaluate.main, [str(folder), "--episodes", "2", "--quiet"]) == 0


# -- environments of another kind


class NoSeed(Relay):
    def reset(self):
        return super().reset(seed=0)


class OneValue(Relay):
    def reset(self, seed=None, options=None):
        return super().reset(seed)[0]


class FourValues(Relay):
    def step(self, actions):
        observations, rewards, ended, _, infos = super().step(actions)
        return observations, rewards, ended, infos


class Listed(Relay):
    def step(self, actions):
        observations, *rest = super().step(actions)
        return list(observations.values()), *rest


class Rewardless(Relay):
    def step(self, actions):
        observations, rewards, *rest = super().step(actions)
        return observations, {}, *rest


class Unseen(Relay):
    def step(self, actions):
        observations, *rest = super().step(actions)
        return {}, *rest


class Noted(Relay):
    def step(self, actions):
        *rest, infos = super().step(actions)
        return *rest, dict.fromkeys(infos, "fine")


class Typed(Relay):
    """Its own TypeError is no matter of the API."""

    def reset(self, seed=None, options=None):
        return len(3)


@pytest.mark.parametrize(("kind", "says"), [
    (NoSeed, r"NoSeed.reset\(\) takes no seed; it must be reset\(seed=None, options=None\)"),
    (OneValue, r"OneValue.reset\(\) returned 1 value, not 2 \(observations, infos\)"),
    (FourValues, r"FourValues.step\(\) returned 4 values, not 5 \(observations, rewards, termina"),
    (Listed, r"Listed.step\(\): observations must be a dict by agent, got \["),
    (Rewardless, r"Rewardless.step\(\) returned no rewards for agent 'a_0'"),
    (Unseen, r"Unseen returned no observation for agent 'a_0'"),
    (Noted, r"Noted.step\(\): infos\['a_0'\] must be a dict, got 'fine'"),
])
def test_another_api_is_named(kind, says):
    with pytest.raises(RunError, match=says):
        play(kind())
    if kind in (NoSeed, OneValue):  # the others have spaces that check_env refuses before
        with pytest.raises(CheckError, match=says):
            check_env(kind, hash_seeds=False)


def test_a_type_error_of_the_environments_own_comes_through():
    with pytest.raises(TypeError, match="has no len"):
        play(Typed())


def test_what_is_no_parallel_environment_is_refused():
    from pettingzoo.utils import parallel_to_aec

    with pytest.raises(ConfigError, match="environment object has no possible_agents"):
        contract.check_agents(object())
    with pytest.raises(ConfigError, match=r"agent by agent.*fix: pettingzoo.utils.aec_to_parallel"):
        contract.check_agents(parallel_to_aec(Relay()))


# -- values


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


# -- text


@pytest.mark.parametrize(("text", "clean"), [
    ("a\ud83d", "a\ufffd"), ("\ude00\ud83d!", "\ufffd\ufffd!"), ("\ud83d\ude00", "\U0001f600"),
    ("naïve \U0001f525", "naïve \U0001f525"), ("", ""),
])
def test_lone_surrogates_are_replaced(text, clean):
    assert contract.text_of({"text": text}) == contract.text_of(text) == clean
    assert contract.clean_text(clean) == clean


BROKEN = """
from tiny_envs import Relay
class Broken(Relay):
    def __init__(self, agents=2):
        super().__init__(agents=agents, turns=2, cut=True)
    def reset(self, seed=None, options=None):
        observations, infos = super().reset(seed)
        infos["a_0"]["instructions"] += " \\udc80"
        return observations, infos
    def _observe(self, agents):
        return {a: {"text": f"day {self.day}\\ud83d"} for a in agents}
"""


def test_a_run_whose_environment_writes_lone_surrogates(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(BROKEN)
    argv = [*SMALL, "--env", "./mine.py:Broken", "--name", "a", "--quiet"]
    assert cli.execute(run.main, argv) == 0, capsys.readouterr().err
    text = (tmp_path / "results/broken/mc/a/seed0/transcripts/held-out-0.txt").read_text()
    assert "\ufffd" in text


class Bare(Spoken):
    """Observations are bare strings."""

    metadata = {"name": "bare_v0"}

    def __init__(self):
        self.possible_agents, self.agents = ["a_0", "a_1"], []

    def observation_space(self, agent):
        return self._space(agent)

    action_space = observation_space

    def _space(self, agent):
        from colllm_bench.envs.spaces import TextSpace

        self.spaces = getattr(self, "spaces", {})
        return self.spaces.setdefault(agent, TextSpace(100))

    def reset(self, seed=None, options=None):
        self.agents, self.day = list(self.possible_agents), 0
        told = {"instructions": "play", "invalid": False, "score": {}}
        return dict.fromkeys(self.agents, "day 0"), {agent: dict(told) for agent in self.agents}

    def step(self, actions):
        self.day += 1
        live, over = list(self.agents), self.day == 2
        self.agents = [] if over else live
        infos = {a: {"invalid": False, "score": {}, "success": True} for a in live}
        return (
            dict.fromkeys(live, f"day {self.day}"), dict.fromkeys(live, 1.0),
            dict.fromkeys(live, over), dict.fromkeys(live, False), infos,
        )


def test_bare_strings_are_checked_and_played():
    assert check_env(Bare, hash_seeds=False).observation == 5
    assert check_env(Bare, scripted=Mute, hash_seeds=False).agents == 2
    assert play(Bare()).return_ == 2.0
    assert play(CentralizedEnv(Bare())).return_ == 2.0


@pytest.mark.parametrize(("kind", "says"), [
    (NoSeed, r"NoSeed.reset\(\) takes no seed"), (OneValue, r"OneValue.reset\(\) returned 1 value"),
    (FourValues, r"FourValues.step\(\) returned 4 values"), (Unseen, "no observation for agent"),
])
def test_centralized_execution_says_the_same(kind, says):
    with pytest.raises(RunError, match=says):
        play(CentralizedEnv(kind()))


# -- starts nearer the goal


def test_an_environment_without_starts_along_an_experts_play_refuses_them_in_words():
    words = "environment Relay starts at the beginning only, not at progress=0.5"
    with pytest.raises(ConfigError, match=words):
        contract.reset_env(Relay(), 0, {"progress": 0.5})
    assert not contract.takes_progress(Relay())


@pytest.mark.parametrize("name", ["coding", "credit", "writing"])
def test_the_environments_that_have_none_refuse_them_themselves(name):
    env = make(name)
    with pytest.raises(ConfigError, match="starts at the beginning only"):
        env.reset(seed=0, options={"progress": 0.25})
    seen, _ = env.reset(seed=0, options={"progress": 0})
    assert seen == env.reset(seed=0)[0]


def test_wrappers_say_what_the_environment_inside_takes():
    for name, takes in (("strategy", True), ("writing", False)):
        assert contract.takes_progress(make(name)) is takes
        assert contract.takes_progress(CentralizedEnv(make(name))) is takes
        agents = make(name).possible_agents
        mixed = MixedStyleEnv({"brief": make(name)}, dict.fromkeys(agents, "brief"))
        assert contract.takes_progress(mixed) is takes
