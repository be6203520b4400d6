"""Chat completions of an OpenAI-compatible endpoint, tried again until there is an answer.

Three kinds of failure (:mod:`colllm_bench.teams.endpoint.replies` tells them apart): what may
pass (the network, rate limits, the server's own errors) is tried again; what belongs to the
conversation (too long, refused) is an answer without text; what will never work (the key, the
model's name, a field that the server does not know) ends the evaluation with the line that says
how to mend it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from colllm_bench.errors import ConfigError, RunError
from colllm_bench.teams.endpoint import replies
from colllm_bench.teams.endpoint.rate_limiter import Cancelled, RateLimiter

LONGEST_WAIT = 60.0
"""Seconds between two attempts, at most (unless the server asks for more)."""


@dataclass(frozen=True)
class Endpoint:
    """A server that models are asked at: its address, limits and prices."""

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
        """The base URL without user, password and query, which may hold secrets."""
        url = self.base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))


class ChatClient:
    """Asks one model; safe to use from several threads.

    The ``openai`` package sends the requests. Its own retries are off, because they can
    neither be counted, nor wait for the rate limiter, nor end at Ctrl-C; ``tenacity`` repeats
    them instead.

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
            import tenacity
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"endpoint teams need the package {error.name}, which is not installed",
                fix=f"pip install -e '.[endpoint]' in the checkout, or pip install {error.name}",
            ) from error
        self.model, self.endpoint, self.stop = model, endpoint, stop
        self._openai, self._tenacity = openai, tenacity
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
            max_retries=0,
        )
        self.limiter = RateLimiter(endpoint.rpm, endpoint.tpm, stop)
        # What this server was found to want: the name of the length field, and whether it takes
        # a system message.
        self._dialect = ("max_tokens", True)

    def body(
        self, messages: Sequence[dict[str, str]], temperature: float, tokens: int, seed: int
    ) -> dict[str, Any]:
        """All that is sent, the model's name and the messages included."""
        body = {"model": self.model, "messages": list(messages), "temperature": temperature,
                "max_tokens": tokens, "seed": seed, **self.endpoint.options}
        return {key: value for key, value in body.items() if value is not None}

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request.

        Returns:
            :func:`colllm_bench.teams.endpoint.replies.read_reply`, whose ``error`` may also be
            ``context``, with ``attempts`` and ``seconds`` (of the last attempt).

        Raises:
            ConfigError: the endpoint will never answer such a request.
            RunError: every attempt failed.
            Cancelled: ``stop`` was set between two attempts.
        """
        tries, most = [], self.endpoint.retries + 1
        attempts = self._tenacity.Retrying(
            retry=self._tenacity.retry_if_exception(self._may_pass),
            stop=self._tenacity.stop_after_attempt(most),
            wait=self._pause,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return attempts(self._attempt, body, tries)
        except self._openai.OpenAIError as error:
            reason = replies.reason_of(error)
            reason = reason.replace(self._key, "***") if self._key else reason
            if self._may_pass(error):
                raise RunError(
                    f"the endpoint {self.endpoint.address} failed {most} times: {reason}; every "
                    "answer so far is kept: the same command goes on"
                ) from None
            raise ConfigError(
                f"the endpoint {self.endpoint.address} refuses: {reason}",
                fix=replies.fix_of(error, reason),
            ) from None

    def close(self) -> None:
        self._client.close()

    def _attempt(self, body: dict[str, Any], tries: list[float]) -> dict[str, Any]:
        """Send the request once, or again at once in the form that the server asks for.

        Args:
            tries: a time is appended for every request that is sent.
        """
        characters = sum(len(message["content"]) for message in body["messages"])
        tokens = characters // 4 + 4 * len(body["messages"]) + (body.get("max_tokens") or 0)
        while True:
            if self.stop.is_set():
                raise Cancelled
            ticket, dialect = self.limiter.acquire(tokens), self._dialect
            tries.append(time.monotonic())
            try:
                reply = self._send(body, dialect)
                answer = replies.read_reply(reply)
            except self._openai.OpenAIError as error:
                if self._adapts(dialect, error):
                    continue
                answer = replies.answer_of_error(error)
                if answer is None:
                    raise
            if answer is None:
                raise self._openai.OpenAIError(replies.empty_reply(reply))
            self.limiter.report(ticket, answer["prompt_tokens"] + answer["completion_tokens"])
            seconds = round(time.monotonic() - tries[-1], 3)
            return {**answer, "attempts": len(tries), "seconds": seconds}

    def _send(self, body: dict[str, Any], dialect: tuple[str, bool]) -> Any:
        length, system_role = dialect
        fields = {k: v for k, v in body.items() if k not in ("model", "messages", "max_tokens")}
        if "max_tokens" in body:
            fields[length] = body["max_tokens"]
        messages = body["messages"] if system_role else without_system_role(body["messages"])
        try:
            return self._client.chat.completions.create(
                model=body["model"], messages=messages, extra_body=fields
            )
        except ValueError as error:  # a proxy's page or nothing, called JSON by its header
            raise self._openai.OpenAIError("the server's reply is no JSON") from error

    def _adapts(self, sent: tuple[str, bool], error: Exception) -> bool:
        """Whether the server asks for another form of the request; later ones have it too.

        Args:
            sent: the dialect of the request that failed.
        """
        length, system_role = sent
        if length != replies.OTHER_LENGTH and replies.wants_other_length(error):
            self._dialect = (replies.OTHER_LENGTH, self._dialect[1])
        elif system_role and replies.refuses_system_role(error):
            self._dialect = (self._dialect[0], False)
        else:
            return False
        return True

    def _may_pass(self, error: BaseException) -> bool:
        return isinstance(error, self._openai.OpenAIError) and replies.may_pass(error)

    def _pause(self, state: Any) -> float:
        """Seconds before the next attempt: 0.5, 1, 2, ... less up to a half at random, so that
        not all threads return at once; no sooner than the server asks for."""
        longest = self._tenacity.wait_exponential(multiplier=0.5, max=LONGEST_WAIT)(state)
        pause = self._tenacity.wait_random(longest / 2, longest)(state)
        return max(pause, replies.retry_after(state.outcome.exception()))

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise Cancelled


def without_system_role(messages: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The conversation with its instructions at the start of the first user message, as local
    models without a system role get them."""
    if len(messages) < 2 or messages[0]["role"] != "system":
        return list(messages)
    system, first, *others = messages
    return [{**first, "content": f"{system['content']}\n\n{first['content']}"}, *others]
