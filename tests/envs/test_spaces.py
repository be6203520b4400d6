"""The text space."""

from __future__ import annotations

import copy
import pickle

import pytest

from colllm_bench.envs.spaces import TextSpace


@pytest.mark.parametrize("text", ["", "a b", "naïve — \U0001f525", "\n\x00", "x" * 20])
def test_contains_any_text_that_is_short_enough(text):
    assert text in TextSpace(20)


@pytest.mark.parametrize("other", ["x" * 21, "\ud800", "a\udfffb", 7, None, b"a", ["a"]])
def test_contains_nothing_else(other):
    assert other not in TextSpace(20)


def test_samples_are_members_seeded_and_short():
    space = TextSpace(4096, examples=("march", "hold"))
    space.seed(3)
    samples = [space.sample() for _ in range(200)]
    assert all(sample in space and len(sample) <= 12 for sample in samples)
    assert 60 < sum(sample in ("march", "hold") for sample in samples) < 140
    space.seed(3)
    assert samples == [space.sample() for _ in range(200)]
    assert all(sample in TextSpace(2) for sample in (TextSpace(2).sample() for _ in range(50)))


def test_masks_are_refused():
    with pytest.raises(ValueError, match="mask"):
        TextSpace(5).sample(mask=1)


def test_copies_are_equal_and_go_on_alike():
    space = TextSpace(30, examples=("a",), seed=1)
    for clone in (copy.deepcopy(space), pickle.loads(pickle.dumps(space))):
        assert clone == space and clone != TextSpace(31, examples=("a",))
    clone = pickle.loads(pickle.dumps(space))
    assert [clone.sample() for _ in range(9)] == [space.sample() for _ in range(9)]
