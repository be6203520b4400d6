"""``check_env`` must find each of the faults that it says it finds."""

from __future__ import annotations

import random

import pytest

from colllm_bench.envs.strategy.env import StrategyEnv
from colllm_bench.envs.strategy.scripted import Expert
from colllm_bench.errors import ConfigError
from colllm_bench.testing import CheckError, check_env


class GlobalRandom(StrategyEnv):
    def step(self, actions):
        random.random()
        return super().step(actions)


class SharedBetweenInstances(StrategyEnv):
    count = 0

    def step(self, actions):
        type(self).count += 1
        result = super().step(actions)
        for info in result[4].values():
            info["score"]["count"] = float(type(self).count)
        return result


class LeftOver(StrategyEnv):
    """Carries something from one episode to the next."""

    episodes = 0

    def reset(self, seed=None, options=None):
        observations, infos = super().reset(seed, options)
        self.episodes += 1
        for info in infos.values():
            info["score"]["episodes"] = float(self.episodes)
        return observations, infos


class Forgetful(StrategyEnv):
    """Loses its generator when pickled or copied."""

    def step(self, actions):
        result = super().step(actions)
        luck = self._rng.random()
        for info in result[4].values():
            info["score"]["luck"] = luck
        return result

    def __getstate__(self):
        return {**self.__dict__, "_rng": random.Random(0)}


class HashOrdered(StrategyEnv):
    def _observations(self):
        first = next(iter({"north", "south", "east", "west", "up", "down"}))
        return {
            agent: {"text": seen["text"] + "\n" + first}
            for agent, seen in super()._observations().items()
        }


class Aliased(StrategyEnv):
    """Hands out its own memory: who writes into it changes the episode."""

    def reset(self, seed=None, options=None):
        self.memory = {}
        return super().reset(seed, options)

    def step(self, actions):
        result = super().step(actions)
        self.memory["days"] = self.memory.get("days", 0) + 1
        for info in result[4].values():
            info["memory"] = self.memory
        return result


class Selfish(StrategyEnv):
    def step(self, actions):
        result = super().step(actions)
        for i, agent in enumerate(result[1]):
            result[1][agent] += i
        return result


class Crashes(StrategyEnv):
    def step(self, actions):
        for action in actions.values():
            action.encode("ascii")
        return super().step(actions)


class Undead(StrategyEnv):
    def step(self, actions):
        result = super().step(actions)
        self.agents = list(self.possible_agents)
        return result


def without(key, at_reset):
    class Lacking(StrategyEnv):
        def reset(self, seed=None, options=None):
            observations, infos = super().reset(seed, options)
            if at_reset:
                infos["front_2"].pop(key)
            return observations, infos

        def step(self, actions):
            result = super().step(actions)
            if not at_reset:
                result[4]["front_2"].pop(key, None)
            return result

    return Lacking


def with_wrong(key, value):
    class Wrong(StrategyEnv):
        def reset(self, seed=None, options=None):
            observations, infos = super().reset(seed, options)
            infos["front_2"][key] = value
            return observations, infos

    return Wrong


class Unwinnable(StrategyEnv):
    def step(self, actions):
        result = super().step(actions)
        if self.campaign.won:
            raise CheckError("no wins here")
        return result


class TooLong(StrategyEnv):
    def _observations(self):
        return {agent: {"text": "x" * 5000} for agent in self.possible_agents}


class Rich(StrategyEnv):
    def step(self, actions):
        observations, rewards, *rest = super().step(actions)
        return observations, dict.fromkeys(rewards, 10**400), *rest


class Unframed(StrategyEnv):
    def frame(self):
        return "a picture"


class Blinking(StrategyEnv):
    """Being watched changes it."""

    looks = 0

    def frame(self):
        self.looks += 1
        return {"kind": "text", "text": str(self.looks)}


@pytest.mark.parametrize(
    "broken, message",
    [
        (GlobalRandom, "global generator"),
        (SharedBetweenInstances, "differs"),
        (LeftOver, "used again"),
        (Forgetful, "in the middle"),
        (Aliased, "differs"),
        (Selfish, "rewards differ"),
        (Undead, "has left env.agents"),
        (TooLong, "does not contain"),
        (Unframed, "no dict with a 'kind': 'a picture'"),
        (Blinking, "shows two things"),
        (without("instructions", True), "instructions"),
        (without("invalid", True), "infos has no 'invalid'"),
        (without("score", False), "infos has no 'score'"),
        (without("success", False), "'success'"),
        (with_wrong("invalid", "no"), "'invalid' is no bool"),
        (with_wrong("score", [1.0]), "'score' is no dict"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_faults_are_found_and_named(broken, message):
    with pytest.raises(CheckError, match=message):
        check_env(broken, hash_seeds=False)


def test_a_fault_names_seed_and_turn():
    with pytest.raises(CheckError, match=r"instructions.* \(seed \d+, reset\)$"):
        check_env(without("instructions", True), hash_seeds=False)
    with pytest.raises(CheckError, match=r"'success'.* \(seed \d+, turn \d+\)$"):
        check_env(without("success", False), hash_seeds=False)


def test_crashes_come_through_as_they_are():
    with pytest.raises(UnicodeEncodeError):
        check_env(Crashes, hash_seeds=False)


def test_an_environment_that_cannot_be_pickled_is_told_in_words():
    class Local(StrategyEnv):
        pass

    with pytest.raises(CheckError, match="the env cannot be pickled: .*Local"):
        check_env(Local, hash_seeds=False)


def test_a_reward_too_large_for_a_float_is_named():
    with pytest.raises(CheckError, match="the reward of 'front_1' is 1000*, not a finite number"):
        check_env(Rich, hash_seeds=False)


def test_hash_order_is_found():
    with pytest.raises(CheckError, match="PYTHONHASHSEED|differs"):
        check_env(f"{__file__}:HashOrdered", agents=2)


def test_scripted_agents_reach_deeper_states():
    """Experts win, so the episode ends before the days do; the hash-seed check plays them too."""
    report = check_env(StrategyEnv, scripted=Expert)
    assert report.turns == StrategyEnv().turns
    with pytest.raises(CheckError, match="no wins here"):
        check_env(Unwinnable, scripted=Expert, hash_seeds=False)


def test_reports_what_it_saw():
    report = check_env(StrategyEnv, agents=2, turns=16, hash_seeds=False)
    assert (report.agents, report.turns) == (2, 16) and report.episodes >= 6
    assert 50 < report.observation < 100


def test_uncooperative_rewards_can_be_allowed():
    assert check_env(Selfish, cooperative=False, hash_seeds=False).agents == 3


def test_what_is_no_environment():
    with pytest.raises(ConfigError, match="allowed"):
        check_env(7)
    with pytest.raises(ConfigError, match="hash_seeds=False"):
        check_env(lambda: StrategyEnv())
    with pytest.raises(CheckError, match="outlasts"):
        check_env(StrategyEnv, max_turns=5, hash_seeds=False)
