"""Endpoint teams against servers on loopback: a real one, and one that fails on order."""

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
from paths import ROOT
from servers import Scripted, completion, failure, transformers_serve

from colllm_bench import cli
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.evaluate import main
from colllm_bench.evaluation.held_out import play_held_out, raw_results
from colllm_bench.registry import MODELS
from colllm_bench.runs.files import read_json, read_lines
from colllm_bench.setup.resolve import resolve
from colllm_bench.teams.endpoint.client import Endpoint
from colllm_bench.teams.endpoint.rate_limiter import Cancelled, RateLimiter
from colllm_bench.teams.endpoint.response_cache import ResponseCache
from colllm_bench.teams.endpoint.team import NO_ANSWER, EndpointTeam
from colllm_bench.teams.loading import load_team

KEY = "sk-secret-0123456789"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def relay(**changes) -> RunConfig:
    """A game of two agents and two or three turns, on which any text may be said."""
    options = dict(env="tiny_envs:Relay", agents=2, env_options={"turns": 2, "vary": 2},
                   eval_episodes=3, batch=3, style="brief")
    return resolve(RunConfig(**{**options, **changes}))


def play(server, config=None, path=None, temperature=0.0, seed=0, **endpoint):
    """(episodes, player) of a team behind the server."""
    options = {"retries": 1, "timeout": 20.0, **endpoint}
    player = EndpointTeam("m", Endpoint(base_url=server.url, **options), path=path,
                            temperature=temperature, max_action_tokens=7, seed=seed)
    try:
        return play_held_out(config or relay(), player), player
    finally:
        player.close()


def texts(episodes):
    return [[turn.action_text for turn in x.turns] for e in episodes for x in e.trajectories]


def always(text="go"):
    return Scripted(lambda number, body: (200, completion(text)))


# -- the real server


@pytest.fixture(scope="module")
def real():
    """transformers' own server, with the built-in model."""
    with transformers_serve(str(MODELS["tiny"].folder("strategy"))) as url:
        yield url


def test_a_served_model_says_what_the_same_model_says_here(real, tmp_path, capsys):
    """The built-in model behind `transformers serve`, through the whole command: greedy play
    takes the very actions of the untrained team that is loaded in this process."""
    model = str(MODELS["tiny"].folder("strategy"))
    argv = [f"openai:{model}", "untrained", "--base-url", real, "--greedy", "--agents", "2",
            "--turns", "16", "--episodes", "2", "--style", "brief", "--max-action-tokens", "4",
            "--price-in", "0.5", "--price-out", "2", "--out", str(tmp_path), "--name", "served"]
    assert cli.execute(main, argv) == 0
    record = read_json(tmp_path / "evaluations" / "strategy" / "served" / "evaluation.json")
    served, local = (record["held_out"][name] for name in (f"openai:{model}", "untrained"))
    assert served == local
    used = record["usage"][f"openai:{model}"]
    turns = sum(served["turns"]) * 2
    assert used["requests"] == used["attempts"] == turns
    assert used["completion_tokens"] >= turns and used["prompt_tokens"] > 10 * turns
    cost = (0.5 * used["prompt_tokens"] + 2 * used["completion_tokens"]) / 1e6
    assert used["cost"] == pytest.approx(cost)
    assert f"{turns} answers in {turns} requests" in capsys.readouterr().out


def test_a_model_that_is_not_served_is_refused_in_one_line(real, tmp_path, capsys):
    argv = ["openai:another", "--base-url", real, "--episodes", "1", "--out", str(tmp_path)]
    assert cli.execute(main, argv) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "requested 'another'" in said
    assert not list(tmp_path.rglob("*.json")), "nothing was played, nothing is left"


# -- conversations


def test_every_agent_has_a_conversation_of_its_own():
    with Scripted(lambda n, body: (200, completion(body["messages"][0]["content"]))) as server:
        episodes, player = play(server)
    longest = [body["messages"] for body in server.bodies]
    for episode in episodes:
        for x in episode.trajectories:
            expected = [{"role": "system", "content": x.instructions}]
            for turn in x.turns:
                expected.append({"role": "user", "content": turn.observation})
                assert expected in longest
                expected.append({"role": "assistant", "content": turn.action_text})
    assert all(text == f"you are a_{k % 2}" for k, own in enumerate(texts(episodes))
               for text in own)
    assert len(server.bodies) == sum(len(x.turns) for e in episodes for x in e.trajectories)
    assert {(b["model"], b["max_tokens"], b["temperature"]) for b in server.bodies} == {
        ("m", 7, 0.0)
    }
    assert player.cache.summary()["cached_tokens"] == 4 * len(server.bodies)


def test_requests_have_seeds_of_their_own_that_repeat():
    seeds = []
    for seed in (0, 0, 1):
        with always() as server:
            play(server, seed=seed, temperature=1.0)
        seeds.append(sorted(body["seed"] for body in server.bodies))
    assert seeds[0] == seeds[1] != seeds[2] and len(set(seeds[0])) == len(seeds[0])


def test_fields_can_be_added_and_left_out():
    with always() as server:
        play(server, options={"top_p": 0.9, "seed": None})
    assert all(body["top_p"] == 0.9 and "seed" not in body for body in server.bodies)


def test_requests_of_a_turn_run_together_but_not_more_than_allowed():
    def slow(number, body):
        time.sleep(0.03)
        return 200, completion("go")

    for allowed, seen in ((1, {1}), (3, {2, 3})):
        with Scripted(slow) as server:
            play(server, concurrency=allowed)
        assert server.most in seen


