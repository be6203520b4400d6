"""The published rewards, at and around every threshold, against values worked by hand.

``text(tokens, unique, chars)`` makes a text of exactly so many tokens, different words and
characters: words p0, p1, ... and exclamation marks, which are neither words nor markers.
"""

from __future__ import annotations

import random

import pytest

from colllm_bench.envs.writing.env import WritingEnv
from colllm_bench.envs.writing.scoring import comlrl_reward
from colllm_bench.envs.writing.scoring.comlrl_reward import levels, transition
from colllm_bench.envs.writing.scripted import published_text


def text(tokens: int, unique: int, chars: int, prefix: str = "p", start: int = 0) -> str:
    words = [f"{prefix}{start + i % unique}" for i in range(tokens)]
    joined = " ".join(words)
    assert len(joined) <= chars, len(joined)
    return joined + "!" * (chars - len(joined))


def test_the_maker_of_texts_makes_what_it_says():
    made = text(10, 5, 100)
    assert len(made) == 100 and len(made.split()) == 10 and len(set(comlrl_reward.words(made))) == 5


# First text: 10 tokens, 10 different words, 100 characters, where nothing else is said.
# Second: so many tokens, different words, characters; the expected points of levels 1 to 3.
SUMMARY = [
    # level 1: 8 to 256 tokens
    ((7, 7, 100), (20, 20, 200), (0.0, 0.0, 0.0)),
    ((8, 8, 100), (20, 20, 200), (0.5, 1.0, 0.5)),
    ((10, 10, 100), (7, 7, 200), (0.0, 0.0, 0.0)),
    ((256, 10, 1000), (256, 20, 2000), (0.5, 1.0, 0.5)),
    ((257, 10, 1000), (256, 20, 2000), (0.0, 0.0, 0.0)),
    ((256, 10, 1000), (257, 20, 2000), (0.0, 0.0, 0.0)),
    # level 2: characters, 1 in [1.6, 3.2], rising over [1.1, 1.6), falling over (3.2, 5.0]
    ((10, 10, 100), (20, 20, 109), (0.5, 0.0, 0.0)),
    ((10, 10, 100), (20, 20, 110), (0.5, 0.0, 0.5)),
    ((10, 10, 100), (20, 20, 111), (0.5, 0.02, 0.5)),
    ((10, 10, 100), (20, 20, 135), (0.5, 0.5, 0.5)),
    ((10, 10, 100), (20, 20, 159), (0.5, 0.98, 0.5)),
    ((10, 10, 100), (20, 20, 160), (0.5, 1.0, 0.5)),
    ((10, 10, 100), (20, 20, 320), (0.5, 1.0, 0.5)),
    ((10, 10, 100), (20, 20, 338), (0.5, 0.9, 0.5)),
    ((10, 10, 100), (20, 20, 410), (0.5, 0.5, 0.5)),
    ((10, 10, 100), (20, 20, 500), (0.5, 0.0, 0.5)),
    ((10, 10, 100), (20, 20, 501), (0.5, 0.0, 0.0)),
    # level 3: different words, 0.5 from 2.0 on, rising over [1.3, 2.0)
    ((10, 10, 100), (20, 12, 200), (0.5, 1.0, 0.0)),
    ((10, 10, 100), (20, 13, 200), (0.5, 1.0, 0.0)),
    ((10, 10, 100), (20, 14, 200), (0.5, 1.0, 0.5 / 7)),
    ((20, 20, 100), (40, 33, 200), (0.5, 1.0, 0.25)),
    ((10, 10, 100), (20, 19, 200), (0.5, 1.0, 3.0 / 7)),
    ((10, 10, 100), (20, 20, 200), (0.5, 1.0, 0.5)),
    ((10, 10, 100), (60, 60, 300), (0.5, 1.0, 0.5)),
]

# First text: 130 tokens, 100 different words, 1,000 characters.
INTRODUCTION = [
    # level 1: 128 to 256 tokens
    ((127, 100, 1000), (130, 100, 1400), (0.0, 0.0, 0.0)),
    ((128, 100, 1000), (128, 100, 1400), (0.5, 1.0, 0.5)),
    ((130, 100, 1000), (127, 100, 1400), (0.0, 0.0, 0.0)),
    ((256, 100, 1000), (256, 100, 1400), (0.5, 1.0, 0.5)),
    ((130, 100, 1000), (257, 100, 1400), (0.0, 0.0, 0.0)),
    # level 2: 1 in [1.3, 1.6], rising over [0.8, 1.3), falling over (1.6, 2.0]
    ((130, 100, 1000), (130, 100, 799), (0.5, 0.0, 0.0)),
    ((130, 100, 1000), (130, 100, 800), (0.5, 0.0, 0.5)),
    ((130, 100, 1000), (130, 100, 1050), (0.5, 0.5, 0.5)),
    ((130, 100, 1000), (130, 100, 1300), (0.5, 1.0, 0.5)),
    ((130, 100, 1000), (130, 100, 1600), (0.5, 1.0, 0.5)),
    ((130, 100, 1000), (130, 100, 1700), (0.5, 0.75, 0.5)),
    ((130, 100, 1000), (130, 100, 2000), (0.5, 0.0, 0.5)),
    ((130, 100, 1000), (130, 100, 2001), (0.5, 0.0, 0.0)),
    # level 3: 0.5 in [0.7, 1.3], rising over [0.5, 0.7), falling over (1.3, 1.7]
    ((130, 100, 1000), (130, 49, 1400), (0.5, 1.0, 0.0)),
    ((130, 100, 1000), (130, 50, 1400), (0.5, 1.0, 0.0)),
    ((130, 100, 1000), (130, 60, 1400), (0.5, 1.0, 0.25)),
    ((130, 100, 1000), (130, 70, 1400), (0.5, 1.0, 0.5)),
    ((130, 100, 1000), (130, 130, 1400), (0.5, 1.0, 0.5)),
    ((130, 100, 1000), (150, 150, 1400), (0.5, 1.0, 0.25)),
    ((130, 100, 1000), (170, 170, 1400), (0.5, 1.0, 0.0)),
    ((130, 100, 1000), (171, 171, 1400), (0.5, 1.0, 0.0)),
]


