"""One request to an OpenAI-compatible endpoint, until there is an answer.

Three kinds of failure: what may pass (the network, rate limits, the server's own errors) is
tried again; what belongs to the conversation (too long, refused) is an answer without text; what
will never work (the key, the model's name, a field that the server does not know) ends the
evaluation with the line that says how to mend it.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from colllm_bench.errors import ConfigError, RunError
from colllm_bench.teams.endpoint.rate_limiter import Pace, Stopped

LONGEST_WAIT = 60.0
"""Seconds between two attempts, at most (unless the server asks for more)."""
OTHER_LENGTH = "max_completion_tokens"
_CONTEXT = re.compile(
    r"context|too long|too many tokens|maximum.{0,20}(length|tokens)|exceed.{0,40}token", re.I
)
_REFUSED = re.compile(r"content.?(policy|filter|management)|safety|moderation|flagged", re.I)
_THINKING = re.compile(r"\A\s*<think>.*?(</think>\s*|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Endpoint:
    """Where a model is asked, how fast, and what it costs."""

    base_url: str | None = None
    """address of the server, up to /v1 (default: the variable OPENAI_BASE_URL, or OpenAI)"""
    key_variable: str = "OPENAI_API_KEY"
    """environment variable with the key, which is never written anywhere"""
    concurrency: int = 8
    """requests in flight at a time"""
    rpm: int | None = None
    """requests a minute, at most"""
    tpm: int | None = None
    """tokens a minute, prompts and answers together, at most"""
    retries: int = 8
    """further attempts of a request that failed in a way that may pass"""
    timeout: float = 120.0
    """seconds to wait for an answer"""
    price_in: float | None = None
    """US dollars for a million prompt tokens"""
    price_out: float | None = None
    """US dollars for a million tokens of answers"""
    max_cost: float | None = None
    """stop when so many US dollars are spent (requests in flight are still paid for)"""
    options: dict[str, Any] = field(default_factory=dict)
    """further fields of every request; None leaves out a field that is sent otherwise"""

    def check(self) -> None:
        """Raise ConfigError for a value out of its range."""
        for name, low in {"concurrency": 1, "rpm": 1, "tpm": 1, "retries": 0}.items():
            value = getattr(self, name)
            if value is not None and value < low:
                raise ConfigError(f"{name} {value} is out of range", allowed=f"{low} or more")
        for name in ("timeout", "price_in", "price_out", "max_cost"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ConfigError(f"{name} {value} is out of range", allowed="0 or more")
        if self.max_cost is not None and self.price_in is None and self.price_out is None:
            raise ConfigError(
                "--max-cost without prices", fix="--price-in X --price-out Y, per million tokens"
            )
        if self.base_url and urlsplit(self.base_url).scheme not in ("http", "https"):
            raise ConfigError(
                f"--base-url {self.base_url!r} is no address", allowed="http://... or https://...",
                fix="--base-url http://127.0.0.1:8000/v1",
            )

    @property
    def address(self) -> str:
        """The base URL without what it may carry of a secret: user, password, query."""
        url = self.base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))


class ChatClient:
    """Asks one model; safe to use from several threads.

    Args:
        model: as the endpoint calls it.
        stop: set when no further attempt may be made.

    Raises:
        ConfigError: no ``openai`` package, or no key where one is needed.
    """

    def __init__(self, model: str, endpoint: Endpoint, stop: threading.Event):
        endpoint.check()
        try:
            import openai
        except ModuleNotFoundError as error:
            raise ConfigError(
                "endpoint teams need the package openai, which is not installed",
                fix="pip install 'colllm-bench[endpoint]', or pip install openai",
            ) from error
        self.model, self.endpoint, self.stop, self._openai = model, endpoint, stop, openai
        key = os.environ.get(endpoint.key_variable)
        local = endpoint.base_url or os.environ.get("OPENAI_BASE_URL")
        if not key and not local:
            raise ConfigError(
                f"no key: the environment variable {endpoint.key_variable} is not set",
                fix=f"export {endpoint.key_variable}=..., or --base-url of a server without keys",
            )
        self._key = key
        self._client = openai.OpenAI(
            api_key=key or "none", base_url=endpoint.base_url, timeout=endpoint.timeout,
            max_retries=0,  # retried here: counted, paced, and given up on Ctrl-C
        )
        self.pace = Pace(endpoint.rpm, endpoint.tpm, stop)
        self._length = "max_tokens"
        self._jitter = random.Random(0)

    def body(
        self, messages: Sequence[dict[str, str]], temperature: float, tokens: int, seed: int
    ) -> dict[str, Any]:
        """All that is sent, the model's name and the messages included."""
        body = {"model": self.model, "messages": list(messages), "temperature": temperature,
                "max_tokens": tokens, "seed": seed, **self.endpoint.options}
        return {key: value for key, value in body.items() if value is not None}

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request.

        Returns:
            ``text`` (empty if there is none), ``finish``, ``error`` (None, ``context`` or
            ``refusal``), ``prompt_tokens``, ``cached_tokens``, ``completion_tokens``,
            ``attempts``, ``seconds``; and ``raw`` where a model's thinking was cut off ``text``.

        Raises:
            ConfigError: the endpoint will never answer such a request.
            RunError: every attempt failed.
            Stopped: ``stop`` was set between two attempts.
        """
        text = sum(len(message["content"]) for message in body["messages"])
        about = text // 4 + 4 * len(body["messages"]) + (body.get("max_tokens") or 0)
        attempts = 0
        while True:
            if self.stop.is_set():
                raise Stopped
            entry = self.pace.enter(about)
            began, length = time.monotonic(), self._length
            attempts += 1
            try:
                answer = self._read(self._send(body, length))
            except self._openai.OpenAIError as error:
                answer = self._data(error)
                if answer is None:
                    if not self._renamed(length, error):
                        self._wait(error, attempts)
                    continue
            self.pace.settle(entry, answer["prompt_tokens"] + answer["completion_tokens"])
            return {**answer, "attempts": attempts, "seconds": round(time.monotonic() - began, 3)}

    def close(self) -> None:
        self._client.close()

    def _send(self, body: dict[str, Any], length: str) -> Any:
        fields = {k: v for k, v in body.items() if k not in ("model", "messages", "max_tokens")}
        if "max_tokens" in body:
            fields[length] = body["max_tokens"]
        return self._client.chat.completions.create(
            model=body["model"], messages=body["messages"], extra_body=fields
        )

    def _read(self, reply: Any) -> dict[str, Any]:
        """What a reply says. Raises OpenAIError where it is no reply at all."""
        choices = getattr(reply, "choices", None)
        if not choices or getattr(choices[0], "message", None) is None:
            raise self._openai.OpenAIError("the server's reply has no choices in it")
        message, finish = choices[0].message, choices[0].finish_reason
        usage = getattr(reply, "usage", None)
        details = getattr(usage, "prompt_tokens_details", None)
        raw = message.content or ""
        text = _THINKING.sub("", raw)
        refused = bool(getattr(message, "refusal", None)) or finish == "content_filter"
        row = {
            "text": text,
            "finish": finish,
            "error": "refusal" if refused else None,
            "prompt_tokens": getattr(usage, "prompt_tokens", None) or 0,
            "cached_tokens": getattr(details, "cached_tokens", None) or 0,
            "completion_tokens": getattr(usage, "completion_tokens", None) or 0,
        }
        return row if text == raw else {**row, "raw": raw}

    def _data(self, error: Exception) -> dict[str, Any] | None:
        """The answer that an error stands for, or None."""
        if getattr(error, "status_code", None) not in (400, 413, 422):
            return None
        said = f"{getattr(error, 'code', '')} {error}"
        kind = "refusal" if _REFUSED.search(said) else "context" if _CONTEXT.search(said) else None
        if kind is None or OTHER_LENGTH in said:
            return None
        return {"text": "", "finish": None, "error": kind, "prompt_tokens": 0, "cached_tokens": 0,
                "completion_tokens": 0}

    def _renamed(self, length: str, error: Exception) -> bool:
        """Newer models call the longest answer ``max_completion_tokens``: then so do we."""
        if length == "max_tokens" and OTHER_LENGTH in str(error):
            self._length = OTHER_LENGTH
            return True
        return False

    def _wait(self, error: Exception, attempts: int) -> None:
        """Wait before the next attempt; raises if there is to be none."""
        status = getattr(error, "status_code", None)
        reason = self._reason(error)
        spent = getattr(error, "code", None) == "insufficient_quota"
        if spent or (status is not None and status < 500 and status not in (408, 409, 429)):
            raise ConfigError(
                f"the endpoint {self.endpoint.address} refuses: {reason}", fix=_fix(status, reason)
            ) from None
        if attempts > self.endpoint.retries:
            raise RunError(
                f"the endpoint {self.endpoint.address} failed {attempts} times: {reason}; every "
                "answer so far is kept: the same command goes on"
            ) from None
        # 0.5, 1, 2, ... seconds, each shortened by up to a half so that not all come at once.
        pause = min(LONGEST_WAIT, 0.5 * 2 ** (attempts - 1)) * (1 - 0.5 * self._jitter.random())
        if self.stop.wait(max(pause, _asked_for(error))):
            raise Stopped

    def _reason(self, error: Exception) -> str:
        body = getattr(error, "body", None)
        said = body.get("message") or body.get("detail") if isinstance(body, dict) else None
        text = " ".join(str(said or error).split())[:300]
        cause = error.__cause__
        if cause is not None and said is None:
            text += f" ({' '.join(str(cause).split())[:100] or type(cause).__name__})"
        return text.replace(self._key, "***") if self._key else text


def _asked_for(error: Exception) -> float:
    """Seconds that the server's Retry-After asks for, or 0."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        return max(0.0, min(600.0, float(headers.get("retry-after", 0))))
    except ValueError:
        return 0.0  # a date: the growing pauses do as well


def _fix(status: int | None, reason: str) -> str:
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
