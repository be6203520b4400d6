"""The score of a story: measures against values worked by hand."""

from __future__ import annotations

import hashlib
import random

import pytest
from story_teams import PREMISE

from colllm_bench.envs.writing import text
from colllm_bench.envs.writing.language import premises
from colllm_bench.envs.writing.language import tokens as tk
from colllm_bench.envs.writing.language.story_generator import write
from colllm_bench.envs.writing.scoring import measures, ngram_model, rewards
from colllm_bench.envs.writing.scoring.spelling import spelling

# -- measures, worked by hand


@pytest.mark.parametrize(
    "count, value",
    [(0, 0.0), (6, 0.0), (12, 0.5), (18, 1.0), (30, 1.0), (42, 1.0), (75, 0.0), (200, 0.0)],
)
def test_length_of_thirty_words_wanted(count, value):
    assert measures.length(count, 30) == pytest.approx(value)


def test_length_falls_linearly_above():
    assert measures.length(117, 60) == pytest.approx(0.5)  # 1.95 times, between 1.4 and 2.5


def test_balance_compares_with_the_mean():
    assert measures.balance([30, 30]) == [1.0, 1.0]
    assert measures.balance([10, 30]) == pytest.approx([0.5, 20 / 30])
    assert measures.balance([0, 20]) == [0.0, 0.5]


def test_mtld_worked_by_hand():
    # a b a b a: ratios 1, 1, 2/3 <= 0.72: a run of three; then b a: ratio 1, nothing left over.
    # One run in five words, in both directions (the text reads the same backwards).
    assert measures.mtld("a b a b a".split()) == pytest.approx(5.0)
    # a b c d: never below: no factor at all, the length of the text.
    assert measures.mtld("a b c d".split()) == 4.0
    # a b c a d: 1, 1, 1, 3/4, 4/5: a partial run of (1 - 0.8) / 0.28; backwards d a c b a ends
    # at 4/5 too. 5 / (0.2 / 0.28) = 7.
    assert measures.mtld("a b c a d".split()) == pytest.approx(7.0)
    assert measures.mtld([]) == 0.0


def test_distinct_and_repetition_worked_by_hand():
    assert measures.distinct(tuple("abcabc"), 3) == 3 / 4  # abc bca cab abc
    assert measures.distinct(tuple("ab"), 3) == 1.0
    assert measures.repetition(tuple("abcdefghij")) == 1.0
    assert measures.repetition(("the",) * 20) == 0.0
    # Nine words said twice: 16 trigrams, 9 of them different: 0.5625, below 0.6.
    assert measures.repetition(tuple("abcdefghi" * 2)) == 0.0


def test_copying_worked_by_hand():
    own = tuple("abcdefghijklm")  # ten 4-grams
    grams = tk.ngrams(own, 4)
    for shared, value in ((0, 1.0), (1, 1.0), (3, 0.5), (5, 0.0), (10, 0.0)):
        assert measures.copying(own, set(grams[:shared])) == pytest.approx(value)


def test_overlap_cohesion_and_jaccard_worked_by_hand():
    a, b, c = frozenset("abcd"), frozenset("defghijk"), frozenset("xyz")
    assert measures.overlap(a, b) == 1 / 4 and measures.overlap(a, c) == 0.0
    assert measures.cohesion([a, b, c]) == pytest.approx([1.0, 0.5, 0.0])
    assert measures.jaccard(a, b) == 1 / 11 and measures.jaccard(set(), set()) == 0.0


@pytest.mark.parametrize(
    "second, value",
    [
        ("Then she left the house and went home to her mother and slept for hours.", 1.0),
        ("She left the house at nine, however, and went home to her old mother again.", 0.6),
        ("She left the house and went home. However, it rained on the way all day.", 0.0),
        ("", 0.0),
    ],
)
def test_transitions_worked_by_hand(second, value):
    texts = [tk.read("A house stood there."), tk.read(second)]
    assert measures.transitions(texts) == pytest.approx([1.0, value])


def test_the_same_transition_twice_is_worth_half():
    texts = [tk.read("A house."),
             tk.read("Then it fell down by night into one great heap of dust."),
             tk.read("Then we wept long and hard over the house that had been ours.")]  # fmt: skip
    assert measures.transitions(texts) == pytest.approx([1.0, 1.0, 0.5])


@pytest.mark.parametrize(
    "word, stem",
    [("ropes", "rop"), ("rope", "rop"), ("boxes", "box"), ("stories", "story"),
     ("thief's", "thief"), ("grabbed", "grab"), ("carrying", "carry"), ("glass", "glass"),
     ("bus", "bus"), ("this", "this"), ("seized", "seiz"), ("seize", "seiz"), ("bell", "bell")],
)  # fmt: skip
def test_stems(word, stem):
    assert tk.stem(word) == stem


def test_names_are_found():
    texts = [tk.read("One day Bob met Ann. Bob sat. Thunder rolled, said Mr Lee on Monday."),
             tk.read("Bob ran. Thunder came, and thunder went.")]  # fmt: skip
    assert tk.find_names(texts) == {"bob", "ann", "lee"}
    assert tk.find_names(texts, frozenset({"thunder"})) >= {"thunder"}


# -- components of stories