def test_thinking_is_neither_said_nor_kept_in_the_conversation():
    with always("<think>\nleft or right?\n</think>\n\nleft") as server:
        episodes, player = play(server)
    assert set(sum(texts(episodes), [])) == {"left"}
    assert not any("right?" in m["content"] for b in server.bodies for m in b["messages"])
    with always("<think>I never come to") as server:
        episodes, _ = play(server)
    assert set(sum(texts(episodes), [])) == {""}


# -- failures that are data


@pytest.mark.parametrize("reply, error", [
    ((200, completion(None, refusal="I cannot help with that")), "refusal"),
    ((200, completion("", "content_filter")), "refusal"),
    ((400, failure("The response was filtered", "content_filter")), "refusal"),
    ((400, failure("maximum context length is 10 tokens", "context_length_exceeded")), "context"),
    ((413, failure("the prompt is too long")), "context"),
])
def test_refusals_and_full_contexts_are_data(reply, error):
    """For the environment an empty action; the conversation goes on, or is over."""
    with Scripted(lambda number, body: reply) as server:
        episodes, player = play(server)
    turns = sum(len(x.turns) for e in episodes for x in e.trajectories)
    assert set(sum(texts(episodes), [])) == {""} and raw_results(episodes)["invalid"] == 1.0
    # A full conversation is not asked again: it can only have grown.
    asked = turns if error == "refusal" else 6
    assert len(server.bodies) == asked == player.cache.summary()["requests"]
    key = {"refusal": "refusals", "context": "context_errors"}[error]
    assert player.cache.summary()[key] == asked
    if error == "refusal":
        said = [m["content"] for b in server.bodies for m in b["messages"]
                if m["role"] == "assistant"]
        assert said and set(said) == {NO_ANSWER}


def test_an_answer_that_was_cut_off_counts():
    with Scripted(lambda n, body: (200, completion("go", "length"))) as server:
        episodes, player = play(server)
    assert player.cache.summary()["cut_off"] == len(server.bodies)
    assert set(sum(texts(episodes), [])) == {"go"}


# -- failures that pass, and those that do not


def test_what_may_pass_is_tried_again():
    def flaky(number, body):
        return [
            (429, failure("slow down"), {"retry-after": "0.3"}), (500, failure("oops")),
            (200, {"error": "a gateway's idea of a reply"}),
        ][number] if number < 3 else (200, completion("go"))

    began = time.monotonic()
    with Scripted(flaky) as server:
        episodes, player = play(server, concurrency=1, retries=3)
    assert set(sum(texts(episodes), [])) == {"go"}
    used = player.cache.summary()
    assert used["attempts"] == used["requests"] + 3 == len(server.bodies)
    assert time.monotonic() - began > 0.3 + 0.5 + 1.0


@pytest.mark.parametrize("reply, kind, told", [
    ((500, failure("no GPU")), RunError, "failed 2 times: .*no GPU.*the same command goes on"),
    ((401, failure(f"wrong key {KEY}")), ConfigError, r"wrong key \*\*\*; fix: a valid key"),
    ((404, failure("no such model")), ConfigError, "no such model; fix: check openai:MODEL"),
    ((400, failure("unknown field seed")), ConfigError, "--request-option seed=null"),
    ((429, failure("out of money", "insufficient_quota")), ConfigError, "quota is used up"),
])
def test_what_cannot_be_answered_ends_in_one_line(reply, kind, told):
    with Scripted(lambda number, body: reply) as server:
        with pytest.raises(kind, match=told) as caught:
            play(server)
    assert KEY not in str(caught.value)


def test_a_server_that_is_not_there():
    with always() as server:
        pass
    with pytest.raises(RunError, match="failed 2 times: .*refused"):
        play(server)


def test_newer_models_name_the_longest_answer_differently():
    def newer(number, body):
        if "max_tokens" in body:
            return 400, failure("Unsupported parameter: use 'max_completion_tokens' instead.")
        return 200, completion("go")

    with Scripted(newer) as server:
        episodes, _ = play(server, concurrency=6)
    assert set(sum(texts(episodes), [])) == {"go"}
    assert server.bodies[-1]["max_completion_tokens"] == 7


@pytest.mark.parametrize("wrong, told", [
    (dict(concurrency=0), "concurrency 0 is out of range"), (dict(rpm=0), "rpm 0"),
    (dict(price_in=-1.0), "price_in -1.0"), (dict(max_cost=1.0), "--max-cost without prices"),
    (dict(base_url="localhost:8000"), "is no address"),
])
def test_settings_that_cannot_be(wrong, told):
    with pytest.raises(ConfigError, match=told):
        EndpointTeam("m", Endpoint(**{"base_url": "http://127.0.0.1:9/v1", **wrong}))


def test_without_a_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set; fix: export"):
        load_team("openai:m", relay())
    with always() as server:  # a server of one's own usually wants none
        assert len(play(server)[0]) == 3


# -- the cache


def test_nothing_is_asked_twice(tmp_path):
    path = tmp_path / "requests.jsonl"
    with always() as server:
        first, _ = play(server, path=path)
        asked = len(server.bodies)
        with open(path, "ab") as file:
            file.write(b'{"digest": "torn')
        again, player = play(server, path=path)
    assert again == first and len(server.bodies) == asked == len(player.cache)
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
