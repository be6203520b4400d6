"""What a server's reply or error means: the answer's text, or which kind of failure it is.

Everything that a server wrote comes in here: content in parts is joined, lone surrogates are
replaced, thoughts are cut off (:mod:`colllm_bench.teams.thoughts`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from colllm_bench.teams.thoughts import without_thoughts

OTHER_LENGTH = "max_completion_tokens"
"""What newer models call ``max_tokens``."""
_CONTEXT = re.compile(
    r"context|too long|too many tokens|maximum.{0,20}(length|tokens)|exceed.{0,40}token", re.I
)
_REFUSED = re.compile(r"content.?(policy|filter|management)|safety|moderation|flagged", re.I)
_NO_SYSTEM_ROLE = re.compile(
    r"system['\"]?[ _-]?(roles?|messages?|prompts?|instructions?)\b.{0,30}(\bnot\b|n't|unsupported)"
    r"|role\b.{0,60}['\"]system['\"]|roles?: ?system\b"
    r"|(not|n't) support.{0,20}\bsystem['\"]? ?(role|message|prompt|instruction)"
    r"|developer instruction is not enabled"
    r"|roles must alternate|only user and assistant roles|'user' or 'assistant'",
    re.I,
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_USAGE = {"prompt_tokens": 0, "cached_tokens": 0, "completion_tokens": 0}


def replace_surrogates(text: str) -> str:
    """``text`` with U+FFFD in place of lone surrogates, which no encoder accepts."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def read_reply(reply: Any) -> dict[str, Any] | None:
    """The answer in a chat completion; None where the reply holds none.

    Returns:
        ``text`` (empty if there is none), ``finish``, ``error`` (None or ``refusal``),
        ``prompt_tokens``, ``cached_tokens``, ``completion_tokens``; and ``raw``, all that the
        model wrote, where ``text`` lacks its thoughts.
    """
    choices = getattr(reply, "choices", None)
    if not choices or getattr(choices[0], "message", None) is None:
        return None
    message, finish = choices[0].message, choices[0].finish_reason
    usage = getattr(reply, "usage", None)
    details = getattr(usage, "prompt_tokens_details", None)
    raw, declined = _content(message.content)
    raw = replace_surrogates(raw)
    text = without_thoughts(raw)
    refused = declined or bool(getattr(message, "refusal", None)) or finish == "content_filter"
    row = {
        "text": text,
        "finish": finish,
        "error": "refusal" if refused else None,
        "prompt_tokens": getattr(usage, "prompt_tokens", None) or 0,
        "cached_tokens": getattr(details, "cached_tokens", None) or 0,
        "completion_tokens": getattr(usage, "completion_tokens", None) or 0,
    }
    return row if text == raw else {**row, "raw": raw}


def empty_reply(reply: Any) -> str:
    """What is wrong with a reply that holds no answer. Gateways report errors with status 200."""
    error = getattr(reply, "error", None)
    message = error.get("message", error) if isinstance(error, Mapping) else error
    return "the server's reply has no choices in it" + (f": {message}" if message else "")


def _content(content: Any) -> tuple[str, bool]:
    """(text, whether a part is a refusal) of a message's content: a text, a list of parts, or
    nothing. Parts of other types (thoughts, images, tool calls) are no text."""
    if content is None or isinstance(content, str):
        return content or "", False
    texts, declined = [], False
    for part in content if isinstance(content, (list, tuple)) else [content]:
        fields = part if isinstance(part, Mapping) else getattr(part, "__dict__", {"text": part})
        kind = fields.get("type", "text")
        declined = declined or kind == "refusal"
        if kind in ("text", "output_text") and isinstance(fields.get("text"), str):
            texts.append(fields["text"])
    return "".join(texts), declined


def answer_of_error(error: Exception) -> dict[str, Any] | None:
    """The answer without text that an error stands for (a refusal, a conversation longer than
    the model's context); None: the error is no answer."""
    if getattr(error, "status_code", None) not in (400, 413, 422):
        return None
    reason = f"{getattr(error, 'code', '')} {_words(error)}"
    if OTHER_LENGTH in reason:
        return None
    if _REFUSED.search(reason):
        kind = "refusal"
    elif _CONTEXT.search(reason):
        kind = "context"
    else:
        return None
    return {"text": "", "finish": None, "error": kind, **_NO_USAGE}


def wants_other_length(error: Exception) -> bool:
    """Whether the server asks for ``max_completion_tokens`` in place of ``max_tokens``."""
    return OTHER_LENGTH in _words(error)


def refuses_system_role(error: Exception) -> bool:
    """Whether the server takes no system message. Some say so with status 500, when a chat
    template raised the error."""
    status = getattr(error, "status_code", None)
    return status in (400, 404, 422, 500) and bool(_NO_SYSTEM_ROLE.search(_words(error)))


def _words(error: Exception) -> str:
    """An error's message and the reply's body: the message lacks a body of another form than
    OpenAI's, such as FastAPI's ``{"detail": ...}`` or plain text."""
    return f"{error} {getattr(error, 'body', None) or ''}"


def may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed later: the network, rate limits, the server's own
    errors; not a used-up quota, nor a request that is wrong."""
    if getattr(error, "code", None) == "insufficient_quota":
        return False
    status = getattr(error, "status_code", None)
    return status is None or status >= 500 or status in (408, 409, 429)


def retry_after(error: BaseException | None) -> float:
    """Seconds that the server's Retry-After header asks for, at most 600; 0 without one."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        return max(0.0, min(600.0, float(headers.get("retry-after", 0))))
    except ValueError:
        return 0.0  # a date: the growing pauses do as well


def reason_of(error: Exception) -> str:
    """An error in one line."""
    body = getattr(error, "body", None)
    message = body.get("message") or body.get("detail") if isinstance(body, dict) else None
    message = body if isinstance(body, str) and body else message
    text = " ".join(str(message or error).split())[:300]
    cause = error.__cause__
    if cause is not None and message is None:
        text += f" ({' '.join(str(cause).split())[:100] or type(cause).__name__})"
    return text


def fix_of(error: Exception, reason: str) -> str:
    """What to change after an error that does not pass."""
    status = getattr(error, "status_code", None)
    if status in (401, 403):
        return "a valid key in the environment variable (--key-variable names another)"
    if status == 404:
        return "check openai:MODEL and --base-url (it usually ends in /v1)"
    if status == 429:
        return "the account's quota is used up"
    for name in ("seed", "temperature", "max_tokens"):
        if name in reason:
            return f"--request-option {name}=null leaves that field out"
    return "check openai:MODEL and the --request-option fields"
