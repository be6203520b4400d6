"""Which words are English: a frozen word list, and the words of our own texts.

``words.txt.gz`` holds the English words of pyspellchecker 0.9.1, in ``words.LICENSE.txt`` its
licence. A list of a package that is installed beside would move scores with its version.
"""

from __future__ import annotations

import gzip
import re
from functools import cache
from pathlib import Path

from colllm_bench.envs.writing.language import grammar
from colllm_bench.envs.writing.language import tokens as tk
from colllm_bench.envs.writing.scoring import ngram_model
from colllm_bench.envs.writing.scoring.measures import ramp

WORDS = Path(__file__).with_name("words.txt.gz")
"""160,572 words in lower case, a line each, sorted."""
MOST, FEW = 0.25, 0.04
"""Shares of unknown words at which a section's spelling is worth 0, and still 1."""


@cache
def dictionary() -> frozenset[str]:
    """Known words in lower case; read once a process."""
    rows = [*grammar.DETAIL, *grammar.MOOD, ngram_model.PROSE.read_text("utf-8")]
    for kind in (grammar.FIRST, grammar.MIDDLE, grammar.LAST):
        for part in kind.values():
            rows += part
    ours = {word for row in rows for word in re.findall(r"[a-z]+", row.lower())}
    return frozenset(gzip.decompress(WORDS.read_bytes()).decode("utf-8").split("\n")[:-1]) | ours


def spelling(text: tk.Text, names: frozenset[str]) -> float:
    """1 where at most 4% of the words are neither English nor names, 0 where a quarter are."""
    if not text.words:
        return 0.0
    known = dictionary()
    unknown = sum(not _known(word, known, names) for word in text.words)
    return ramp(unknown / len(text.words), MOST, FEW)


def _known(word: str, known: frozenset[str], names: frozenset[str]) -> bool:
    bare = word.removesuffix("'s")
    if word in known or bare in known or bare in names or word.isdigit():
        return True
    parts = bare.split("-")
    return len(parts) > 1 and all(part in known for part in parts)
