"""Endpoint teams against servers on loopback: a real one, and one that fails on order."""

from __future__ import annotations

import time

import pytest
from endpoint_play import KEY, always, play, relay, texts
from servers import Scripted, completion, failure, transformers_serve

from colllm_bench import cli
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.evaluate import main
from colllm_bench.evaluation.held_out import raw_results
from colllm_bench.registry import MODELS
from colllm_bench.runs.files import read_json
from colllm_bench.teams.endpoint.client import Endpoint
from colllm_bench.teams.endpoint.team import NO_ANSWER, EndpointTeam
from colllm_bench.teams.specs import load_team


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


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
