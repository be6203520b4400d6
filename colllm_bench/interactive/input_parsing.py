"""From what a person types to an action: a number, a prefix, a line, or text of many lines.

Pure functions except :func:`from_editor`; prompts are in :mod:`colllm_bench.interactive.human`.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

END = "."
"""A line of its own that ends an answer of many lines."""
AS_TYPED = "!"
"""Prefix of a line that is sent exactly as typed, legal or not."""
_HEAD = re.compile(r"([^\s|]+)\s*(.*)", re.DOTALL)


def choose(line: str, legal: Sequence[str]) -> tuple[str | None, str]:
    """(action, "") of a typed line, or (None, what is wrong with it).

    A legal action may be given by its number (from 1), its beginning, or in full; case does
    not matter. What follows a bar stays (``2 | need supply`` is ``scout | need supply``), and
    :data:`AS_TYPED` before a line sends it as it is.

    Args:
        line: what was typed.
        legal: the actions that the environment lists; at least one.
    """
    if line.startswith(AS_TYPED):
        return line[len(AS_TYPED) :], ""
    typed = line.strip()
    if not typed:
        return None, "give one of the actions; ? helps"
    matches = _of_prefix(typed, legal)
    if len(matches) == 1:
        return matches[0], ""
    head, rest = _HEAD.fullmatch(typed).groups() if typed[0] != "|" else ("", typed)
    if head.isdecimal() and head.isascii() and head not in legal:
        number = int(head)
        matches = [legal[number - 1]] if 1 <= number <= len(legal) else []
    elif head:
        matches = matches or _of_prefix(head, legal)
    if len(matches) > 1:
        return None, f"{typed!r} could be {', '.join(matches)}: type a little more"
    if not matches:
        return None, f"{typed!r} is none of {', '.join(legal)}; !{typed} sends it as it is"
    if rest and not rest.startswith("|"):
        return None, f"only {matches[0]!r} is an action; !{typed} sends it as it is"
    return f"{matches[0]} {rest}".rstrip(), ""


def _of_prefix(typed: str, legal: Sequence[str]) -> list[str]:
    """The legal actions that start with ``typed``; only the action itself where it is complete."""
    typed = typed.lower()
    return [a for a in legal if a.lower() == typed] or [
        a for a in legal if a.lower().startswith(typed)
    ]


def read_multiline(read: Callable[[], str], more: Callable[[], bool] = lambda: False) -> str:
    """An answer of many lines: up to an empty line, or one with a dot alone.

    Within a fence of three backticks empty lines belong to the text, so that only the dot (or
    an empty line after the closing fence) ends it. What was pasted stays
    whole, whether it comes as one ``read`` with its own line breaks or line by line.

    Args:
        read: gives the next line, or raises EOFError.
        more: whether the next line is there already: a paste goes on.
    """
    lines: list[str] = []
    while True:
        piece = read()
        if piece.strip() == END:
            break
        fenced = "\n".join(lines).count("```") % 2 == 1
        if not piece.strip() and not fenced and not more():
            if any(line.strip() for line in lines):
                break
            continue  # an empty line before the text does not end the answer
        lines.append(piece)
    return "\n".join(lines)


def from_editor(text: str = "") -> str:
    """The text that a person writes in their editor (``$VISUAL``, ``$EDITOR``, or vi).

    Raises:
        OSError: there is no such editor.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.txt"
        path.write_text(text, encoding="utf-8")
        subprocess.run([*shlex.split(editor), str(path)], check=False)
        return path.read_text(encoding="utf-8", errors="replace").rstrip("\n")
