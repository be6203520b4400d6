"""Environments that break the contract end with words that name the class and the value."""

from __future__ import annotations

import pytest
from contract_envs import SMALL, Mute, play
from tiny_envs import Relay, Spoken

from colllm_bench import cli, make, run
from colllm_bench.envs import contract
from colllm_bench.envs.centralized_execution import CentralizedEnv
from colllm_bench.envs.mixed_styles import MixedStyleEnv
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.testing import CheckError, check_env

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


@pytest.mark.parametrize("name", ["classic", "coding", "credit", "writing"])
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


def test_an_environment_in_two_styles_need_not_take_options():
    class SeedAlone(Relay):
        def reset(self, seed=None):
            return super().reset(seed)

    twins = {style: SeedAlone() for style in ("brief", "full")}
    mixed = MixedStyleEnv(twins, {"a_0": "brief", "a_1": "full"})
    observations, _ = mixed.reset(seed=1)
    assert set(observations) == {"a_0", "a_1"}