OPENING = "Once, in Kelford, Mira hung her lantern on a rope in the cold wind, and Todan smiled."


def one(component: str, *sections: str) -> list[float]:
    cleaned = [text.clean(section) or "" for section in sections]
    return rewards.score(cleaned, PREMISE, 30, None)[component]


def test_coverage_worked_by_hand():
    # The opening needs hero, place, object, its word (twice) and the tone: six items.
    assert one("coverage", OPENING, "", "")[0] == 1.0
    assert one("coverage", "Mira had a lantern.", "", "")[0] == pytest.approx(2 / 6)
    assert one("coverage", "Ropes, and Mira's ropes.", "", "")[0] == pytest.approx(3 / 6)
    # The trouble needs villain, deed, object, its word (twice) and the tone.
    trouble = "Thieves were stealing the lanterns and breads, grimly."
    assert one("coverage", OPENING, trouble, "")[1] == pytest.approx(4 / 6)
    assert one("coverage", OPENING, "A thief hid it in the shadows.", "")[1] == pytest.approx(2 / 6)


def test_continuity_worked_by_hand():
    last = "Then Mira put the lantern in the window, and he smiled."
    assert one("continuity", OPENING, "So Mira wept over her lantern.", last)[1:] == [1.0, 1.0]
    # Another hero: one of two mentions is a stranger's; Bob anchors nothing; no use is unprepared.
    assert one("continuity", OPENING, "So near Kelford we met Bob.", last)[1] == pytest.approx(
        0.5 * (0 + 1) / 2
    )
    # A pronoun before its character (1 of 2 uses), and no name: anchored by half.
    alone = one("continuity", "Here she slept. It was cold.", OPENING, last)[0]
    assert alone == pytest.approx((0.5 + 0.0) / 2)
    # "The lantern" before there was one: one of two uses.
    assert one("continuity", "Mira had the lantern.", "", "")[0] == pytest.approx((1 + 0.5) / 2)
    # Somebody who first appears in the last section: one of two uses.
    late = one("continuity", "Mira sat.", "Mira ran.", "So Mira met Todan.")[2]
    assert late == pytest.approx((1 + 0.5) / 2)


def test_a_section_that_breaks_off_is_less_fluent():
    assert one("fluency", "Mira sat.", "Mira ran to the", "")[:2] == [1.0, 0.8]


def test_words_that_are_none_cost_fluency():
    """1 up to 4% of the words, 0 from 25%; names of any kind are no misspellings."""
    words = "the old man and the dog sat by the river for a long time in the warm sun while "
    words += "two birds sang in a tree"  # 25 of them
    one_odd, two_odd = words.replace("tree", "trxe"), words.replace("birds", "bxrds sxng")
    assert len(tk.read(words).words) == 25
    assert spelling(tk.read(f"{words}. Mira sat."), frozenset({"mira"})) == 1.0
    assert spelling(tk.read(one_odd), frozenset()) == 1.0
    assert spelling(tk.read(two_odd), frozenset()) == pytest.approx((0.25 - 2 / 26) / 0.21)
    assert spelling(tk.read("worik glost a b"), frozenset()) == 0.0
    assert spelling(tk.read("Mira's well-known colour"), frozenset({"mira"})) == 1.0


def test_the_premise_as_shown_is_no_section():
    for told in (premises.brief_premise(PREMISE), premises.full_premise(PREMISE)):
        assert one("copying", told, "", "")[0] == 0.0


def test_quality_is_a_product():
    ones = dict.fromkeys(rewards.COMPONENTS, 1.0)
    assert rewards.quality(ones) == 1.0
    assert sum(rewards.MERITS.values()) == pytest.approx(1.0)
    for name in rewards.COMPONENTS:
        assert rewards.quality(ones | {name: 0.0}) == 0.0
    assert rewards.quality(ones | {"fluency": 0.5}) == 0.5
    assert rewards.quality(ones | {"coverage": 0.5}) == pytest.approx(0.5**0.4)


# -- fluency


def test_the_reference_is_frozen():
    """It belongs to the version: whoever changes it makes writing_v1."""
    digest = hashlib.sha256(ngram_model.FILE.read_bytes()).hexdigest()
    assert digest == "1e46c882c2cb0c4955453fbba178f45fb9499961996bdc94a4d48db1d78ad001"


def test_reference_probabilities_are_a_distribution():
    model = ngram_model.load().models[1]
    symbols = [*model.unigrams, "<never seen>"]
    for context in (("<s>",) * 3, ("<s>", "the", "<x>"), ("no", "such", "context")):
        total = sum(model.probability((*context, symbol)) for symbol in symbols)
        assert total == pytest.approx(1.0, abs=1e-6)


def test_fluency_is_near_1_for_the_expert_and_near_0_for_shuffled_words():
    model, rng = ngram_model.load(), random.Random(0)
    good, bad = [], []
    for _ in range(100):
        premise = premises.draw(3, rng, "eval")
        section = tk.read(write(premise, rng.randrange(3), 30, rng))
        names = frozenset(n.lower() for n in (premise.hero.name, premise.friend.name))
        good.append(model.fluency(section, names))
        bad.append(model.fluency(ngram_model.shuffled(section, rng), names))
    assert sum(good) / 100 > 0.95 and sum(bad) / 100 < 0.07
