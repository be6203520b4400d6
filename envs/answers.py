"""What a language model answered, without what stands around it: the rules of all environments.

Models wrap answers in thoughts, end marks, chat markup, code fences, tags and lead-ins. What is
unambiguous is taken off here, in this order (:func:`clean`): lone surrogates, invisible characters
at the edges, thoughts, end-of-turn marks. :func:`unwrapped` then offers what stands within a
tag, ``\\boxed{}``, a JSON object or a fence. Each environment tries the cleaned text first, then
these, and takes the first that is an answer by its own grammar; two that disagree are none.

Everything works on text of any length in linear time.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator

LONGEST = 262_144
"""Characters of an answer that are looked at; thoughts may be long."""

INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060\u00ad\u200e\u200f\u061c"
_NOT_SHOWN = dict.fromkeys(map(ord, INVISIBLE))

_THOUGHT = re.compile(
    r"^[^\S\n]*(?:<(think|thinking|thought|thoughts|reasoning|reflection|scratchpad|analysis)>"
    r"|(\[THINK\])|(<\|START_THINKING\|>)|(\u25c1think\u25b7)|(<\|begin_of_thought\|>)"
    r"|(<seed:think>))",
    re.IGNORECASE | re.MULTILINE,
)
_THOUGHT_END = re.compile(
    r"</(?:think|thinking|thought|thoughts|reasoning|reflection|scratchpad|analysis)>"
    r"|\[/THINK\]|<\|END_THINKING\|>|\u25c1/think\u25b7|<\|end_of_thought\|>|</seed:think>",
    re.IGNORECASE,
)
_FINAL = re.compile(r"<\|channel\|>final[^<\n]*(?:<\|constrain\|>[^<\n]*)?<\|message\|>")
_CHANNEL = re.compile(r"\s*(?:<\|start\|>assistant)?<\|channel\|>\w+")
_END = re.compile(
    r"<\|(?:im_end|end|eot_id|eom_id|endoftext|end_of_text|return|eos|eot|end_of_turn"
    r"|END_OF_TURN_TOKEN|end_of_solution|file_sep|fim_pad)\|>|\[/INST\]|<end_of_turn>|<eos>|</s>|<\uff5cend\u2581of\u2581sentence\uff5c>"
    r"|<\|im_start\|>(?!assistant)|<\|start_header_id\|>(?!assistant)"
)
_NEXT = re.compile(r"[^\S\n]*(?:\Z|\n|<|(?:human|user|system|assistant)\s*:)", re.IGNORECASE)
_ROLE = re.compile(
    r"\s*(?:<\|im_start\|>assistant\s*\n?|<\|assistant\|>\s*"
    r"|<\|start_header_id\|>assistant<\|end_header_id\|>\s*|<start_of_turn>model\s*\n?"
    r"|(?:<s>\s*)?(?:\[INST\].*?)?\[/INST\]\s*|(?:<s>|<bos>|<\|begin_of_text\|>)\s*"
    r"|<\|(?:begin_of_solution|python_tag|START_OF_TURN_TOKEN|CHATBOT_TOKEN)\|>\s*)+",
    re.DOTALL,
)
_DECODED_CHANNELS = re.compile(r"\s*(?:analysis.*)?assistantfinal", re.DOTALL)
"""Channels whose marks were lost in decoding."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_QUOTES = "\"'`"

TAGS = (
    "answer", "final_answer", "final", "action", "order", "move", "response", "output", "result",
    "solution", "code", "python", "section", "story", "draft", "text", "summary", "tool_call",
)
"""Names of the tags that hold an answer."""
_TAG = re.compile(rf"<({'|'.join(TAGS)})(?:\s[^<>\n]*)?>", re.IGNORECASE)
KEYS = frozenset((*TAGS, "command", "choice", "decision", "function", "content"))
"""Keys of a JSON object that hold an answer."""
_NESTED = KEYS | {"arguments", "parameters", "input"}
"""Keys under which an object may hold it, as in a call of a tool."""
_FENCE = re.compile(r"^([^\S\n]*)(`{3,}|~{3,})[^\n`]*$", re.MULTILINE)


def clean(answer: object) -> str:
    """An answer without thoughts, end-of-turn marks and what cannot be seen at its edges.

    Anything but text is empty text. Lone surrogates (halves of characters, which no file and no
    tokenizer takes) become U+FFFD; line ends become ``\\n``.
    """
    if not isinstance(answer, str):
        return ""
    if answer.isascii() and not (
        "<" in answer or "[" in answer or "\r" in answer or "assistantfinal" in answer):
        return answer[:LONGEST]  # nothing below can be in it
    text = whole_characters(answer[:LONGEST]).replace("\r\n", "\n").replace("\r", "\n")
    text = without_thoughts(text)
    role = _ROLE.match(text)
    text = _until_end(text[role.end() :] if role else text)
    return text.lstrip(INVISIBLE).rstrip(INVISIBLE)


def whole_characters(text: str) -> str:
    """``text`` with U+FFFD in place of lone surrogates."""
    return _SURROGATE.sub("\ufffd", text)


def without_invisible(text: str) -> str:
    """``text`` without the characters of :data:`INVISIBLE`."""
    return text.translate(_NOT_SHOWN)


def only_thoughts(answer: object) -> bool:
    """Whether there is text, but nothing beside thoughts."""
    return isinstance(answer, str) and bool(answer.strip()) and not clean(answer).strip()


