"""strategy_v0 as an environment: rewards, ends, splits, bad values."""

from __future__ import annotations

import itertools
import random
import sys
import zlib

import numpy as np
import pytest

import colllm_bench
from colllm_bench.envs.splits import SPLITS, split_of
from colllm_bench.envs.strategy import rules, tasks
from colllm_bench.envs.strategy.env import REWARDS, StrategyEnv
from colllm_bench.envs.strategy.scripted import Expert, Novice
from colllm_bench.errors import ConfigError


def episode(env: StrategyEnv, seed: int, skill: float = 1.0) -> list[float]:
    """Team rewards of an episode of scripted play."""
    rewards = []
    observations, infos = env.reset(seed=seed)
    team = {agent: Novice(skill) for agent in env.agents}
    for agent, commander in team.items():
        commander.reset(agent, "", seed)
    while env.agents:
        actions = {a: team[a].act(observations[a]["text"], infos[a]) for a in env.agents}
        observations, reward, _, _, infos = env.step(actions)
        rewards.append(reward["front_1"])
    return rewards


@pytest.mark.parametrize("level, agents", [(1, 2), (2, 4), (3, 8)])
def test_rewards_of_one_campaign_agree(level, agents):
    """Dense is sparse plus shaping that sums to nothing; milestone counts forts and victory."""
    outcomes = set()
    for seed in range(12):
        total = {}
        for reward in REWARDS:
            env = StrategyEnv(agents=agents, level=level, reward=reward)
            rewards = episode(env, seed, skill=0.5)
            total[reward] = sum(rewards)
            won, share = env.campaign.won, env.campaign.fallen() / agents
        outcomes.add(won)
        assert total["sparse"] == float(won)
        assert total["dense"] == pytest.approx(float(won), abs=1e-9)
        assert total["milestone"] == pytest.approx(0.5 * share + 0.5 * won)
    assert True in outcomes


def test_dense_rewards_are_differences_of_the_potential():
    env = StrategyEnv(agents=2, reward="dense")
    env.reset(seed=1)
    env.campaign.fronts[0].road = [False, False, False]
    env.campaign.fronts[0].__post_init__()
    before = env.campaign.progress()
    _, rewards, *_ = env.step({"front_1": "march", "front_2": "hold"})
    assert rewards["front_1"] == rewards["front_2"] == env.campaign.progress() - before
    assert rewards["front_1"] == pytest.approx(0.5 / env.campaign.fronts[0].need)


def test_running_out_of_days_is_a_defeat_and_a_termination():
    env = StrategyEnv(agents=2, turns=16)
    env.reset(seed=0)
    for day in range(16):
        _, rewards, terminated, truncated, infos = env.step(dict.fromkeys(env.agents, "hold"))
        assert ("success" in infos["front_1"]) == (day == 15)
    assert all(terminated.values()) and not any(truncated.values())
    assert infos["front_1"]["success"] is False and rewards == {"front_1": 0.0, "front_2": 0.0}
    assert env.agents == [] and env.step({}) == ({}, {}, {}, {}, {})


def test_victory_ends_the_episode_at_once():
    env = StrategyEnv(agents=3)
    rewards = episode(env, 0)
    assert env.campaign.won and len(rewards) < env.turns
    assert rewards == [0.0] * (len(rewards) - 1) + [1.0]


def test_max_cycles_truncates_and_does_not_terminate():
    env = StrategyEnv(agents=2, max_cycles=3)
    env.reset(seed=0)
    for _ in range(3):
        _, _, terminated, truncated, infos = env.step(dict.fromkeys(env.agents, "hold"))
    assert all(truncated.values()) and not any(terminated.values()) and env.agents == []
    assert infos["front_1"]["success"] is False


def test_invalid_text_costs_the_day_says_so_and_never_pays():
    env = StrategyEnv(agents=2, reward="dense")
    env.reset(seed=0)
    before = env.state().split("\n")[1]
    seen, rewards, _, _, infos = env.step({"front_1": "please march", "front_2": "hold"})
    assert infos["front_1"]["invalid"] and not infos["front_2"]["invalid"]
    assert infos["front_1"]["notice"] and infos["front_2"]["notice"] == ""
    assert seen["front_1"]["text"].endswith(" invalid") and rewards["front_1"] == 0.0
    assert env.state().split("\n")[1] == before.replace("start", "invalid")


def test_missing_actions_are_invalid_and_unknown_agents_are_refused():
    env = StrategyEnv(agents=2)
    with pytest.raises(RuntimeError, match="reset"):
        env.step({})
    env.reset(seed=0)
    assert env.step({"front_1": "hold"})[4]["front_2"]["invalid"]
    with pytest.raises(KeyError, match="front_9"):
        env.step({"front_9": "hold"})


@pytest.mark.parametrize(
    "options",
    [
        {"agents": 1}, {"agents": 17}, {"agents": "3"}, {"agents": 3.0}, {"agents": True},
        {"turns": 15}, {"turns": 41}, {"turns": 20.0}, {"level": 0}, {"level": 4}, {"level": "1"},
        {"level": [1]}, {"level": True},
        {"reward": "shaped"}, {"messages": "yes"}, {"messages": 1}, {"style": "short"},
        {"split": "test"}, {"render_mode": "gif"}, {"max_cycles": 0}, {"max_cycles": 2.5},
    ],
)  # fmt: skip
def test_bad_values_name_themselves_and_what_is_allowed(options):
    ((name, value),) = options.items()
    with pytest.raises(ConfigError, match="allowed: ") as error:
        StrategyEnv(**options)
    assert f"{name}={value!r}" in str(error.value)


