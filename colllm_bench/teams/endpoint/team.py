"""A team behind an OpenAI-compatible endpoint: a conversation for each agent of each episode."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from colllm_bench.cli import say
from colllm_bench.errors import RunError
from colllm_bench.seeding import derive
from colllm_bench.teams.base import Team, replicas
from colllm_bench.teams.endpoint.client import ChatClient, Endpoint
from colllm_bench.teams.endpoint.response_cache import ResponseCache
from colllm_bench.types import Episode, Turn

NO_ANSWER = "(no answer)"
"""Stands in the conversation for an answer without text: roles must alternate, and many servers
refuse empty messages."""


@dataclass
class _Conversation:
    """The messages of one agent of one episode.

    Attributes:
        place: (episode's seed, replica, agent).
    """

    place: tuple[object, ...]
    messages: list[dict[str, str]] = field(default_factory=list)
    turn: int = 0
    full: bool = False
    """Whether the model's context is used up: no further request can be answered."""


class _Workers:
    """A pool of daemon threads. The threads of ``concurrent.futures`` are waited for at exit, so
    that a server that does not answer would keep the process from ending."""

    def __init__(self, number: int):
        self._calls: SimpleQueue[tuple[Future, Callable, tuple] | None] = SimpleQueue()
        self._number = number
        for _ in range(number):
            threading.Thread(target=self._work, daemon=True).start()

    def submit(self, call: Callable, *args: Any) -> Future:
        future: Future = Future()
        self._calls.put((future, call, args))
        return future

    def close(self) -> None:
        for _ in range(self._number):
            self._calls.put(None)

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            future, call, args = item
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call(*args))
                except BaseException as error:  # raised where the future's result is read
                    future.set_exception(error)


class EndpointTeam(Team):
    """One model behind an endpoint, with a separate conversation for each agent of each episode.

    The instructions are the system message (part of the first user message where the server
    takes no system message), observations the user's, actions the assistant's. A refusal or a
    conversation that has grown too long gives an empty action, which environments count as
    invalid. Requests of a turn run concurrently.

    Args:
        model: as the endpoint calls it.
        endpoint: address, limits and prices.
        temperature: of sampling.
        max_action_tokens: longest answer.
        seed: the seed of each request derives from this.
        path: file of the response cache, which a later call reads; None keeps none.
        notify: called after each turn with a line of progress.
    """

    def __init__(
        self,
        model: str,
        endpoint: Endpoint | None = None,
        *,
        temperature: float = 1.0,
        max_action_tokens: int = 64,
        seed: int = 0,
        path: Path | None = None,
        notify: Callable[[str], None] | None = None,
    ):
        self.endpoint = endpoint or Endpoint()
        self.temperature, self.tokens, self.seed = temperature, max_action_tokens, seed
        self.notify = notify
        self._stop = threading.Event()
        self.client = ChatClient(model, self.endpoint, self._stop)
        self.cache = ResponseCache(path, self.endpoint.price_in, self.endpoint.price_out)
        self._workers = _Workers(self.endpoint.concurrency)

    def reset(self, episodes: Sequence[Episode]) -> None:
        self._conversations = [
            [
                _Conversation((episode.seed, replica, x.agent), _opening(x.instructions))
                for x in episode.trajectories
            ]
            for episode, replica in zip(episodes, replicas(episodes), strict=True)
        ]

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        pending: dict[Future, tuple[_Conversation, Turn]] = {}
        for conversations, episode_turns in zip(self._conversations, turns, strict=True):
            for conversation, turn in zip(conversations, episode_turns, strict=True):
                if turn is None:
                    continue
                _append(conversation.messages, "user", turn.observation)
                digest, body = self._request(conversation)
                answer = self._cached(conversation, digest)
                if answer is not None:
                    _take(conversation, turn, answer)
                else:
                    future = self._workers.submit(self._complete, conversation, digest, body)
                    pending[future] = (conversation, turn)
        try:
            done, _ = wait(pending, return_when=FIRST_EXCEPTION)
            for future in done:
                _take(*pending[future], future.result())
        except BaseException as error:
            self._give_up(pending, interrupted=isinstance(error, KeyboardInterrupt))
            raise
        if self.notify:
            self.notify(self._progress())

    def keep_running(self, running: Sequence[int]) -> None:
        self._conversations = [self._conversations[i] for i in running]

    def close(self) -> None:
        self._stop.set()
        self._workers.close()
        self.client.close()

    def _request(self, conversation: _Conversation) -> tuple[str, dict[str, Any]]:
        seed = derive(self.seed, "request", *conversation.place, conversation.turn)
        body = self.client.body(conversation.messages, self.temperature, self.tokens, seed)
        return self.cache.digest((*conversation.place, conversation.turn), body), body

    def _cached(self, conversation: _Conversation, digest: str) -> dict[str, Any] | None:
        """The answer where no request is needed; else None."""
        if conversation.full:
            return {"text": "", "error": "context"}
        return self.cache.get(digest)

    def _complete(
        self, conversation: _Conversation, digest: str, body: dict[str, Any]
    ) -> dict[str, Any]:
        """In a thread of the pool: send the request, and write its answer before it is used."""
        limit, spent = self.endpoint.max_cost, self.cache.cost
        if limit is not None and spent is not None and spent >= limit:
            raise RunError(
                f"{spent:.4f} US dollars are spent, and --max-cost is {limit:g}; every answer so "
                "far is kept: the same command with a higher one goes on"
            )
        seed, replica, agent = conversation.place
        row = {"digest": digest, "seed": seed, "twin": replica, "agent": agent,
               "turn": conversation.turn, **self.client.complete(body)}
        self.cache.put(row)
        return row

    def _give_up(self, pending: dict[Future, Any], interrupted: bool) -> None:
        """Wait for requests in flight, whose answers are paid for, and start no others."""
        self._stop.set()
        in_flight = sum(not future.cancel() and not future.done() for future in pending)
        if interrupted and in_flight:
            say(f"waiting for {in_flight} answers in flight (Ctrl-C again gives them up)")
        wait(pending, timeout=self.endpoint.timeout)

    def _progress(self) -> str:
        totals, cost = self.cache.totals, self.cache.cost
        parts = [f"{len(self._conversations)} episodes running", f"{totals['requests']:,} answers",
                 f"{totals['prompt_tokens'] + totals['completion_tokens']:,} tokens"]
        return ", ".join(parts + ([f"${cost:.4f}"] if cost is not None else []))


def _opening(instructions: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": instructions}] if instructions else []


def _append(messages: list[dict[str, str]], role: str, text: str) -> None:
    messages.append({"role": role, "content": text if text.strip() else NO_ANSWER})


def _take(conversation: _Conversation, turn: Turn, answer: dict[str, Any]) -> None:
    turn.action_text = answer["text"]
    _append(conversation.messages, "assistant", answer["text"])
    conversation.turn += 1
    conversation.full = conversation.full or answer["error"] == "context"
