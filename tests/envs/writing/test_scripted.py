"""Scripted authors, and the demonstrations that the built-in model is cloned from."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from colllm_bench.envs.writing.env import WritingEnv
from colllm_bench.envs.writing.language import grammar, premises
from colllm_bench.envs.writing.language.story_generator import (
    HABITS,
    WRONG_HERO,
    faulty,
    stories,
    write,
)
from colllm_bench.envs.writing.scoring import rewards
from colllm_bench.envs.writing.scripted import (
    CAREFUL,
    Expert,
    GreedyNovice,
    Novice,
    Random,
    demonstrations,
    play,
    read,
)
from colllm_bench.errors import ConfigError


def mean_quality(make, agents=3, turns=1, episodes=40, **options) -> float:
    total = 0.0
    for seed in range(episodes):
        env = WritingEnv(agents=agents, turns=turns, split="eval", **options)
        for _ in play(env, [make() for _ in range(agents)], seed):
            pass
        total += env._score["quality"]
    return total / episodes


@pytest.mark.parametrize("agents", [2, 3, 4, 8, 16])
def test_the_expert_is_near_one_at_every_size(agents):
    assert mean_quality(Expert, agents, episodes=20) > 0.93


@pytest.mark.parametrize("words", [20, 60, 120])
def test_the_expert_is_near_one_at_every_length(words):
    assert mean_quality(Expert, words=words, episodes=20) > 0.9


def test_later_drafts_of_the_expert_are_no_worse():
    assert mean_quality(Expert, 16, turns=3, episodes=5) > 0.93


def test_teams_stand_in_the_order_that_the_benchmark_needs():
    scores = [mean_quality(make) for make in (Random, GreedyNovice, Novice, Expert)]
    assert scores == sorted(scores)
    low, greedy, novice, high = scores
    assert low < 0.02 and greedy < 0.1 and 0.2 < (novice - low) / (high - low) < 0.6


def test_a_thousand_stories_and_no_two_alike():
    assert len(set(stories(random.Random(1), 1000))) == 1000


def test_a_thousand_stories_on_one_premise_and_hardly_two_alike():
    rng = random.Random(2)
    premise = premises.draw(3, rng)
    told = {" ".join(write(premise, k, 30, rng, turn) for k in range(3))
            for turn in range(5) for _ in range(200)}  # fmt: skip
    assert len(told) >= 990


def test_every_template_can_be_filled():
    rng = random.Random(0)
    premise = premises.draw(3, rng)
    rows = [*grammar.DETAIL, *grammar.MOOD]
    for kind in (grammar.FIRST, grammar.MIDDLE, grammar.LAST):
        for part in kind.values():
            rows += part
    for row in rows:
        done = grammar.fill(row, premise, 1, rng)
        assert "{" not in done and done[0].isupper() and done[-1] in ".!"
    for part in grammar.MIDDLE.values():
        assert all("{word}" in row for row in part)


@pytest.mark.parametrize("habit", HABITS)
def test_every_bad_habit_costs(habit):
    """Each on its own, in all sections, against the same sections without it."""
    clean, spoilt = 0.0, 0.0
    for seed in range(20):
        premise = premises.draw(3, random.Random(seed), "eval")
        for faults in (set(), {habit}):
            rng = random.Random(seed)
            sections = [faulty(premise, k, 30, rng, faults) for k in range(3)]
            rows = rewards.score(sections, premise, 30, None)
            quality = rewards.quality({name: sum(v) / len(v) for name, v in rows.items()})
            if faults:
                spoilt += quality / 20
            else:
                clean += quality / 20
    assert spoilt < clean - 0.03, (habit, clean, spoilt)


def test_the_novices_most_likely_choice_is_wrong_in_every_respect():
    assert Novice.skill < 0.5
    heroes = Counter()
    for seed in range(200):
        env = WritingEnv(agents=2)
        for _, _, actions in play(env, [Novice(), Novice()], seed):
            words = actions["writer_1"].replace(",", "").split()
            heroes["wrong"] += WRONG_HERO.name in words
            heroes["right"] += env.premise.hero.name in words
    assert heroes["wrong"] > heroes["right"] > 50


def test_scripts_refuse_what_they_cannot_read():
    env = WritingEnv(style="full")
    _, infos = env.reset(seed=0)
    with pytest.raises(ConfigError, match="style='brief'"):
        Expert().reset("writer_1", infos["writer_1"]["instructions"], 0)
    with pytest.raises(ConfigError, match="style='brief'"):
        read("hello")


def test_scripted_authors_depend_on_seed_and_name_alone():
    env = WritingEnv()
    _, infos = env.reset(seed=0)
    told = infos["writer_2"]["instructions"]
    said = set()
    for seed in (0, 0, 1):
        author = Novice()
        author.reset("writer_2", told, seed)
        said.add(author.act("draft 1 of 1", {}))
    assert len(said) == 2


def test_demonstrations_are_chats_of_the_training_split():
    chats = list(demonstrations(random.Random(0), 200))
    assert chats == list(demonstrations(random.Random(0), 200))
    masters, careful, drafts = 0, 0, Counter()
    held_out = {n for row in premises.names("eval").values() for n in row}
    held_out |= set(premises.places("eval"))
    for chat in chats:
        roles = [message["role"] for message in chat]
        assert roles == ["system"] + ["user", "assistant"] * (len(roles) // 2)
        careful += chat[0]["content"].startswith(CAREFUL)
        masters += "master of" in chat[0]["content"]
        drafts[len(roles) // 2] += 1
        words = set(" ".join(m["content"] for m in chat).replace(",", "").replace(".", "").split())
        assert not words & held_out
    assert 0.05 < masters / 200 < 0.2 and set(drafts) == {1, 2, 3}
    assert 0.4 < careful / 200 < 0.6


def test_no_environment_asks_for_care():
    """The built-in model must start as a novice."""
    for style in ("brief", "full"):
        env = WritingEnv(style=style)
        _, infos = env.reset(seed=0)
        assert CAREFUL.strip() not in infos["writer_1"]["instructions"].lower()
