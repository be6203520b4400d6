"""Answers behind a label ("Order: march", "The answer is red."), in a list, or of one word."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator

from colllm_bench.envs.answers import clean, plain_word, unwrapped

LONGEST = 4096
"""Characters of an answer, from its end, in which labels are looked for."""

_ITEM = re.compile(r"\s*(?:>\s*)*(?:\(?(?:\d{1,2}|[a-z])[).]|\d{1,2}:|[-*+\u2022])\s+(.*)")
_LABEL = re.compile(
    r"\W*(?:(?:so|thus|therefore|sure|ok|okay|here|is|s|my|the|our|your|final|best|next|chosen|"
    r"correct|today|i|ll|will|would|choose|give|to|for|this|day|in|it)\W+)*"
    r"(?:order|action|answer|move|command|decision|choice|response|output|result|"
    r"choose|assistant|go with|front)s?(?: #?\d{1,2})?"
    r"(?:\W+(?:is|today|this|for|now|day|turn|would|be))*",
    re.IGNORECASE,
)
_SEPARATED = re.compile(r"[^\w\n]{0,3}[:=\u2013\u2014\u2192-]")


def labelled(
    text: str, read: Callable[[str], tuple[str | None, str]]
) -> Iterator[tuple[str, str]]:
    """(word, rest) of all list items that are answers, and of what stands behind a label: on its
    line after a colon (or "is"), or alone on the line below.

    Args:
        text: an answer as :func:`colllm_bench.envs.answers.clean` gave it.
        read: what a line says by the environment's grammar: (word or None, rest).
    """
    lines = [line for line in text[-LONGEST:].split("\n") if line.strip()]
    for number, line in enumerate(lines):
        item = _ITEM.fullmatch(line)
        body = item[1] if item else line
        if item and (pair := read(body))[0]:
            yield pair
        label = _LABEL.match(body)
        if label is None or body[label.end() :][:1].isalnum():
            continue
        rest = body[label.end() :]
        following = lines[number + 1] if number + 1 < len(lines) else ""
        sets_apart = plain_word(label[0]).endswith(" is") or bool(
            _SEPARATED.match(rest)) or "#" in body or not plain_word(rest)
        if plain_word(rest):
            pair = read(rest)
        else:
            pair = read(following)
        if pair[0] and sets_apart:
            yield pair


def one_word(text: object, words: Collection[str]) -> str | None:
    """The one of ``words`` that an answer gives; None: it gives none.

    The word stands alone on the first line that is not blank; case and punctuation around it do
    not matter. Where that line is none of them, a word counts that is marked as the answer
    (:func:`colllm_bench.envs.answers.unwrapped`), else one behind a label (:func:`labelled`);
    two that differ are none.
    """

    def read(line: str) -> tuple[str | None, str]:
        word = plain_word(line.strip().partition("\n")[0])
        return (word if word in words else None), ""

    cleaned = clean(text)
    within = list(unwrapped(cleaned))
    for contents in ([cleaned], within):
        found = {read(content[:LONGEST])[0] for content in contents} - {None}
        if found:
            return found.pop() if len(found) == 1 else None
    found = {word for content in (cleaned, *within) for word, _ in labelled(content, read)}
    return found.pop() if len(found) == 1 else None
