"""A tokenizer's chat template, cut into the pieces that an append-only transcript is made of.

For a conversation of instructions, observations and actions the template renders::

    first observation ... [generation prompt][header] action [ending] next observation ...

*Generation-only* text stands in the generation prompt, and not before an action in the history
(an opening ``<think>``, or Qwen3's empty thought). A *header* stands before an action in the
history, and not in the generation prompt: the model writes it (a space, or harmony's
``<|channel|>final<|message|>``). The *ending* runs up to the next message's content; the *end
mark* is the special token in it that ends the action's turn.
"""

from __future__ import annotations

import datetime
import os
import re
from typing import Any

from colllm_bench.errors import ConfigError

SYSTEM, USER, ACTION = "Xsystem7Q", "Xuser7Q", "Xaction7Q"
"""Sentinels: text that no template holds, to find where a message's content stands."""
_MARKUP = re.compile(r"[<\[{|].*[>\]}|]", re.DOTALL)
_OPEN_THOUGHT = re.compile(r"(<think(?:ing)?>|\[THINK\])\s*\Z", re.IGNORECASE)

_FIXED_DATE = (
    "{%- macro strftime_now(format) -%}{%- set now = namespace(text=format) -%}"
    "{%- for part, value in run_date.items() -%}"
    "{%- set now.text = now.text.replace(part, value) -%}"
    "{%- endfor -%}{{ now.text }}{%- endmacro %}{{ '' }}"
)
"""Before a template's source: takes the place of transformers' clock of the same name."""


