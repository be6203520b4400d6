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
from colllm_bench.teams.base import replicas
from colllm_bench.teams.endpoint.client import ChatClient, Endpoint
from colllm_bench.teams.endpoint.response_cache import ResponseCache
from colllm_bench.types import Episode, Trajectory, Turn

NO_ANSWER = "(no answer)"
"""Stands in the conversation for an answer without text: roles must alternate, and many servers
refuse empty messages."""


@dataclass
class _Conversation:
    """What one agent of one episode has seen and said."""

    where: tuple[object, ...]
    messages: list[dict[str, str]] = field(default_factory=list)
    turn: int = 0
    full: bool = False
    """The model's context is used up: no request will be answered any more."""


class _Workers:
    """Threads that make calls. Those of ``concurrent.futures`` keep a process from ending until
    the last server has answered; these do not."""

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
                except BaseException as error:  # whoever waits for the future gets it
                    future.set_exception(error)


class EndpointTeam:
    """All agents of all episodes ask one model, each in a conversation of its own.

    The instructions are the system message, observations the user's, actions the assistant's.
    An answer that was refused or whose conversation has grown too long is no text: for the
    environment an invalid action, counted in the ledger. Requests of a turn run concurrently.

    Args:
        model: as the endpoint calls it.
        endpoint: where, how fast, at which price.
        temperature: of sampling.
        max_action_tokens: longest answer.
        seed: each request is sent a seed of its own, derived from this.
        path: the ledger's file, from which a later call goes on; None keeps none.
        notify: called after each turn with a line that says how far it is.
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
        self.completions = ChatClient(model, self.endpoint, self._stop)
        self.ledger = ResponseCache(path, self.endpoint.price_in, self.endpoint.price_out)
        self._workers = _Workers(self.endpoint.concurrency)

    def reset(self, episodes: Sequence[Episode]) -> None:
        self._talks = [
            [
                _Conversation((episode.seed, replica, x.agent), _opening(x.instructions))
                for x in episode.trajectories
            ]
            for episode, replica in zip(episodes, replicas(episodes), strict=True)
        ]

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        asked: dict[Future, tuple[_Conversation, Turn]] = {}
        for talks, own in zip(self._talks, turns, strict=True):
            for talk, turn in zip(talks, own, strict=True):
                if turn is None:
                    continue
                _append(talk.messages, "user", turn.observation)
                digest, body = self._request(talk)
                found = self._known(talk, digest)
                if found is not None:
                    _take(talk, turn, found)
                else:
                    asked[self._workers.submit(self._ask, talk, digest, body)] = (talk, turn)
        try:
            done, _ = wait(asked, return_when=FIRST_EXCEPTION)
            for future in done:
                _take(*asked[future], future.result())
        except BaseException as error:
            self._give_up(asked, interrupted=isinstance(error, KeyboardInterrupt))
            raise
        if self.notify:
            self.notify(self._progress())

    def keep_running(self, running: Sequence[int]) -> None:
        self._talks = [self._talks[i] for i in running]

    def observe_final(self, trajectory: Trajectory, observation: str) -> None:
        pass

    def close(self) -> None:
        self._stop.set()
        self._workers.close()
        self.completions.close()

    def _request(self, talk: _Conversation) -> tuple[str, dict[str, Any]]:
        seed = derive(self.seed, "request", *talk.where, talk.turn)
        body = self.completions.body(talk.messages, self.temperature, self.tokens, seed)
        return self.ledger.digest((*talk.where, talk.turn), body), body

    def _known(self, talk: _Conversation, digest: str) -> dict[str, Any] | None:
        """The answer, where it is known without asking."""
        if talk.full:
            return {"text": "", "error": "context"}
        return self.ledger.find(digest)

    def _ask(self, talk: _Conversation, digest: str, body: dict[str, Any]) -> dict[str, Any]:
        """In a thread of the pool: ask, and write the answer down before anybody uses it."""
        limit, spent = self.endpoint.max_cost, self.ledger.cost
        if limit is not None and spent is not None and spent >= limit:
            raise RunError(
                f"{spent:.4f} US dollars are spent, and --max-cost is {limit:g}; every answer so "
                "far is kept: the same command with a higher one goes on"
            )
        seed, replica, agent = talk.where
        row = {"digest": digest, "seed": seed, "twin": replica, "agent": agent, "turn": talk.turn,
               **self.completions.ask(body)}
        self.ledger.add(row)
        return row

    def _give_up(self, asked: dict[Future, Any], interrupted: bool) -> None:
        """Let requests in flight end, whose answers are paid for, and start no other."""
        self._stop.set()
        flying = sum(not future.cancel() and not future.done() for future in asked)
        if interrupted and flying:
            say(f"waiting for {flying} answers in flight (Ctrl-C again gives them up)")
        wait(asked, timeout=self.endpoint.timeout)

    def _progress(self) -> str:
        totals, cost = self.ledger.totals, self.ledger.cost
        parts = [f"{len(self._talks)} episodes running", f"{totals['requests']:,} answers",
                 f"{totals['prompt_tokens'] + totals['completion_tokens']:,} tokens"]
        return ", ".join(parts + ([f"${cost:.4f}"] if cost is not None else []))


def _opening(instructions: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": instructions}] if instructions else []


def _append(messages: list[dict[str, str]], role: str, text: str) -> None:
    messages.append({"role": role, "content": text if text.strip() else NO_ANSWER})


def _take(talk: _Conversation, turn: Turn, answer: dict[str, Any]) -> None:
    turn.action_text = answer["text"]
    _append(talk.messages, "assistant", answer["text"])
    talk.turn += 1
    talk.full = talk.full or answer["error"] == "context"
