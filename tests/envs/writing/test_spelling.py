"""The frozen word list is the one that published scores were made with."""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import sys

import pytest

from colllm_bench.envs.writing.language import tokens as tk
from colllm_bench.envs.writing.scoring import spelling

SHA256 = "42959314da60795c29879bb324d152d75c5259319ee7fed32fc36ff6e7dc39b6"


def frozen() -> list[str]:
    return gzip.decompress(spelling.WORDS.read_bytes()).decode("utf-8").splitlines()


def test_the_list_is_the_published_one():
    data = gzip.decompress(spelling.WORDS.read_bytes())
    assert hashlib.sha256(data).hexdigest() == SHA256
    words = frozen()
    assert words == sorted(set(words)) and len(words) == 160_572


def test_the_list_is_that_of_the_package_it_comes_from():
    if importlib.metadata.version("pyspellchecker") != "0.9.1":
        pytest.skip("another version of pyspellchecker is installed")
    from spellchecker import SpellChecker

    assert set(frozen()) == set(SpellChecker().word_frequency.dictionary)


def test_scoring_needs_no_other_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "spellchecker", None)  # importing it would fail
    spelling.dictionary.cache_clear()
    assert {"lantern", "the", "brave"} <= spelling.dictionary()
    assert set(frozen()) <= spelling.dictionary()


@pytest.mark.parametrize(("text", "low", "high"), [
    ("The brave girl took the lantern to the harbour.", 1.0, 1.0),
    ("Qzxv trplk the wubbzy flurn gnorp.", 0.0, 0.0),
    ("The brave girl took the xqzzy lantern to the harbour.", 0.6, 0.9),
])
def test_spelling(text, low, high):
    assert low <= spelling.spelling(tk.read(text), frozenset()) <= high


def test_words_are_words_whatever_the_apostrophe():
    assert tk.read("Mira\u2019s can't").words == ("mira's", "can't")