class ChatTemplate:
    """Renders conversations, and knows the pieces around an action.

    Args:
        tokenizer: with a ``chat_template``.
        date: what the template prints as today's date.

    Attributes:
        system: whether instructions are a system message; else they open the first user message.
        trims: by role, whether a content loses its leading and its trailing white space.
        end_mark: text of the special token that ends an action, or None.
        ending: from an action's last character to the next observation, the mark included.
        after_end: what of ``ending`` follows the mark (all of it without a mark).
        closing: from an observation to the next action, the generation prompt.
        header: what a model writes before the action itself (see above).
        generation_only: what the history lacks of the generation prompt.

    Raises:
        ConfigError: there is no template, or one that cannot hold a dialogue.
    """

    def __init__(self, tokenizer: Any, date: datetime.date):
        if not getattr(tokenizer, "chat_template", None):
            raise ConfigError(
                f"the tokenizer of {tokenizer.name_or_path!r} has no chat template",
                fix="give one with --chat-template FILE (Jinja), or use an instruction-tuned model",
            )
        self.tokenizer = tokenizer
        self._options: dict[str, Any] = {}
        source = _source_of(tokenizer)
        if "enable_thinking" in source:
            self._options["enable_thinking"] = False
        if "strftime_now" in source:
            self._options |= {"chat_template": _FIXED_DATE + source, "run_date": _parts_of(date)}
        special = set(tokenizer.all_special_tokens)
        added = getattr(tokenizer, "added_tokens_decoder", {}).values()
        special |= {str(token) for token in added if getattr(token, "special", False)}
        markup = {str(token) for token in added if _MARKUP.fullmatch(str(token))}
        self.special = _any_of(special)
        self.markup = _any_of(special | markup)
        self.system = self._knows_system()
        self._find_pieces()

    @property
    def opens_thought(self) -> bool:
        """Whether the generation prompt ends with an opening ``<think>``: what the model writes
        begins inside a thought."""
        return bool(_OPEN_THOUGHT.search(self.closing))

    @property
    def marked_header(self) -> str:
        """The header where it holds special tokens: only what follows it is an action."""
        return self.header if self.special.search(self.header) else ""

    def render(self, messages: list[dict[str, str]]) -> str:
        """The conversation as text, up to the generation prompt."""
        return self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, **self._options
        )

    def conversation(self, instructions: str, pairs: list[tuple[str, str]]) -> str:
        """The rendering of observations and actions; the last pair's action is not said yet."""
        messages = []
        for turn, (observation, action) in enumerate(pairs):
            if turn == 0 and instructions and self.system:
                messages.append({"role": "system", "content": instructions})
            elif turn == 0 and instructions:
                observation = f"{instructions}\n\n{observation}"
            messages.append({"role": "user", "content": observation})
            messages.append({"role": "assistant", "content": action})
        return self.render(messages[:-1])

    def first_pieces(self, with_system: bool) -> tuple[str, str, str]:
        """(before the instructions, between them and the observation, after it); without a
        system message the first is empty."""
        messages = [{"role": "user", "content": USER}]
        if with_system:
            messages.insert(0, {"role": "system", "content": SYSTEM})
        before, _, after = self.render(messages).partition(USER)
        if not with_system:
            return "", before, after
        start, _, between = before.partition(SYSTEM)
        return start, between, after

    def _find_pieces(self) -> None:
        dialogue = [
            {"role": "user", "content": "Xfirst7Q"},
            {"role": "assistant", "content": ACTION},
            {"role": "user", "content": USER},
        ]
        try:
            prompt, text = self.render(dialogue[:1]), self.render(dialogue)
        except Exception as error:  # any Jinja error of a foreign template
            reason = " ".join(str(error).split())[:200]
            raise ConfigError(
                f"the chat template cannot render user, assistant, user: {reason}",
                fix="give another with --chat-template FILE",
            ) from error
        head, has_action, tail = text.rpartition(ACTION)
        ending, has_user, self.closing = tail.rpartition(USER)
        if not (has_action and has_user):
            raise ConfigError(
                "the chat template drops an earlier action or the last message",
                fix="give another with --chat-template FILE",
            )
        same = len(os.path.commonprefix([prompt, head]))
        self.generation_only, self.header = prompt[same:], head[same:]
        self.ending = ending
        mark = self.special.search(ending) or self.markup.search(ending)
        self.end_mark = mark.group() if mark else None
        self.after_end = ending[mark.end() :] if mark else ending
        self._require_contents()
        self.trims = {role: self._trims(role) for role in ("system", "user")}

    def _require_contents(self) -> None:
        """Refuse a template that escapes or rewrites what it is given."""
        content = f"{USER} <b> & \"q\" 's' \\\n\nX"
        if content not in self.render([{"role": "user", "content": content}]):
            raise ConfigError(
                "the chat template changes the text of messages (quotes, markup or line ends)",
                fix="give another with --chat-template FILE",
            )

    def _trims(self, role: str) -> tuple[bool, bool]:
        messages = [{"role": "user", "content": USER}]
        if role == "system":
            if not self.system:
                return False, False
            messages.insert(0, {"role": "system", "content": SYSTEM})
        name = messages[0]["content"]
        messages[0]["content"] = f"  {name}  "
        text = self.render(messages)
        return f"  {name}" not in text, f"{name}  " not in text

    def trimmed(self, role: str, content: str) -> str:
        """A message's content as the template puts it."""
        leading, trailing = self.trims[role]
        content = content.lstrip() if leading else content
        return content.rstrip() if trailing else content

    def _knows_system(self) -> bool:
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": USER}]
        try:
            text = self.render(messages)
        except Exception:  # such templates raise an error of their own making
            return False
        return SYSTEM in text and USER in text.partition(SYSTEM)[2]


def _parts_of(date: datetime.date) -> dict[str, str]:
    """What each directive of ``strftime`` stands for, at the start of ``date``."""
    midnight = datetime.datetime.combine(date, datetime.time())
    letters = "aAbBcCdDeFfgGhHIjklmMnpPrRStTuUVwWxXyYzZ%"
    directives = [f"%-{x}" for x in "dmjyUWHIMS"] + [f"%{x}" for x in letters]
    return {each: midnight.strftime(each) for each in directives}


def _source_of(tokenizer: Any) -> str:
    try:
        return tokenizer.get_chat_template()
    except ValueError as error:  # several by name, and none of them called default
        names = ", ".join(map(str, tokenizer.chat_template))
        raise ConfigError(
            f"the tokenizer of {tokenizer.name_or_path!r} has several chat templates ({names}) "
            "and no default",
            fix="give one with --chat-template FILE (Jinja)",
        ) from error


def _any_of(texts: set[str]) -> re.Pattern[str]:
    """Matches any of ``texts``, the longest first."""
    longest_first = sorted(filter(None, texts), key=lambda text: (-len(text), text))
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
