"""Premises of stories and made-up texts: splits that never meet, lists of the version."""

from __future__ import annotations

import itertools
import random
import zlib

import pytest

from colllm_bench.envs.splits import SPLITS
from colllm_bench.envs.writing.env import WritingEnv
from colllm_bench.envs.writing.language import grammar, premises, words
from colllm_bench.envs.writing.language.premise_lists import LISTS
from colllm_bench.errors import ConfigError


@pytest.mark.parametrize("lists", premises.LISTS)
def test_splits_share_no_character_no_place_and_no_conflict(lists):
    drawn = {}
    for split in SPLITS:
        rng = random.Random(0)
        found = [premises.draw(4, rng, split, lists) for _ in range(2000)]
        drawn[split] = {
            "characters": {c.name for p in found for c in (p.hero, p.friend)},
            "places": {p.place for p in found},
            "conflicts": {p.conflict for p in found},
        }
        assert len({repr(p) for p in found}) == 2000
    for kind in ("characters", "places", "conflicts"):
        train, dev, held_out = (drawn[split][kind] for split in ("train", "dev", "eval"))
        assert not train & held_out and not dev & (train | held_out)
        assert len(dev) >= 5 and len(train) > len(held_out) > len(dev)


@pytest.mark.parametrize("split, checksum", [("eval", 192871816), ("train", 2094237124)])
def test_narrow_premises_are_those_of_the_version(split, checksum):
    rows = [premises.draw(3, random.Random(seed), split) for seed in range(50)]
    assert zlib.crc32(repr(rows).encode()) == checksum


def test_wide_premises_are_several_times_as_many_and_nobody_changes_sides():
    for split, kind in itertools.product(SPLITS, (premises.places, premises.conflicts)):
        narrow, wide = kind(split), kind(split, "wide")
        assert set(narrow) <= set(wide) and len(set(wide)) == len(wide) > 2.5 * len(narrow)
    for split, pronoun in itertools.product(SPLITS, ("she", "he")):
        narrow, wide = (premises.names(split, lists)[pronoun] for lists in ("narrow", "wide"))
        assert set(narrow) <= set(wide) and len(set(wide)) == len(wide) > 4 * len(narrow)
    env = WritingEnv(premises="wide")
    env.reset(seed=0)
    assert env.premise == premises.draw(3, random.Random(0), "train", "wide")


def test_no_wide_name_or_place_is_a_word_of_the_stories():
    rows = [*grammar.DETAIL, *grammar.MOOD, *words.STOPWORDS, *words.IRREGULAR, *words.OBJECTS,
            *words.REQUIRED, *LISTS["wide"].villains, *LISTS["wide"].deeds]
    for kind in (grammar.FIRST, grammar.MIDDLE, grammar.LAST):
        rows += [row for part in kind.values() for row in part]
    told = set(" ".join(rows).lower().replace(".", " ").replace(",", " ").split())
    for split in SPLITS:
        found = sum(premises.names(split, "wide").values(), premises.places(split, "wide"))
        assert not told & {name.lower() for name in found}


def test_premises_are_chosen_for_stories_only():
    with pytest.raises(ConfigError, match="premises='broad'; allowed: 'narrow', 'wide'"):
        WritingEnv(premises="broad")
    with pytest.raises(ConfigError, match="premises='wide' with task='summary'"):
        WritingEnv(agents=2, task="summary", premises="wide")


@pytest.mark.parametrize("task", ["summary", "introduction"])
def test_splits_of_made_up_texts_never_meet(task):
    texts = {}
    for split in SPLITS:
        env = WritingEnv(agents=2, task=task, split=split)
        texts[split] = {env.source for seed in range(100) if env.reset(seed=seed)}
        assert len(texts[split]) > 90
    assert len(set.union(*texts.values())) == sum(map(len, texts.values()))


def test_premises_make_sense():
    rng = random.Random(3)
    for _ in range(300):
        p = premises.draw(rng.randint(2, 16), rng)
        assert p.hero.name != p.friend.name and len(set(p.required)) == len(p.required)
        assert len(p.plan) == len(p.required) and p.plan[0] == "opening"
        assert p.plan[-1] == "resolution"
        for i in range(len(p.plan)):
            assert all(p.term(field) for field in p.needs(i))
