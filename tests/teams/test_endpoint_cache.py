"""What an endpoint answered is kept, and requests stay below rate limits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from endpoint_play import KEY, always, play, texts
from paths import ROOT
from servers import Scripted, completion

from colllm_bench import cli
from colllm_bench.errors import RunError
from colllm_bench.evaluate import main
from colllm_bench.runs.files import read_lines
from colllm_bench.teams.endpoint.rate_limiter import Cancelled, RateLimiter
from colllm_bench.teams.endpoint.response_cache import ResponseCache


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


# -- the cache


def test_nothing_is_asked_twice(tmp_path):
    path = tmp_path / "requests.jsonl"
    with always() as server:
        first, _ = play(server, path=path)
        asked = len(server.bodies)
        with open(path, "ab") as file:
            file.write(b'{"digest": "torn')
        again, player = play(server, path=path)
    assert again == first and len(server.bodies) == asked == player.cache.totals["requests"]
    with always("left") as server:  # other settings are other requests
        other, _ = play(server, path=path, temperature=0.5)
    assert len(server.bodies) == asked and texts(other) != texts(first)


def test_a_killed_evaluation_goes_on_where_it_was(tmp_path, capsys):
    """Killed with `kill -9` while a request is in flight: everything answered before is kept, and
    the second call asks for that request and the rest, each once."""
    hanging = threading.Event()

    def reply(number, body):
        if number == 7 and not hanging.is_set():
            hanging.set()
            return None
        return 200, completion("go")

    with Scripted(reply) as server:
        argv = ["openai:m", "--env", "tiny_envs:Relay", "--agents", "2", "--episodes", "3",
                "--env-option", "turns=2", "--base-url", server.url, "--concurrency", "1",
                "--out", str(tmp_path), "--name", "killed"]
        environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT}/tests/support"}
        process = subprocess.Popen(
            [sys.executable, "-m", "colllm_bench.evaluate", *argv], env=environment,
            stdout=subprocess.DEVNULL,
        )
        assert hanging.wait(60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        (cache,) = tmp_path.rglob("requests-*.jsonl")
        assert len(read_lines(cache)) == 7
        assert cli.execute(main, argv) == 0
        asked = len(server.bodies)
        assert asked == 3 * 2 * 2 + 1
        capsys.readouterr()
        assert cli.execute(main, argv) == 0, "a third call asks nothing at all"
    assert len(server.bodies) == asked
    bodies = [json.dumps(body, sort_keys=True) for body in server.bodies]
    assert len(set(bodies)) == asked - 1 and bodies[7] == bodies[8]
    assert "12 answers in 12 requests" in capsys.readouterr().out
    assert server.keys[0] == f"Bearer {KEY}"
    for path in filter(Path.is_file, tmp_path.rglob("*")):
        assert KEY.encode() not in path.read_bytes(), f"the key is in {path.name}"


def test_ctrl_c_keeps_the_answers_of_requests_in_flight(tmp_path):
    path = tmp_path / "requests.jsonl"

    def reply(number, body):
        if number == 3:
            signal.raise_signal(signal.SIGINT)
        time.sleep(0.1)
        return 200, completion("go")

    with Scripted(reply) as server:
        with pytest.raises(KeyboardInterrupt):
            play(server, path=path, concurrency=2)
    assert 4 <= len(server.bodies) <= 6
    assert len(read_lines(path)) == len(server.bodies)


def test_it_stops_when_the_money_is_spent(tmp_path):
    path = tmp_path / "requests.jsonl"
    prices = dict(price_in=100.0, price_out=1000.0)  # 0.003 an answer
    with always() as server:
        with pytest.raises(RunError, match=r"0.0060 US dollars are spent, and --max-cost is 0.005"):
            play(server, path=path, concurrency=1, max_cost=0.005, **prices)
        assert len(server.bodies) == 2
        episodes, player = play(server, path=path, concurrency=1, max_cost=1.0, **prices)
    assert player.cache.cost == pytest.approx(0.003 * len(server.bodies))
    assert len(server.bodies) == sum(len(x.turns) for e in episodes for x in e.trajectories)


def test_a_ledger_counts_what_it_finds(tmp_path):
    path = tmp_path / "requests.jsonl"
    cache = ResponseCache(path, price_out=1.0)
    cache.put({"digest": "a", "text": "x", "prompt_tokens": 5, "completion_tokens": 3,
                "attempts": 2, "error": None, "finish": "length"})
    cache.put({"digest": "b", "text": "", "error": "context", "attempts": 1})
    again = ResponseCache(path, price_out=1.0)
    assert again.summary() == cache.summary() and again.get("a")["text"] == "x"
    assert again.summary() | {"requests": 2, "attempts": 3, "prompt_tokens": 5, "cut_off": 1,
                              "context_errors": 1, "cost": 3e-6} == again.summary()
    assert ResponseCache(path).cost is None


def test_a_kept_answer_with_a_lone_surrogate_is_replayed(tmp_path):
    """Files of earlier versions may hold one; no request that repeats it could be sent."""
    path = tmp_path / "requests.jsonl"
    with always() as server:
        first, _ = play(server, path=path)
        path.write_text(path.read_text().replace('"text": "go"', '"text": "g\\ud800"'))
        again, team = play(server, path=path)
        asked = len(server.bodies)
        play(server, path=path)
    assert set(sum(texts(again), [])) <= {"g\N{REPLACEMENT CHARACTER}", "go"}
    assert texts(again)[0][0] == "g\N{REPLACEMENT CHARACTER}"
    assert len(server.bodies) == asked, "the third call asks nothing"


# -- rate limits


class Eta:
    """Time that passes only while somebody waits."""

    def __init__(self):
        self.now, self.stopped = 0.0, False

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds
        return self.stopped


def entering(limiter, clock, tokens):
    times = []
    for n in tokens:
        limiter.acquire(n)
        times.append(clock.now)
    return times


def test_no_minute_holds_more_requests_than_allowed():
    clock = Eta()
    times = entering(RateLimiter(3, None, clock, clock), clock, [1] * 8)
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[3:]))
    assert times[-1] < 125, "and no more is waited than that takes"


def test_no_minute_holds_more_tokens_than_allowed():
    clock = Eta()
    limiter = RateLimiter(None, 100, clock, clock)
    assert entering(limiter, clock, [60, 40]) == [0.0, 0.0]
    (third,) = entering(limiter, clock, [50])
    assert 60 <= third < 62
    limiter = RateLimiter(None, 100, clock, clock)
    limiter.report(limiter.acquire(90), 10)  # it took less than was feared
    before = clock.now
    assert entering(limiter, clock, [90]) == [before]
    (late,) = entering(limiter, clock, [500])  # larger than the limit: alone
    assert 60 <= late - before < 62


def test_who_waits_can_be_stopped():
    clock = Eta()
    limiter = RateLimiter(1, None, clock, clock)
    limiter.acquire(1)
    clock.stopped = True
    with pytest.raises(Cancelled):
        limiter.acquire(1)
