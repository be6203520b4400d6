"""Observation -> message -> token ids: the only place that tokenizes.

A transcript is append-only. What a chat template would render for the whole conversation is
cut into pieces: :meth:`PromptBuilder.first_turn` for the instructions and the first observation,
:meth:`PromptBuilder.next_turn` for what stands between an action's last token and the next one's
first. Sampled ids are never decoded and encoded again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from colllm_bench.errors import ConfigError

_USER, _ACTION = "Xuser7Q", "Xaction7Q"
"""Sentinels: text that no template holds, to find where a message's content stands."""
CACHED_TEXTS = 1 << 16


class PromptBuilder:
    """Renders and encodes an agent's prompts with the tokenizer's own chat template.

    Args:
        tokenizer: a Hugging Face tokenizer with a ``chat_template``.
        context_length: most tokens of a transcript, or None for no limit.

    Attributes:
        end_ids: ids that end an action: the template's end-of-turn token and EOS.
        pad_id: fills up short rows of a batch; masked everywhere.

    Raises:
        ConfigError: the tokenizer has no chat template, or one that cannot hold a dialogue.
    """

    def __init__(self, tokenizer: Any, context_length: int | None = None):
        if not getattr(tokenizer, "chat_template", None):
            raise ConfigError(
                f"the tokenizer of {tokenizer.name_or_path!r} has no chat template",
                fix="give one with --chat-template FILE (Jinja), or use an instruction-tuned model",
            )
        self.tokenizer = tokenizer
        self.context_length = context_length
        self._options = {}
        if "enable_thinking" in str(tokenizer.chat_template):
            self._options["enable_thinking"] = False
        marks = sorted(tokenizer.all_special_tokens, key=len, reverse=True)
        marks += [str(t) for t in getattr(tokenizer, "added_tokens_encoder", {}) if t not in marks]
        self._special = re.compile("|".join(map(re.escape, marks)) or r"(?!)")
        self._find_pieces()
        self.pad_id = tokenizer.pad_token_id
        if self.pad_id is None:
            self.pad_id = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else 0
        self.first_ids = lru_cache(CACHED_TEXTS)(self._first)
        self.next_ids = lru_cache(CACHED_TEXTS)(self._next)
        self._text_of = lru_cache(CACHED_TEXTS)(self._decode)

    def first_turn(self, instructions: str, observation: str) -> list[int]:
        """Ids up to the first action: instructions as the system message, the observation as
        the user's. Templates without a system role get both in the user's message."""
        return list(self.first_ids(instructions, observation))

    def next_turn(self, observation: str, ended: bool) -> list[int]:
        """Ids between an action and the next one.

        Args:
            observation: what the agent sees now.
            ended: the action before ended with an id of ``end_ids``; if it was cut off, the
                end-of-turn markup is put in here.
        """
        return list(self.next_ids(observation, ended))

    def text(self, action_ids: Sequence[int]) -> str:
        """An action's ids as text, without end-of-turn and other markup."""
        return self._text_of(tuple(action_ids))

    def require_context(self, length: int) -> None:
        """Raise ConfigError if a transcript of ``length`` tokens does not fit the model."""
        if self.context_length is not None and length > self.context_length:
            raise ConfigError(
                f"a transcript of {length} tokens is longer than the model's context of "
                f"{self.context_length}",
                fix="fewer turns, style=brief, a smaller max_action_tokens, or another model",
            )

    # -- rendering

    def _render(self, messages: list[dict[str, str]]) -> str:
        return self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, **self._options
        )

    def _find_pieces(self) -> None:
        """Cut the template around an action: what closes it, what opens the next message."""
        dialogue = [
            {"role": "user", "content": "Xfirst7Q"},
            {"role": "assistant", "content": _ACTION},
            {"role": "user", "content": _USER},
        ]
        try:
            text = self._render(dialogue)
        except Exception as error:  # any Jinja error of a foreign template
            raise ConfigError(
                f"the chat template cannot render user, assistant, user: {error}",
                fix="give another with --chat-template FILE",
            ) from error
        head, found, tail = text.rpartition(_ACTION)
        opening, found_user, closing = tail.rpartition(_USER)
        if not (found and found_user):
            raise ConfigError(
                "the chat template drops an earlier action or the last message",
                fix="give another with --chat-template FILE",
            )
        mark = self._special.search(opening)
        self.end_ids = {i for i in (self.tokenizer.eos_token_id,) if i is not None}
        self._cut, self._opening, self._closing = opening, opening, closing
        if mark:
            (end,) = self._encode(mark.group())
            self.end_ids.add(end)
            # After an action that ended itself, what the template has up to there is said.
            self._opening = opening[mark.end() :]
        if not self.end_ids:
            raise ConfigError(
                "the tokenizer has no EOS and its chat template no end-of-turn token",
                fix="set tokenizer.eos_token, or give another --chat-template FILE",
            )
        self._system = self._knows_system()

    def _knows_system(self) -> bool:
        messages = [
            {"role": "system", "content": _ACTION},
            {"role": "user", "content": _USER},
        ]
        try:
            text = self._render(messages)
        except Exception:  # such templates raise an error of their own making
            return False
        return _ACTION in text and _USER in text

    # -- encoding

    def _encode(self, text: str, *, plain: bool = False) -> list[int]:
        options = {"split_special_tokens": True} if plain else {}
        return self.tokenizer(text, add_special_tokens=False, **options)["input_ids"]

    def _encode_around(self, before: str, content: str, after: str) -> tuple[int, ...]:
        """``content`` between pieces of the template. Text that spells a special token (an
        agent may write one to another) must not become one."""
        if not self._special.search(content):
            return tuple(self._encode(before + content + after))
        middle = self._encode(content, plain=True)
        return (*self._encode(before), *middle, *self._encode(after))

    def _first(self, instructions: str, observation: str) -> tuple[int, ...]:
        content = observation
        messages = [{"role": "user", "content": _USER}]
        if instructions and self._system:
            messages.insert(0, {"role": "system", "content": _ACTION})
        elif instructions:
            content = f"{instructions}\n\n{observation}"
        before, _, after = self._render(messages).partition(_USER)
        if len(messages) == 1:
            return self._encode_around(before, content, after)
        start, _, between = before.partition(_ACTION)
        if self._special.search(instructions):
            return (
                *self._encode_around(start, instructions, between),
                *self._encode_around("", content, after),
            )
        return self._encode_around(start + instructions + between, content, after)

    def _next(self, observation: str, ended: bool) -> tuple[int, ...]:
        opening = self._opening if ended else self._cut
        return self._encode_around(opening, observation, self._closing)

    def _decode(self, ids: tuple[int, ...]) -> str:
        kept = [i for i in ids if i not in self.end_ids]
        return self.tokenizer.decode(
            kept, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
