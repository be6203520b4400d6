"""Where a model's thoughts end and its answer begins. No torch: endpoints and local models use
the same function.

Thoughts stand between tags: ``<think>`` and ``</think>``, or ``thinking``, ``thought``,
``thoughts`` or ``reasoning`` in place of ``think``, in any case, with brackets of either kind
(``[THINK]``). Rules, applied until nothing changes:

1. From an opening tag to the next closing tag is a thought, wherever it stands.
2. A closing tag without an opening one before it ends a thought that began with the text:
   many chat templates write the opening tag themselves, so that the answer lacks it.
3. An opening tag without a closing one after it begins a thought that was cut off: the rest of
   the text is no answer.
4. A tag between quotes or backticks (``'</think>'``) is a word about tags and stays.

Blank lines around a removed thought go with it; pieces of answer between thoughts are joined
by a line break. A text without thoughts is not changed.
"""

from __future__ import annotations

import re

_NAME = r"(?:think|thinking|thoughts?|reasoning)"
_QUOTED = r"(?<=[\"'`])(?:</?NAME>|\[/?NAME\])(?=[\"'`])"
_TAG = re.compile(
    rf"(?P<quoted>{_QUOTED})|(?P<open><NAME>|\[NAME\])|</NAME>|\[/NAME\]".replace("NAME", _NAME),
    re.IGNORECASE,
)


def without_thoughts(text: str) -> str:
    """``text`` without the thoughts in it (rules: see the module)."""
    answers: list[str] = []  # pieces outside of thoughts
    start, thinking = 0, False
    tags = [tag for tag in _TAG.finditer(text) if not tag["quoted"]]
    for tag in tags:
        if tag["open"] and not thinking:
            answers.append(text[start : tag.start()].strip())
        elif not tag["open"] and not thinking:
            answers.clear()  # rule 2: all so far was a thought
        thinking, start = bool(tag["open"]), tag.end()
    if not tags:
        return text
    if not thinking:
        answers.append(_after_thought(text[start:]))
    return "\n".join(filter(None, answers))


def _after_thought(text: str) -> str:
    """Without the blank lines at its start; a single line also without leading spaces. The
    indentation of several lines may carry meaning."""
    text = re.sub(r"\A(?:[^\S\n]*\n)+", "", text)
    return text if "\n" in text.strip() else text.lstrip()
