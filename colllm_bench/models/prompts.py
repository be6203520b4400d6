"""Observation -> message -> token ids: the only place that tokenizes.

A transcript is append-only. What a chat template would render for the whole conversation is
cut into pieces (:mod:`colllm_bench.models.chat_template`): :meth:`PromptBuilder.first_turn` for
the instructions and the first observation, :meth:`PromptBuilder.next_turn` for what stands
between an action's last token and the next one's first. Sampled ids are never decoded and
encoded again.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from colllm_bench.errors import ConfigError
from colllm_bench.models.chat_template import ChatTemplate

CACHED_TEXTS = 1 << 16
_LEFT_CONTEXTS = ("\n", "a", ".")
"""Text before a piece, to encode it as a continuation; the first that stays a token of its own."""
_TRIAL = [("3 guards at the gate", "hold"), ("2 guards, 1 fort", "go left"), ("it fell", "wait")]


class PromptBuilder:
    """Renders and encodes an agent's prompts with the tokenizer's own chat template.

    Args:
        tokenizer: a Hugging Face tokenizer with a ``chat_template``.
        context_length: most tokens of a transcript, or None for no limit.
        end_ids: further ids that end an action: those of the model's ``generation_config``.
        date: what a template that prints today's date prints; None: today's.

    Attributes:
        end_ids: ids that end an action: the template's end-of-turn token, EOS, and the model's.
        end_id: the one among them that the template writes itself.
        pad_id: fills up short rows of a batch; masked everywhere.

    Raises:
        ConfigError: the tokenizer has no chat template, one that cannot hold a dialogue, or one
            whose pieces do not join to the ids of the whole conversation.
    """

    def __init__(
        self,
        tokenizer: Any,
        context_length: int | None = None,
        *,
        end_ids: Iterable[int] = (),
        date: datetime.date | None = None,
    ):
        self.tokenizer, self.context_length = tokenizer, context_length
        self.template = ChatTemplate(tokenizer, date or datetime.date.today())
        self._context_ids = lru_cache(CACHED_TEXTS)(self._encode)
        self._set_end_ids(end_ids)
        self.pad_id = tokenizer.pad_token_id
        if self.pad_id is None:
            self.pad_id = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else 0
        self._set_ids_left_out()
        self.first_ids = lru_cache(CACHED_TEXTS)(self._first)
        self.next_ids = lru_cache(CACHED_TEXTS)(self._next)
        self._text_of = lru_cache(CACHED_TEXTS)(self._decode)
        self._self_test()

    def first_turn(self, instructions: str, observation: str) -> list[int]:
        """Ids up to the first action: instructions as the system message, the observation as
        the user's. Templates without a system role get both in the user's message."""
        return list(self.first_ids(instructions, observation))

    def shortened(self, instructions: str, observation: str, reserve: int) -> str:
        """As much of the first observation as the model's context holds.

        Args:
            reserve: tokens to leave free behind the prompt.

        Raises:
            ConfigError: not even the instructions fit.
        """
        low, high = 0, len(observation)
        self.require_context(len(self._first(instructions, "")) + reserve)
        while low < high:
            middle = (low + high + 1) // 2
            if self.fits(len(self._first(instructions, observation[:middle])) + reserve):
                low = middle
            else:
                high = middle - 1
        return observation[:low]

    def next_turn(self, observation: str, ended: bool) -> list[int]:
        """Ids between an action and the next one.

        Args:
            observation: what the agent sees now.
            ended: the action before ended with an id of ``end_ids``; if it was cut off, the
                end-of-turn markup is put in here.
        """
        return list(self.next_ids(observation, ended))

    def action(self, text: str) -> list[int]:
        """Ids of an action as a model would write it: header, text and end token. For text that
        was not sampled (demonstrations)."""
        left = (self.template.closing, *_LEFT_CONTEXTS)
        return [*self._encode_after(left, self.template.header + text), self.end_id]

    def text(self, action_ids: Sequence[int]) -> str:
        """An action's ids as text, without end-of-turn and other markup; of a model that writes
        in channels, the final one. Thoughts are still in it."""
        return self._text_of(tuple(action_ids))

    def fits(self, length: int) -> bool:
        """Whether the model can hold a transcript of ``length`` tokens."""
        return self.context_length is None or length <= self.context_length

    def episodes_that_fit(
        self, lengths: Sequence[int | None], episodes: int, max_action_tokens: int
    ) -> list[bool]:
        """[episodes] whether the context holds each acting row's transcript, its longest action,
        and one token behind it: a critic reads the value of what follows there.

        Args:
            lengths: [rows] tokens of the transcripts, new ones included; None: does not act.
        """
        fits = [True] * episodes
        for row, length in enumerate(lengths):
            if length is not None:
                fits[row % episodes] &= self.fits(length + max_action_tokens + 1)
        return fits

    def require_context(self, length: int) -> None:
        """Raise ConfigError if a transcript of ``length`` tokens does not fit the model."""
        if not self.fits(length):
            raise ConfigError(
                f"a transcript of {length} tokens is longer than the model's context of "
                f"{self.context_length}",
                fix="fewer turns, style=brief, a smaller max_action_tokens, or another model",
            )

    # -- ids

    def _set_end_ids(self, end_ids: Iterable[int]) -> None:
        eos = self.tokenizer.eos_token_id
        self.end_ids = {i for i in (eos, *end_ids) if i is not None}
        self.end_id = eos
        mark = self.template.end_mark
        # Where the model writes channels, the mark also ends a thought: EOS ends the action.
        if mark is not None and not (self.template.marked_header and self.end_ids):
            self.end_id = self._encode(mark)[-1]
            self.end_ids.add(self.end_id)
        if not self.end_ids:
            raise ConfigError(
                "the tokenizer has no EOS and its chat template no end-of-turn token",
                fix="set tokenizer.eos_token, or give another --chat-template FILE",
            )

    def _set_ids_left_out(self) -> None:
        """Special ids that are no part of an action's text; None: all of them."""
        special = dict(zip(self.tokenizer.all_special_ids, self.tokenizer.all_special_tokens))
        shown = {i for i, text in special.items() if text and "think" in text.lower()}
        header = self.template.marked_header
        if header:
            shown |= {i for i in self._encode(header) if i in special}
        self._left_out = special.keys() - shown if shown else None

    # -- encoding

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _encode_after(self, left: Sequence[str], text: str) -> list[int]:
        """``text`` as the continuation of other text: some tokenizers put a space before the
        first word of whatever they encode. ``left``: texts to try it behind."""
        if not text:
            return []
        for before in left:
            ids, both = self._context_ids(before), self._encode(before + text)
            if both[: len(ids)] == ids:
                return both[len(ids) :]
        return self._encode(text)

    def _encode_plain(self, content: str) -> list[int]:
        """Text of others. Where it spells markup (an agent may write some to another), each
        mark is encoded in two halves, so that no control token comes of it."""
        ids: list[int] = []
        mark = self.template.markup.search(content)
        while mark:
            cut = mark.start() + 1
            ids += self._encode_after(_LEFT_CONTEXTS, content[:cut])
            content = content[cut:]
            mark = self.template.markup.search(content)
        return ids + self._encode_after(_LEFT_CONTEXTS, content)

    def _join(self, pieces: Sequence[tuple[str, bool]], left: Sequence[str]) -> tuple[int, ...]:
        """Ids of a text in pieces.

        Args:
            pieces: (text, whether others wrote it, so that it may hold no markup).
            left: see :meth:`_encode_after`; of the first piece.
        """
        ids: list[int] = []
        pending = ""  # is encoded in one piece as far as it holds no forged markup
        for text, foreign in pieces:
            if foreign and self.template.markup.search(text):
                ids += self._encode_after(left, pending) + self._encode_plain(text)
                pending, left = "", _LEFT_CONTEXTS
            else:
                pending += text
        return tuple(ids + self._encode_after(left, pending))

    def _first(self, instructions: str, observation: str) -> tuple[int, ...]:
        system = bool(instructions) and self.template.system
        start, between, after = self.template.first_pieces(system)
        pieces = [(between, False)]
        if system:
            instructions = self.template.trimmed("system", instructions)
            pieces = [(start, False), (instructions, True), (between, False)]
        else:
            observation = "\n\n".join(filter(None, (instructions, observation)))
        observation = self.template.trimmed("user", observation)
        return self._join([*pieces, (observation, True), (after, False)], left=())

    def _next(self, observation: str, ended: bool) -> tuple[int, ...]:
        template = self.template
        left: Sequence[str] = _LEFT_CONTEXTS
        if ended and template.end_mark:
            left = (f"a{template.end_mark}", template.end_mark)
        opening = template.after_end if ended else template.ending
        content = template.trimmed("user", observation)
        pieces = [(opening, False), (content, True), (template.closing, False)]
        return self._join(pieces, left)

    def _decode(self, ids: tuple[int, ...]) -> str:
        kept = [i for i in ids if i not in self.end_ids]
        if self._left_out is not None:
            kept = [i for i in kept if i not in self._left_out]
        text = self.tokenizer.decode(
            kept,
            skip_special_tokens=self._left_out is None,
            clean_up_tokenization_spaces=False,
        )
        header = self.template.marked_header
        if header:  # without it, all is a thought
            text = text.rpartition(header)[2] if header in text else ""
        return text

    # -- self-test

    def _self_test(self) -> None:
        """The pieces must join to the ids of the whole conversation: with a system message, or
        else with the instructions in the first user message."""
        fault = self._difference()
        if fault and self.template.system:
            self.template.system = False
            self.first_ids.cache_clear()
            fault = self._difference()
        if fault:
            raise ConfigError(
                f"the chat template cannot be cut into turns: {fault}",
                fix="give another with --chat-template FILE, or use another model",
            )

    def _difference(self) -> str | None:
        """Where three turns in pieces differ from the whole conversation; None: nowhere."""
        template = self.template
        for instructions in ("you are north", ""):
            for ended in (True, False):
                ids = self.first_turn(instructions, _TRIAL[0][0])
                if ids != self._encode(self._whole(instructions, 1, ended)):
                    return "the first prompt has other tokens than the template's text"
                for turn, (_, action) in enumerate(_TRIAL[:-1]):
                    before = self._whole(instructions, turn + 1, ended)
                    spoken = self._encode(before + template.header + action)
                    if spoken[: len(ids)] != ids:
                        return "an action's first token swallows the end of the generation prompt"
                    ids = list(spoken)
                    if ended and template.end_mark:
                        ids.append(self._encode(template.end_mark)[-1])
                    ids += self.next_turn(_TRIAL[turn + 1][0], ended)
                    if ids != self._encode(self._whole(instructions, turn + 2, ended)):
                        how = "ended" if ended else "cut-off"
                        return f"after an {how} action there are other tokens than in the whole"
        return None

    def _whole(self, instructions: str, turns: int, ended: bool) -> str:
        """The conversation before the action of the last of ``turns``, with the text that the
        template has in generation prompts only before each action."""
        template = self.template
        whole = template.conversation(instructions, _TRIAL[:turns])
        for _, action in _TRIAL[: turns - 1]:
            written = template.header + action
            ending = template.ending
            if ended and template.end_mark:  # the model ends at once
                ending = template.end_mark + template.after_end
            whole = whole.replace(
                written + template.ending, template.generation_only + written + ending, 1
            )
        return whole