def missing(answer: object) -> str:
    """Why there is no answer at all, in a few words; "" if there is one."""
    if not isinstance(answer, str):
        return "nothing was written" if answer is None else "the answer is no text"
    if not answer.strip().strip(INVISIBLE):
        return "nothing was written"
    return "thoughts, and no answer" if only_thoughts(answer) else ""


def without_thoughts(text: str) -> str:
    """``text`` without blocks of thoughts.

    A block opens with its tag at the start of a line. One that is never closed goes to the end of
    the text; one that is closed but was not opened (templates open it in the prompt) comes from
    the start. A closing tag counts only where nothing is quoted around it.
    """
    final = list(_FINAL.finditer(text))
    if final and _CHANNEL.match(text):
        return text[final[-1].end() :]
    decoded = _DECODED_CHANNELS.match(text)
    if decoded:
        return text[decoded.end() :]
    parts: list[str] = []
    at = 0
    opening, ends = _THOUGHT.search(text), _ends_of_thoughts(text)
    closing = next(ends, None)
    while opening is not None or closing is not None:
        if opening is None or (closing is not None and closing.start() < opening.start()):
            parts, at = [], closing.end()  # opened by the prompt
        else:
            parts.append(text[at : opening.start()])
            while closing is not None and closing.start() < opening.end():
                closing = next(ends, None)
            if closing is None:
                return "".join(parts)
            at = closing.end()
        closing = next(ends, None)
        if opening is not None and opening.start() < at:
            opening = _THOUGHT.search(text, at)
    return "".join(parts) + text[at:]


def _ends_of_thoughts(text: str) -> Iterator[re.Match]:
    return (end for end in _THOUGHT_END.finditer(text) if not _quoted(text, end))


def _quoted(text: str, match: re.Match) -> bool:
    before, after = text[: match.start()][-1:], text[match.end() : match.end() + 1]
    return bool(before) and before in _QUOTES and bool(after) and after in _QUOTES


def _until_end(text: str) -> str:
    """``text`` up to the first end-of-turn mark that has text before it, and behind it nothing,
    another line, another mark or somebody else's turn."""
    for mark in _END.finditer(text):
        if _NEXT.match(text, mark.end()) and text[: mark.start()].strip():
            return text[: mark.start()]
    return text


def unwrapped(text: str, depth: int = 3) -> Iterator[str]:
    """What stands within wrappers, each kind in turn; of a kind that occurs twice with different
    contents nothing (the answer would be a guess).

    Args:
        text: what :func:`clean` gave.
        depth: how many wrappers within one another are looked into.
    """
    for contents in (tagged(text), boxed(text), from_json(text), fenced(text)):
        distinct = list(dict.fromkeys(content.strip() for content in contents))
        if len(distinct) == 1 and distinct[0]:
            yield distinct[0]
            if depth > 1 and distinct[0] != text:
                yield from unwrapped(distinct[0], depth - 1)


def tagged(text: str) -> list[str]:
    """Contents of ``<answer>...</answer>`` and the like; a tag may lack its end at the end."""
    contents, at, low = [], 0, None
    while (opening := _TAG.search(text, at)) is not None:
        low = text.lower() if low is None else low
        end = low.find(f"</{opening[1].lower()}>", opening.end())
        at = len(text) if end < 0 else end
        if not _quoted(text, opening):
            contents.append(text[opening.end() : at])
    return contents


def boxed(text: str) -> list[str]:
    """Contents of ``\\boxed{...}``, ``\\text{...}`` within it taken off."""
    contents, at = [], 0
    while (start := text.find("\\boxed{", at)) >= 0:
        at, depth = start + 7, 1
        begin = at
        while at < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        if depth:
            break
        content = text[begin : at - 1]
        inner = re.fullmatch(r"\s*\\(?:text|mathrm|texttt|mathbf|textbf)\{(.*)\}\s*", content, re.S)
        contents.append(inner[1] if inner else content)
    return contents


def from_json(text: str) -> list[str]:
    """Text under a key of :data:`KEYS` of a JSON object (the whole, or its one fenced block)."""
    whole = text.strip()
    blocks = fenced(whole)
    if len(blocks) == 1 and not whole.startswith("{"):
        whole = blocks[0].strip()
    if not (whole.startswith("{") and whole.endswith("}")):
        return []
    try:
        content = json.loads(whole)
    except (ValueError, RecursionError):
        return []
    contents, objects = [], [content]
    while objects:
        for key, value in objects.pop().items():
            if isinstance(value, str) and key.lower() in KEYS:
                contents.append(whole_characters(value))
            elif isinstance(value, dict) and key.lower() in _NESTED:
                objects.append(value)
    return contents


def fenced(text: str) -> list[str]:
    """Contents of code blocks, their common indentation taken off (a block may stand in a list).

    A block ends at the next line that has its fence alone; without one, at the end of the text.
    """
    contents = []
    fences = list(_FENCE.finditer(text))
    place = 0
    while place < len(fences):
        opening = fences[place]
        place += 1
        while place < len(fences):
            line = fences[place][0].strip()
            if line == line[0] * len(line) and line.startswith(opening[2]):
                break
            place += 1
        end = fences[place].start() - 1 if place < len(fences) else len(text)
        place += 1
        contents.append(textwrap.dedent(text[opening.end() + 1 : max(end, opening.end() + 1)]))
    return contents


def plain_word(text: str) -> str:
    """``text`` in small letters without anything at its edges that is no letter or digit."""
    start, end = 0, len(text)
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    return text[start:end].lower()
