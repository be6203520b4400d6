"""What authors read and write.

Two styles carry the same information. ``brief`` is for small models: labels and values in fixed
places. ``full`` is plain English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from colllm_bench.envs import answers
from colllm_bench.envs.writing.language.premises import (
    JOBS,
    Premise,
    brief_premise,
    full_premise,
)

STYLES = ("brief", "full")
MAX_ACTION = 8192
"""Longest action that the action space contains, in characters."""
MAX_SECTION = 4096
"""Longest section in characters; more is no section."""
MAX_SHOWN = 1500
"""Characters of a teammate's draft that others are shown, at most."""
MAX_SOURCE = 6000
"""Characters of a text to be summarised that its authors are shown, at most."""
MAX_OBSERVATION = 16 * (MAX_SHOWN + 40) + MAX_SOURCE + 1000
"""Longest observation, in characters: 15 drafts included."""

NOTICE = "not a section (no letters, or longer than 4,096 characters): it counts as empty"
EXAMPLES = (
    "Once there was a lantern by the river. It shone every night.",
    "But then a thief came and took it away.",
    "In the end everyone was happy again.",
)
"""What the action space samples from."""

_FENCED = re.compile(r"(```|~~~)[^\n`]*\n(?P<inside>.*?)\n?[ \t]*\1", re.DOTALL)
_TAGGED = re.compile(
    rf"<(?P<tag>{'|'.join(answers.TAGS)})(?:\s[^<>\n]*)?>(?P<inside>.*)</(?P=tag)>",
    re.DOTALL | re.IGNORECASE,
)
_LEAD_IN = re.compile(
    r"(?:(?:sure|certainly|of course|okay|ok|absolutely)\b[^\n:]{0,40}?[,!.]?\s+)?"
    r"(?:(?:here(?:'s|\u2019s| is| are)|this is|below is)\b[^\n:]{0,80}"
    r"|[*#_ ]*(?:(?:my|the|revised|final|new) )*(?:section|draft|part|paragraph)\b[^\n:]{0,30})"
    r":[*_ \t]*\n"
    r"|(?:#{1,6} +\**|\*\*)(?:(?:my|the|revised|final|new) )*(?:section|draft|part|paragraph)"
    r"\b[^\n:.]{0,30}\n",
    re.IGNORECASE,
)
"""A line that announces a section and is none of it."""
_ANNOUNCED = re.compile(r"(?:[^:]{0,200}:)?\s*(?:<[^<>\n]*>|```[^\n`]*\n|~~~[^\n`]*\n)\s*")
"""What may stand in front of a section that a tag or a fence holds, talk going on below it."""

ROLES = {
    "summary": ("concise", "detailed"),
    "introduction": ("background", "method"),
}
"""Roles of the two authors in the published tasks."""


def clean(action: object) -> str | None:
    """An action as a section: printable, one line; None if it is none.

    None for what is no text, has no letter, or is longer than :data:`MAX_SECTION` characters.
    Thoughts, end-of-turn marks, a fence, a tag or JSON around the whole, and a line in front that
    only announces it ("Here is my section:") are taken off (:mod:`colllm_bench.envs.answers`).
    ``<``, ``>`` and ``|`` are dropped, so that no section can imitate chat markup to teammates.
    """
    section = answers.without_invisible(answers.clean(action)).strip()
    lead_in = _LEAD_IN.match(section)
    section = section[lead_in.end() :].strip() if lead_in else section
    for wrapper in (_FENCED, _TAGGED):
        wrapped = wrapper.fullmatch(section)
        section = wrapped["inside"].strip() if wrapped else section
    section = _set_apart(section)
    within = answers.from_json(section)
    section = within[0].strip() if len(within) == 1 else section
    if len(section) > MAX_SECTION:
        return None
    kept = "".join(
        c if c.isprintable() and c != "\ufffd" else " " for c in section if c not in "<>|")
    if not any(c.isalpha() for c in kept):
        return None
    return " ".join(kept.split())


def notice(action: object) -> str:
    """What is wrong with the form of an action that is no section."""
    missing = answers.missing(action)
    return f"not a section ({missing}): it counts as empty" if missing else NOTICE


