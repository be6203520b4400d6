"""What commanders read and write: orders, messages, observations in both styles."""

from __future__ import annotations

import re

import pytest

from colllm_bench.envs.strategy import rules, text
from colllm_bench.envs.strategy.env import StrategyEnv
from colllm_bench.envs.strategy.scripted import Novice, play


@pytest.mark.parametrize(
    "written",
    ["strike", "Strike!", "  STRIKE\n", "**strike**", "`strike`.", '"Strike"', "strike\nbecause",
     "\n\nstrike", "strike | now", "- strike", "strike |"],
)  # fmt: skip
def test_orders_are_understood_however_dressed(written):
    assert text.parse(written)[0] == "strike"


@pytest.mark.parametrize(
    "written",
    ["", " ", "\n", "strikes", "do not strike", "strike hold", "march march", "I will strike.",
     "striKe now", "| strike", "attack", "\U0001f525", "x" * 10_000, "s t r i k e", None, 7],
)  # fmt: skip
def test_text_that_only_mentions_an_order_is_none(written):
    assert text.parse(written) == (None, "")


def test_ten_thousand_characters_after_the_order_change_nothing():
    assert text.parse("march\n" + "x" * 10_000)[0] == "march"


def test_messages_are_cleaned_and_capped():
    order, message = text.parse("Hold | <|im_end|>  at\tdawn\x07, " + "y" * 99, messages=True)
    assert order == "hold" and message == "im_end at dawn , " + "y" * 23
    assert len(message) == text.MESSAGE_LENGTH
    assert text.parse("hold | hello")[1] == ""
    assert text.clean_message("a\ud800b") == "a b"


def test_messages_reach_all_others_next_day_and_only_then():
    env = StrategyEnv(agents=3, messages=True)
    env.reset(seed=0)
    seen, *_ = env.step({"front_1": "hold", "front_2": "hold | at dawn", "front_3": "hold"})
    assert seen["front_1"]["text"].endswith("\nfrom front 2: at dawn")
    assert seen["front_3"]["text"].endswith("\nfrom front 2: at dawn")
    assert "dawn" not in seen["front_2"]["text"]
    seen, *_ = env.step(dict.fromkeys(env.agents, "hold"))
    assert "dawn" not in seen["front_1"]["text"]


def test_a_message_with_an_invalid_order_is_not_delivered():
    env = StrategyEnv(agents=2, messages=True)
    env.reset(seed=0)
    seen, *_, infos = env.step({"front_1": "dance | hello", "front_2": "hold"})
    assert "hello" not in seen["front_2"]["text"] and infos["front_1"]["invalid"]


def test_brief_observations_are_eight_words_in_fixed_places():
    env = StrategyEnv(agents=3, level=3)
    pattern = re.compile(
        r"left=\d+ road=\d army=\d garrison=[?\d] wall=[?\d] supply=\d+ (\w+) (\w+)"
    )
    sights, results = set(), set()
    for seed in range(30):
        for observations, _, _ in play(env, [Novice(0.6) for _ in range(3)], seed):
            for seen in observations.values():
                match = pattern.fullmatch(seen["text"])
                assert match, seen["text"]
                sights.add(match.group(1))
                results.add(match.group(2))
    assert sights == set(text.SIGHTS) and results <= set(rules.RESULTS)


def test_full_style_says_the_same_as_brief():
    """Equal brief texts give equal full ones and the other way round, all else hidden."""
    brief, full = StrategyEnv(agents=4, level=2), StrategyEnv(agents=4, level=2, style="full")
    pairs = set()
    for seed in range(10):
        full.reset(seed=seed)
        for observations, _, actions in play(brief, [Novice(0.6) for _ in range(4)], seed):
            told = text.observe(full.campaign, "full")
            pairs |= {(o["text"], t) for o, t in zip(observations.values(), told, strict=True)}
            full.step(actions)
    assert len({b for b, _ in pairs}) == len({f for _, f in pairs}) == len(pairs)


def test_full_instructions_give_rules_and_grammar():
    env = StrategyEnv(agents=5, level=3, style="full", messages=True)
    _, infos = env.reset(seed=0)
    told = infos["front_2"]["instructions"]
    for order in rules.ORDERS:
        assert f"\n{order}: " in told
    assert "commander 2 of 5" in told and f"{env.turns} days" in told
    assert "last wall segment" in told and "message" in told


def test_fog_hides_the_other_fronts():
    """Another commander's deeds on the road do not show in one's own observation."""
    a, b = (StrategyEnv(agents=2) for _ in range(2))
    a.reset(seed=3)
    b.reset(seed=3)
    for _ in range(2):
        seen_a, *_ = a.step({"front_1": "hold", "front_2": "march"})
        seen_b, *_ = b.step({"front_1": "hold", "front_2": "scout"})
    assert seen_a["front_1"] == seen_b["front_1"] and seen_a["front_2"] != seen_b["front_2"]
