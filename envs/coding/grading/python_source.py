"""The Python in an answer: text around it is given up. Nothing is run here.

Everything works on text that nobody vouches for, in the parent process: it reads, bounded in
length, and evaluates nothing.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator

from colllm_bench.envs import answers

_FENCE = re.compile(r"```[^\n`]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
_START = re.compile(
    r"(?:async\s+)?def\s+\w+\s*[(\[]|class\s+\w+\s*[:(\[]|from\s+[\w.]+\s+import\b"
    r"|import\s+[\w.]+\s*(?:as\s|[,;#\\]|$)|@\s*\w[\w.]*\s*(?:[(#]|$)"
)
"""A line that begins code; prose may begin with the same words ("from the text we see")."""
_MOST_TRIES = 40
"""Lines given up from the end of an answer in search of code that parses."""


def source_of(text: str) -> str:
    """The Python in an answer: the fenced blocks if there are any, else the text."""
    blocks = _FENCE.findall(text)
    return "\n".join(blocks) if blocks else text


class Budget:
    """Characters that may still be parsed for one answer, so that none takes long."""

    def __init__(self, left: int = 200_000):
        self.left = left

    def take(self, source: str) -> bool:
        """Whether there is room for one more source; takes it."""
        self.left -= len(source)
        return self.left >= 0


def parse_tree(source: str, budget: Budget) -> tuple[ast.Module | None, str, str]:
    """(tree, source, error) of the code in ``source``, prose before and after it given up.

    Without a tree, error says why in a few words (line and message).
    """
    budget.take(source)
    tree, error = _try(source)
    if tree is not None:
        return tree, source, ""
    lines = source.split("\n")
    start = next((i for i, line in enumerate(lines) if _START.match(line)), None)
    if start is None:
        return None, source, error
    lines = lines[start:]
    for end in range(len(lines), max(0, len(lines) - _MOST_TRIES), -1):
        if end < len(lines) and not lines[end].strip():
            continue  # the same code as one line further
        part = "\n".join(lines[:end])
        if not budget.take(part):
            break
        tree, _ = _try(part)
        if tree is not None:
            # A function that stops in its middle is broken code, not code with prose below it.
            if end == len(lines) or not lines[end][:1].isspace():
                return tree, part, ""
            break
    return None, source, error


def _try(source: str) -> tuple[ast.Module | None, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's remarks on a model's style are nobody's
            return ast.parse(source), ""
    except SyntaxError as error:
        return None, f"line {error.lineno or 1}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return None, str(error) or "nested too deeply"


_SPACES = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_NOTHING_SEEN = re.compile(
    f"[{answers.INVISIBLE}\x01-\x08\x0e-\x1a\x7f\u202a-\u202e\u2066-\u2069]|\x1b\\[[0-9;]*m")
"""What is not shown: invisible characters, control characters, colours of a terminal."""
_LINE_ENDS = re.compile("[\x0b\x1c-\x1e\x85\u2028\u2029]")
_LATE_FENCE = re.compile(r"```[ \t]*$", re.MULTILINE)
"""A fence that ends at the end of the code's last line."""
_IN_QUOTES = re.compile(r"\s*(\'\'\'|\"\"\")(?:python|py)?\n(.*)\1\s*", re.DOTALL)
_INLINE = re.compile(r"`(?:python|py)?[ \t]*(def\s[^`]*|\w+[ \t]*=[ \t]*lambda\b[^`]*)`")
_QUOTED = re.compile(r"^(?:> ?|[*+-] (?=def\s)|\+(?!\+))", re.MULTILINE)
"""Marks of a quotation or of a diff in front of each line, or of a list item that is a function."""
_NUMBERED = re.compile(r"^ *\d+(?: ?[:|]|\.)? ?", re.MULTILINE)
_INDENTED = re.compile(r"^([ \t]+)(?=(?:async\s+def|def|class|import|from)\s|@)", re.MULTILINE)
_PROMPT = re.compile(r"[ \t]*(?:>>>|\.\.\.:?|In \[\d+\]:)(?: |$)")


def sources(text: str, written: str) -> Iterator[str]:
    """The Python that an answer may hold, the likeliest first; each is tried only if none before
    it defines the function.

    Args:
        text: the answer without thoughts and end marks.
        written: the answer as it was written.
    """
    if (written != text or "```" in text) and _try(written)[0] is not None:
        yield written  # all of it is Python: the marks and fences stand in its texts
    contents = answers.tagged(text)
    if len(contents) > 1:
        yield source_of(contents[-1])  # a draft in one tag, the answer in the next
    yield source_of(text)
    if _plain(text):
        return
    blocks = answers.fenced(text)
    several = ["\n".join(blocks), *reversed(blocks)] if blocks else []
    outermost = _FENCE_LINE.split(text)
    if len(outermost) > 3:  # a docstring holds a fence
        several.append(text[text.index(outermost[1]) + len(outermost[1]) :].rpartition("```")[0])
    several += [_LATE_FENCE.sub("", block) for block in blocks]
    quoted = _IN_QUOTES.fullmatch(text)
    several += [quoted[2]] if quoted else []
    marked = [*reversed(contents), *answers.boxed(text), *_INLINE.findall(text)]
    unmarked = [_QUOTED.sub("", block) for block in (*blocks, text)]
    unmarked += [_NUMBERED.sub("", block) for block in (*blocks, text)]
    for source in [*several, *marked, *unmarked, *_indented(text), text]:
        yield source
        spaced = _NOTHING_SEEN.sub("", _LINE_ENDS.sub("\n", _SPACES.sub(" ", source)))
        yield textwrap.dedent(spaced)
        yield spaced.strip()
        prompted = [line for line in spaced.split("\n") if _PROMPT.match(line)]
        if prompted:
            yield "\n".join(_PROMPT.sub("", line, count=1) for line in prompted)


_FENCE_LINE = re.compile(r"(^[ \t]*```[^\n`]*\n)", re.MULTILINE)


def _indented(text: str) -> list[str]:
    """The block of code that stands indented between lines of prose, its indentation taken off."""
    start = _INDENTED.search(text)
    if start is None:
        return []
    kept = []
    for line in text[start.start() :].split("\n"):
        if line.strip() and not line.startswith(start[1]):
            break
        kept.append(line)
    return [textwrap.dedent("\n".join(kept))]


def _plain(text: str) -> bool:
    """Whether no other reading of an answer is possible than the first."""
    return text.isascii() and text.strip().isprintable() and text[:1].isalpha() and not any(
        mark in text for mark in ("`", "~~~", "<", ">>>", "\n ")) and "\n" not in text.strip()
