"""A text as the measures see it: words, sentences, names. Pure functions of text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from colllm_bench.envs.writing.language.words import CAPITALS, STOPWORDS

_TOKEN = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*|[.,!?;:\"\u201c\u201d()\u2026\u2014-]|[^\w\s]")
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
ENDS = frozenset(".!?\u2026")
QUOTES = frozenset("\"\u201c\u201d(")


@dataclass(frozen=True)
class Text:
    """A section, cut up once for all measures.

    Attributes:
        tokens: words and punctuation, in order, as written.
        words: lower-case words, in order.
        starts: for each token, whether it opens a sentence or a quotation.
        stems: stem of each word of ``words``.
        content: stems of the words that are no stopwords.
    """

    tokens: tuple[str, ...]
    words: tuple[str, ...]
    starts: tuple[bool, ...]
    stems: tuple[str, ...]
    content: frozenset[str]


def read(text: str) -> Text:
    """Cut a text up."""
    tokens = tuple(token.replace("\u2019", "'") for token in _TOKEN.findall(text))
    starts, fresh = [], True
    for token in tokens:
        starts.append(fresh)
        if token in ENDS or token in QUOTES:
            fresh = True
        elif token[0].isalnum():
            fresh = False
    words = tuple(token.lower() for token in tokens if token[0].isalnum())
    stems = tuple(map(stem, words))
    content = frozenset(s for s, w in zip(stems, words) if w not in STOPWORDS)
    return Text(tokens, words, tuple(starts), stems, content)


def stem(word: str) -> str:
    """A word without the commonest English endings, so that ``ropes`` finds ``rope``.

    Possessives, plurals, -ed and -ing, and a final e; a light form of Porter's step 1
    (M. F. Porter, An algorithm for suffix stripping, Program 14(3), 1980).
    """
    word = word.lower().removesuffix("'s")
    if len(word) > 3 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for end in ("ing", "ed"):
        if len(word) > len(end) + 2 and word.endswith(end):
            word = word[: -len(end)]
            if len(word) > 2 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    return word


def ngrams(words: tuple[str, ...], n: int) -> list[tuple[str, ...]]:
    return [words[i : i + n] for i in range(len(words) - n + 1)]


def find_names(texts: Iterable[Text], known: frozenset[str] = frozenset()) -> frozenset[str]:
    """Capitalised words (lower case) that are names of characters or places.

    A word counts if it is capitalised within a sentence and is neither a stopword nor in
    :data:`words.CAPITALS`; or if it opens at least two sentences and never stands in lower
    case. ``known`` names count whenever they occur.
    """
    inside: Counter[str] = Counter()
    opening: Counter[str] = Counter()
    lower: set[str] = set()
    for text in texts:
        for token, start in zip(text.tokens, text.starts):
            if not token[0].isalpha():
                continue
            word = token.lower().removesuffix("'s")
            if token[0].isupper():
                (opening if start else inside)[word] += 1
            else:
                lower.add(word)
    found = {word for word in inside if word not in lower}
    found |= {word for word, n in opening.items() if n > 1 and word not in lower}
    found = {word for word in found if word not in STOPWORDS and word not in CAPITALS}
    return frozenset(found | {w for w in known if w in inside or w in opening or w in lower})