@pytest.mark.parametrize("task, rows", [("summary", SUMMARY), ("introduction", INTRODUCTION)])
def test_levels_one_to_three_worked_by_hand(task, rows):
    for first, second, expected in rows:
        points = levels(task, text(*first), text(*second, prefix="q"))
        assert points[:3] == pytest.approx(expected, abs=1e-9), (task, first, second)
        assert points[3] == 0.0  # no marker, no word in common


def test_there_are_enough_of_them():
    assert len(SUMMARY) + len(INTRODUCTION) >= 30


@pytest.mark.parametrize(
    "shared, similarity",
    [
        # 10 words and 20 words, so many in common: J = shared / (30 - shared)
        (0, 0.0),
        (1, 1 / 29),
        (3, 3 / 27),
        (5, 5 / 25),
        (6, 0.23),  # 6 / 24 = 0.25: capped
        (10, 0.23),
    ],
)
def test_level_four_similarity_worked_by_hand(shared, similarity):
    first, second = text(10, 10, 100), text(20, 20, 200, start=10 - shared)
    assert levels("summary", first, second)[3] == pytest.approx(0.6 * similarity / 0.23)


@pytest.mark.parametrize(
    "first, second, expected",
    [
        ("p0 p1", "q0 q1", 0.0),
        ("p0 however p1", "q0", 0.4),  # contrast
        ("p0 HOWEVER p1", "q0 but", 0.4),  # the same category twice
        ("p0 however p1", "q0 therefore q1", 0.45),  # contrast, cause and effect
        ("p0 however p1", "therefore, for example, q1", 0.5),  # and examples
        ("p0 some p1", "q0", 0.4),  # "so" within "some": substrings, as published
        ("p0 also", "q0", 0.45),  # elaboration, and "so" once more
        # all twelve: 0.4 + 0.05 * 11
        ("moreover for example in fact therefore however first", "indeed in the end similarly "
         "although unless when", 0.95),
    ],
)
def test_transitions_worked_by_hand(first, second, expected):
    assert transition(first, second) == pytest.approx(expected)


def test_level_four_adds_up():
    first = text(10, 10, 100)
    second = text(19, 19, 190) + " however"  # 20 words, 10 in common: capped; contrast
    assert levels("summary", first, second)[3] == pytest.approx(0.4 * 0.4 + 0.6)


def test_stopwords_count_for_level_three_and_not_for_level_four():
    first = "the a of in on at p0 p1"
    second = "the a of in on at q0 q1 q2 q3 q4 q5 q6 q7 q8 q9"  # 16 words against 8
    points = levels("summary", first, second)
    assert points[2] == 0.5 and points[3] == 0.0


def test_texts_without_words_stop():
    assert levels("summary", "! " * 8 + "?", "! " * 16 + "?")[2:] == (0.0, 0.0)
    assert levels("summary", "", "") == (0.0, 0.0, 0.0, 0.0)


def test_word_salad_scores_high_which_is_what_is_wrong_with_it():
    first, second = text(10, 10, 100), text(20, 20, 200)
    assert sum(levels("summary", first, second)) == pytest.approx(2.6)


@pytest.mark.parametrize("task", ["summary", "introduction"])
def test_the_expert_gets_nearly_all_points(task):
    from colllm_bench.envs.writing.language.synthetic_sources import draw

    rng = random.Random(0)
    for _ in range(30):
        source = draw(task, rng)
        points = levels(task, published_text(task, 0, source), published_text(task, 1, source))
        assert points[:3] == (0.5, 1.0, 0.5) and points[3] > 0.75, source


@pytest.mark.parametrize("source", ["Short.", "no full stop at all", "a b c d e f g h i j k l m n",
                                    "POST: TL;DR:", "!!! ???"])  # fmt: skip
@pytest.mark.parametrize("task", ["summary", "introduction"])
def test_the_expert_survives_poor_sources(task, source):
    for section in (0, 1):
        assert published_text(task, section, source)


@pytest.mark.parametrize("task", ["summary", "introduction"])
def test_published_tasks_tell_their_roles_and_never_show_the_other_at_work(task):
    env = WritingEnv(task=task, agents=2, turns=1, style="full")
    seen, infos = env.reset(seed=0)
    told = [infos[agent]["instructions"] for agent in env.agents]
    assert told[0] != told[1] and all(env.source in t for t in told)
    assert seen["writer_1"]["text"] == "Write draft 1 of 1."