def test_reset_without_a_seed_goes_on_with_the_same_stream():
    def states(env):
        return [env.state() for _ in range(3) if env.reset()]

    one, two = StrategyEnv(agents=3), StrategyEnv(agents=3)
    one.reset(seed=5)
    two.reset(seed=np.int64(5))
    assert states(one) == states(two)
    assert len({*states(StrategyEnv(agents=3)), *states(StrategyEnv(agents=3))}) > 1


@pytest.mark.parametrize("level, agents", list(
    itertools.product((1, 2, 3, "hard", "brutal"), (2, 3, 8, 16))))
def test_splits_never_meet_even_with_fronts_swapped(level, agents):
    layouts = {}
    for split in SPLITS:
        rng = random.Random(0)
        drawn = [tasks.draw(tasks.settings(level, agents), agents, rng, split) for _ in range(200)]
        layouts[split] = {tasks.canonical(state) for state in drawn}
        assert all(split_of(layout) == split for layout in layouts[split])
        assert len(layouts[split]) > 20
    assert len(set.union(*layouts.values())) == sum(map(len, layouts.values()))
    state = drawn[0]
    order = list(range(agents))[::-1]
    swapped = rules.State(
        [state.fronts[i] for i in order], state.supply,
        [order.index(at) for at in state.reserves], state.turns, state.income, state.breach,
    )  # fmt: skip
    assert tasks.canonical(swapped) == tasks.canonical(state)


def test_calibration_has_every_level_and_team_within_the_rules():
    for level, agents in itertools.product(tasks.LEVELS, tasks.AGENTS):
        row = tasks.settings(level, agents)
        assert row.turns in tasks.TURNS and 0 <= row.thick < agents
        assert 1 <= row.reserves < agents and row.breach == (tasks.rules_of(level) == 3)
        assert row.road[0] <= row.road[1] and row.garrison[1] <= rules.ARMY_CAP


def test_rows_of_levels_1_to_3_are_those_of_the_version():
    rows = [tasks.settings(level, agents) for level in (1, 2, 3) for agents in tasks.AGENTS]
    assert zlib.crc32(repr(rows).encode()) == 4147875415


@pytest.mark.parametrize("level", tasks.TIERS)
def test_tiers_say_nothing_that_the_built_in_model_has_not_read(level):
    """Level 3 in the instructions; days, walls and cells within what levels 1 to 3 have."""
    for agents in tasks.AGENTS:
        env = StrategyEnv(agents=agents, level=level)
        _, infos = env.reset(seed=0)
        assert infos["front_1"]["instructions"] == f"front 1 of {agents} level 3 turns {env.turns}"
        row = env.settings
        assert row.turns <= 39 and row.walls + (row.thick > 0) <= 3 and row.road[1] <= 4
        assert row.garrison[1] <= 3


def test_state_is_text_with_everything():
    env = StrategyEnv(agents=3, level=3)
    env.reset(seed=0)
    lines = env.state().split("\n")
    assert len(lines) == 4 and "reserves" in lines[0]
    assert any("x" in line.split()[3] for line in lines[1:]), "ambushes show in the state"


def test_render_modes(capsys):
    env = StrategyEnv(agents=3, render_mode="ansi")
    with pytest.raises(RuntimeError, match="reset"):
        env.render()
    env.reset(seed=0)
    picture = env.render()
    assert picture.count("\n") == 3 and "supply" in picture
    env = StrategyEnv(agents=3, render_mode="human")
    env.reset(seed=0)
    assert env.render() is None and capsys.readouterr().out == picture + "\n"
    env = StrategyEnv(agents=16, render_mode="rgb_array")
    env.reset(seed=0)
    first = env.render()
    env.step(dict.fromkeys(env.agents, "march"))
    assert first.dtype == np.uint8 and first.shape[1:] == (640, 3)
    assert (first != env.render()).any()
    with pytest.warns(UserWarning, match="render_mode"):
        StrategyEnv(agents=2).render()


def test_made_by_name_and_by_pettingzoo():
    import pettingzoo

    from colllm_bench.envs import register_pettingzoo

    assert colllm_bench.make("strategy_v0", agents=4).num_agents == 0
    register_pettingzoo()
    register_pettingzoo()
    env = pettingzoo.make("parallel", "colllm/strategy-v0", agents=4, max_cycles=9)
    assert isinstance(env, StrategyEnv) and len(env.possible_agents) == 4 and env.max_cycles == 9
    aec = pettingzoo.make("aec", "colllm/strategy-v0", agents=2)
    aec.reset(seed=0)
    assert aec.agent_selection == "front_1"


def test_observations_with_all_messages_fit_the_space():
    env = StrategyEnv(agents=16, messages=True, style="full", level=3)
    env.reset(seed=0)
    seen, *_ = env.step(dict.fromkeys(env.agents, "march | " + "m" * 60))
    for agent, observation in seen.items():
        assert env.observation_space(agent).contains(observation)
        assert observation["text"].count("\nfrom front") == 15


def test_environments_load_without_torch():
    import subprocess

    code = (
        "import sys, colllm_bench.envs.strategy.scripted, colllm_bench.envs.centralized_execution, "
        "colllm_bench.testing; "
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules or 'PIL' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_expert_wins_fast_enough_to_leave_no_doubt():
    env = StrategyEnv(agents=3)
    wins = sum(bool(episode(env, seed)[-1]) for seed in range(50))
    assert wins == 50
    assert isinstance(Expert(), Expert)
