"""Episodes that start along the expert's play."""

from __future__ import annotations

import pytest

from colllm_bench.envs.centralized_execution import CentralizedEnv
from colllm_bench.envs.demonstrations import play
from colllm_bench.envs.strategy import situations, text
from colllm_bench.envs.strategy.env import StrategyEnv
from colllm_bench.envs.strategy.scripted import Expert
from colllm_bench.errors import ConfigError


def start(progress, seed=0, **options):
    env = StrategyEnv(**options)
    observations, _ = env.reset(seed=seed, options={"progress": progress})
    return env, [observations[agent]["text"] for agent in env.possible_agents]


def expert_days(seed=0, **options) -> list[list[str]]:
    """What the expert's team reads on each day of its play."""
    env = StrategyEnv(**options)
    return [
        [seen[agent]["text"] for agent in env.possible_agents]
        for seen, _, _ in play(env, [Expert() for _ in env.possible_agents], seed)
    ]


@pytest.mark.parametrize("agents, level", [(2, 1), (3, "hard"), (8, 3)])
def test_starts_are_the_days_of_the_experts_play_in_order(agents, level):
    for seed in range(4):
        days = expert_days(seed, agents=agents, level=level)
        marks = [k / len(days) for k in range(len(days))]
        for k, mark in enumerate(marks):
            assert start(mark, seed, agents=agents, level=level)[1] == days[k]
        assert start(1, seed, agents=agents, level=level)[1] == days[-1]


def test_no_progress_is_the_beginning_with_the_same_luck():
    def states(options):
        env = StrategyEnv(agents=3)
        env.reset(seed=7, options=options)
        found = [env.state()]
        while env.agents:
            env.step(dict.fromkeys(env.agents, "strike"))
            found.append(env.state())
        return found

    assert states(None) == states({}) == states({"progress": 0}) == states({"progress": 0.0})


def test_the_luck_after_a_start_is_that_of_the_experts_play():
    whole = StrategyEnv(agents=4, level=2)
    whole.reset(seed=3)
    for _ in range(4):
        orders = situations.expert_orders(whole.campaign)
        whole.step(dict(zip(whole.agents, orders, strict=True)))
    days = len(expert_days(3, agents=4, level=2))
    env, _ = start(4 / days, 3, agents=4, level=2)
    assert env.state() == whole.state()
    for _ in range(3):
        orders = dict.fromkeys(env.agents, "strike")
        assert env.step(orders)[1] == whole.step(orders)[1] and env.state() == whole.state()


def test_a_start_is_never_over_and_nearer_the_goal_novices_do_win_by_one_right_day():
    for seed in range(10):
        env, _ = start(1.0, seed, agents=3)
        assert env.agents and not env.campaign.over and env.campaign.progress() > 0.5
        orders = situations.expert_orders(env.campaign)
        *_, infos = env.step(dict(zip(env.agents, orders, strict=True)))
        assert infos["front_1"]["success"] is True


def test_the_same_seed_and_progress_give_the_same_start_in_both_styles():
    assert start(0.5)[0].state() == start(0.5)[0].state() == start(0.5, style="full")[0].state()
    assert start(0.5)[0].state() != start(0.5, seed=1)[0].state()


def test_the_dense_reward_is_paid_from_the_start_on():
    env, _ = start(0.5, reward="dense")
    done, total = env.campaign.progress(), 0.0
    while env.agents:
        orders = situations.expert_orders(env.campaign)
        agents = env.agents
        total += env.step(dict(zip(agents, orders, strict=True)))[1][agents[0]]
    assert env.campaign.won and total == pytest.approx(1 - done) and 0 < done < 1


@pytest.mark.parametrize("progress", [-0.1, 1.01, "half", None, True, float("nan")])
def test_what_is_no_share_is_refused(progress):
    with pytest.raises(ConfigError, match="progress=.*a number from 0 to 1"):
        start(progress)


def test_a_centralized_controller_starts_there_too():
    env = CentralizedEnv(StrategyEnv(agents=3))
    seen, _ = env.reset(seed=0, options={"progress": 0.5})
    assert all(line in seen["master"]["text"] for line in start(0.5, agents=3)[1])


def test_orders_of_the_expert_are_the_situations_right_ones():
    env, _ = start(0.3, agents=3)
    seen = [text.brief(env.campaign, i) for i in range(3)]
    assert situations.expert_orders(env.campaign) == [
        situations.RIGHT[situations.situation(line)] for line in seen
    ]