def _set_apart(section: str) -> str:
    """The content of the one tag or fence, if nothing or an announcement stands before it."""
    for contents in (answers.tagged(section), answers.fenced(section)):
        if len(contents) == 1 and contents[0].strip():
            before = section[: section.index(contents[0].strip()[:80].split("\n")[0])]
            if _ANNOUNCED.fullmatch(before):
                return contents[0].strip()
    return section


def story_instructions(premise: Premise, i: int, words: int, drafts: int, style: str) -> str:
    """Role, premise and rules of author ``i``."""
    n, part, word = len(premise.required), premise.plan[i], premise.required[i]
    if style == "brief":
        return (
            f"section {i + 1} of {n} {part} words {words} drafts {drafts}\n"
            f"{brief_premise(premise)} use {word}"
        )
    parts = [
        f"You are author {i + 1} of {n}. Together you write one short story, each a section of "
        f"it; read one after another, the sections must make one text.",
        f"Your section is the {part}: {JOBS[part]}. Use the word '{word}'.",
        full_premise(premise),
        f"Write about {words} words of plain prose in your section, in the past tense.",
        "Open every section but the first with a link to what came before, keep to the names and "
        "facts of the premise, introduce people and things before you use them, and repeat "
        "neither yourself nor the others.",
        _drafts(drafts),
        "Answer with the text of your section and nothing else.",
    ]
    return "\n".join(parts)


def _drafts(drafts: int) -> str:
    if drafts == 1:
        return "There is one draft: you do not see the others' sections."
    return (
        f"There are {drafts} drafts. After each you see the others' sections and how yours was "
        f"scored, and write yours again in full; the last draft counts."
    )


def published_instructions(task: str, i: int, source: str, drafts: int, style: str) -> str:
    """Role of author ``i`` of a published task, and the text that it works from.

    The prompts of arXiv 2508.04652 in substance.
    """
    role = ROLES[task][i]
    source = source[:MAX_SOURCE]
    if style == "brief":
        return f"{task} {i + 1} of 2 {role} drafts {drafts}\n{source}"
    told = {
        "concise": "Write a brief and factual summary of the post in one or a few sentences.",
        "detailed": "Write a detailed summary of the post: longer, with more different words than "
        "a brief one would have, and with some transitions between its sentences.",
        "background": "Expand the abstract into the first part of an introduction: write only its "
        "background and motivation, at length.",
        "method": "Expand the abstract into the second part of an introduction: write only its "
        "methodology and implications, at length.",
    }[role]
    kind = "post" if task == "summary" else "abstract"
    other = "another author writes the other part; you do not see each other at work."
    lines = [f"You are one of two authors; {other}", told]
    if task == "introduction":
        lines.append("Write 128 to 256 words.")
    lines += [_drafts(drafts), "Answer with your text and nothing else.", f"The {kind}:\n{source}"]
    return "\n".join(lines)


def observe(
    i: int,
    draft: int,
    drafts: int,
    sections: Sequence[str],
    own: Mapping[str, float],
    invalid: bool,
    style: str,
) -> str:
    """What author ``i`` sees before draft ``draft`` + 1 (or, at the end, after the last).

    Args:
        i: the author.
        draft: drafts written so far.
        drafts: drafts in all.
        sections: everybody's last draft.
        own: the author's own components of the score, each 0 to 1.
        invalid: whether the author's last text was none.
        style: ``"brief"`` (components in tenths) or ``"full"``.
    """
    now = "end" if draft == drafts else f"draft {draft + 1} of {drafts}"
    if not draft:
        return now if style == "brief" else f"Write {now}."
    others = [
        f"{k + 1}: {section[:MAX_SHOWN]}" for k, section in enumerate(sections) if k != i
    ]
    if style == "brief":
        marks = " ".join(f"{name}={round(value * 10)}" for name, value in own.items())
        head = f"{now} {'invalid ' if invalid else ''}{marks}"
        return "\n".join([head, *others])
    first = "That was the last draft." if draft == drafts else f"Write {now}."
    notice = " Your last answer was no section: it counts as empty." if invalid else ""
    marks = ", ".join(f"{name} {value:.2f}" for name, value in own.items())
    return "\n".join(
        [f"{first}{notice}", f"Your section was scored (0 to 1): {marks}.",
         "The others wrote:", *others]
    )  # fmt: skip
