"""Scripted commanders and the demonstrations: who wins, and what the corpus looks like."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from colllm_bench.envs.strategy import rules, tasks
from colllm_bench.envs.strategy.env import StrategyEnv
from colllm_bench.envs.strategy.scripted import (
    RIGHT,
    RIGHT_SHARE,
    WRONG,
    WRONG_SHARE,
    Expert,
    GreedyNovice,
    Novice,
    Random,
    demonstrations,
    play,
    situation,
)
from colllm_bench.errors import ConfigError


def wins(make, level: tasks.Level, agents: int, episodes: int) -> int:
    env = StrategyEnv(agents=agents, level=level, split="eval")
    won = 0
    for seed in range(episodes):
        for _ in play(env, [make() for _ in range(agents)], seed):
            pass
        won += env.campaign.won
    return won


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("agents", [2, 3, 8, 16])
def test_who_wins_at_every_level(level, agents):
    """Bounds wide enough for the sample; the measured figures are in docs/strategy.md."""
    assert wins(Expert, level, agents, 20) >= 18
    assert wins(Random, level, agents, 30) <= 1
    assert wins(GreedyNovice, level, agents, 10) == 0
    assert wins(lambda: Novice(0.8), level, agents, 20) >= 16


@pytest.mark.parametrize("level", ["hard", "brutal"])
@pytest.mark.parametrize("agents", [2, 3, 8, 16])
def test_experts_win_where_novices_hardly_ever_do(level, agents):
    """Novices: 1% and 0.1% by calibration; 5 of 100 at "hard" would be far off."""
    assert wins(Expert, level, agents, 20) == 20
    assert wins(Random, level, agents, 20) == 0
    assert wins(Novice, level, agents, 100) <= (5 if level == "hard" else 1)


@pytest.mark.parametrize("level, agents", [(1, 2), (1, 3), (2, 3), (3, 3), (1, 8)])
def test_novices_win_about_a_tenth(level, agents):
    """Between 5% and 20%: outside of 4 standard errors of 11% only if calibration is broken."""
    assert 15 <= wins(Novice, level, agents, 300) <= 55


@pytest.mark.parametrize(
    "words, expected",
    [
        ("road=2 army=1 garrison=? wall=? supply=3 tracks start", "ambush"),
        ("road=2 army=1 garrison=? wall=? supply=3 clear start", "road"),
        ("road=0 army=1 garrison=2 wall=2 supply=3 gate marched", "weak"),
        ("road=0 army=1 garrison=2 wall=2 supply=3 reserve marched", "weak"),
        ("road=0 army=1 garrison=2 wall=2 supply=0 gate marched", "starved"),
        ("road=0 army=2 garrison=2 wall=2 supply=3 gate marched", "strong"),
        ("road=0 army=2 garrison=2 wall=2 supply=3 reserve marched", "guarded"),
        ("road=0 army=2 garrison=2 wall=0 supply=3 fallen hit", "fallen"),
        ("road=0 army=2 garrison=2 wall=0 supply=0 lured hit", "donor"),
        ("road=0 army=0 garrison=2 wall=0 supply=0 fallen hit", "fallen"),
    ],
)
def test_situations(words, expected):
    assert situation(f"left=9 {words}") == expected
    assert situation(f"left=9 {words}\nfrom front 2: hello there") == expected


def test_scripted_commanders_refuse_other_styles():
    commander = Expert()
    commander.reset("front_1", "", 0)
    with pytest.raises(ConfigError, match="brief"):
        commander.act("The campaign begins.", {})


def test_right_and_wrong_differ_in_every_situation():
    assert set(RIGHT) == set(WRONG)
    assert all(RIGHT[case] != WRONG[case] for case in RIGHT)
    assert RIGHT_SHARE < WRONG_SHARE


def test_novices_keep_their_shares():
    """In a situation: 40% right, 48% the habit, the rest over four other orders."""
    novice = Novice()
    novice.reset("front_1", "", 0)
    seen = "left=9 road=2 army=1 garrison=? wall=? supply=3 clear start"
    counts = Counter(novice.act(seen, {}) for _ in range(4000))
    assert counts["march"] / 4000 == pytest.approx(0.40, abs=0.03)
    assert counts["hold"] / 4000 == pytest.approx(0.48, abs=0.03)
    assert set(counts) == set(rules.ORDERS)


def test_commanders_differ_by_name_and_repeat_by_seed():
    seen = "left=9 road=2 army=1 garrison=? wall=? supply=3 clear start"

    def orders(agent, seed):
        novice = Novice()
        novice.reset(agent, "", seed)
        return [novice.act(seen, {}) for _ in range(20)]

    assert orders("front_1", 0) == orders("front_1", 0)
    assert orders("front_1", 0) != orders("front_2", 0) != orders("front_2", 1)


def test_demonstrations_are_chats_and_repeat_by_seed():
    chats = list(demonstrations(random.Random(4), 120))
    assert chats == list(demonstrations(random.Random(4), 120))
    masters = 0
    sizes, levels = set(), set()
    for chat in chats:
        assert [m["role"] for m in chat[:3]] == ["system", "user", "assistant"]
        assert [m["role"] for m in chat[1:]] == ["user", "assistant"] * ((len(chat) - 1) // 2)
        assert len(chat) - 1 <= 2 * tasks.TURNS[-1]
        words = chat[0]["content"].split()
        master = words[0] == "master"
        masters += master
        agents = int(words[2] if master else words[3])
        sizes.add(agents)
        levels.add(words[words.index("level") + 1])
        for user, assistant in zip(chat[1::2], chat[2::2], strict=True):
            lines = assistant["content"].split("\n")
            assert set(lines) <= set(rules.ORDERS)
            assert len(lines) == len(user["content"].split("\n")) == (agents if master else 1)
    assert 10 <= masters <= 40
    assert sizes >= {2, 3, 4, 8} and max(sizes) > 8 and levels == {"1", "2", "3"}
