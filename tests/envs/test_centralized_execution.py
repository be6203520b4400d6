"""The centralized form: many agents' texts as one, and one text as many agents' actions."""

from __future__ import annotations

import pytest

from colllm_bench.envs.centralized_execution import (
    MASTER,
    CentralizedEnv,
    join_actions,
    join_instructions,
    join_observations,
    split_actions,
)
from colllm_bench.envs.strategy.env import StrategyEnv
from colllm_bench.envs.strategy.scripted import Expert, play


@pytest.mark.parametrize(
    "written, actions",
    [
        ("march\nscout\nhold", ["march", "scout", "hold"]),
        ("\n march\n\nscout \n", [" march", "scout ", ""]),
        ("march", ["march", "", ""]),
        ("a\nb\nc\nd", ["a", "b", "c"]),
        ("1: march\n2: scout\n3: hold", ["march", "scout", "hold"]),
        ("2: scout", ["", "scout", ""]),
        ("1: def f():\n  return 1\n3: x", ["def f():\n  return 1", "", "x"]),
        ("3: x\n1: y", ["", "", "x\n1: y"]),
        ("7: march", ["7: march", "", ""]),
        ("", ["", "", ""]),
        (None, ["", "", ""]),
    ],
)
def test_splitting_a_masters_text(written, actions):
    assert split_actions(written, [1, 2, 3]) == actions


def test_a_preamble_is_no_action_of_an_agent_with_a_line_of_its_own():
    assert split_actions("Here are the orders:\n1: march\n2: hold", [1, 2]) == ["march", "hold"]


def test_joining_and_splitting_are_inverse():
    actions = ["march", "strike", "hold", "send"]
    assert split_actions(join_actions(actions), [1, 2, 3, 4]) == actions
    assert split_actions(join_observations([1, 2, 3, 4], actions), [1, 2, 3, 4]) == actions


def test_instructions_name_shared_rules_once():
    told = ["You are 1.\nRule A.\nRule B.", "You are 2.\nRule A.\nRule B."]
    joined = join_instructions(told)
    assert joined.count("Rule A.") == 1 and "1: You are 1." in joined and "2: You are 2." in joined
    assert join_instructions(["x", "y"], "brief") == "master of 2\n1: x\n2: y"


@pytest.mark.parametrize("style", ["brief", "full"])
def test_the_master_plays_the_same_game(style):
    """A master that writes the experts' orders gets what the experts get."""
    inner = StrategyEnv(agents=4, reward="dense")
    outer = CentralizedEnv(StrategyEnv(agents=4, reward="dense", style=style))
    seen, infos = outer.reset(seed=7)
    assert "instructions" in infos[MASTER] and outer.possible_agents == [MASTER]
    for observations, _, actions in play(inner, [Expert() for _ in range(4)], 7):
        if style == "brief":
            texts = [o["text"] for o in observations.values()]
            assert seen[MASTER]["text"] == join_observations([1, 2, 3, 4], texts)
        assert outer.observation_space(MASTER).contains(seen[MASTER])
        written = join_actions(list(actions.values()))
        seen, rewards, terminated, truncated, infos = outer.step({MASTER: written})
    assert outer.state() == inner.state() and inner.campaign.won
    assert terminated[MASTER] and not truncated[MASTER] and outer.agents == []
    assert infos[MASTER]["success"] is True and infos[MASTER]["score"]["win"] == 1.0


def test_invalid_if_any_and_missing_lines_are_no_ops():
    env = CentralizedEnv(StrategyEnv(agents=3))
    env.reset(seed=0)
    seen, *_, infos = env.step({MASTER: "hold\ndance"})
    assert infos[MASTER]["invalid"] and "front_2" in infos[MASTER]["notice"]
    lines = seen[MASTER]["text"].split("\n")
    assert [line.rsplit(" ", 1)[1] for line in lines] == ["held", "invalid", "invalid"]
    assert not env.step({MASTER: "hold\nhold\nhold"})[4][MASTER]["invalid"]


def test_truncation_passes_through():
    env = CentralizedEnv(StrategyEnv(agents=2, max_cycles=1))
    env.reset(seed=0)
    _, _, terminated, truncated, _ = env.step({MASTER: "hold\nhold"})
    assert truncated == {MASTER: True} and terminated == {MASTER: False}
