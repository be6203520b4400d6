"""What servers write that is not plain: parts, thoughts, broken Unicode, no system role."""

from __future__ import annotations

import time

import pytest
from endpoint_play import KEY, always, play, texts
from servers import Scripted, completion, failure

from colllm_bench.errors import ConfigError, RunError
from colllm_bench.evaluation.held_out import raw_results
from colllm_bench.teams.endpoint.replies import refuses_system_role


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


NO_SYSTEM_ROLE = [
    (400, "System role not supported"),  # templates of Gemma, through vLLM and others
    (500, "Jinja Exception: System role not supported"),
    (400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."),
    (400, "Developer instruction is not enabled for models/gemma-3-27b-it"),
    (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
    (422, "messages.0.role: Input should be 'user' or 'assistant'"),
    (400, 'messages: Unexpected role "system". The Messages API accepts a top-level parameter'),
    (400, "This model does not support system messages"),
    (400, "Only user and assistant roles are supported!"),
]


@pytest.mark.parametrize("status, message", NO_SYSTEM_ROLE)
def test_a_server_without_a_system_role_gets_the_instructions_in_the_users_message(
    status, message
):
    def reply(number, body):
        if body["messages"][0]["role"] == "system":
            return status, failure(message)
        return 200, completion("go")

    with Scripted(reply) as server:
        episodes, team = play(server, concurrency=1)
    assert set(sum(texts(episodes), [])) == {"go"}
    answered = [b["messages"] for b in server.bodies if b["messages"][0]["role"] == "user"]
    assert len(server.bodies) == len(answered) + 1, "it is asked so once, and never again"
    for x in (x for episode in episodes for x in episode.trajectories):
        first = f"{x.instructions}\n\n{x.turns[0].observation}"
        assert [{"role": "user", "content": first}] in answered
    for messages in answered:
        roles = [message["role"] for message in messages]
        assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
    assert team.cache.summary()["refusals"] == 0


def test_answers_are_kept_whatever_the_server_takes(tmp_path):
    """A request is known by what it means: with another server no answer is asked for twice."""
    path = tmp_path / "requests.jsonl"

    def reply(number, body):
        if body["messages"][0]["role"] == "system":
            return 400, failure("System role not supported")
        return 200, completion("go")

    with Scripted(reply) as server:
        first, _ = play(server, path=path)
    with always("left") as server:
        assert play(server, path=path)[0] == first
    assert not server.bodies


@pytest.mark.parametrize("status, message", [
    (503, "The system is not available: message queue full"), (429, "System role not supported"),
    (400, "unknown field seed"), (500, "internal system error"), (404, "no such model"),
    (400, "maximum context length is 10 tokens"),
])
def test_other_errors_are_not_taken_for_a_missing_system_role(status, message):
    error = Exception(message)
    error.status_code = status
    assert not refuses_system_role(error)


def test_a_server_that_refuses_both_forms_ends_in_one_line():
    def reply(number, body):
        if number >= 2:
            time.sleep(1)  # for a busy machine to notice what the first two were answered
        return 400, failure("System role not supported")

    with Scripted(reply) as server:
        with pytest.raises(ConfigError, match="refuses: .*System role not supported"):
            play(server, concurrency=1)
    assert len(server.bodies) <= 3  # one more may have been on its way


def test_an_error_with_status_200_is_told():
    with Scripted(lambda number, body: (200, failure("no credits left"))) as server:
        with pytest.raises(RunError, match="no choices in it: no credits left; every answer"):
            play(server, concurrency=1, retries=0)
    with Scripted(lambda number, body: (200, {"error": "busy"})) as server:
        with pytest.raises(RunError, match="no choices in it: busy"):
            play(server, concurrency=1, retries=0)


@pytest.mark.parametrize("content, text", [
    ([{"type": "text", "text": "go "}, {"type": "text", "text": "left"}], "go left"),
    ([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
      {"type": "text", "text": "go"}], "go"),
    ([{"type": "text", "text": "<think>hm"}, {"type": "text", "text": "</think>go"}], "go"),
    ([], ""), ([{"type": "image_url", "image_url": {"url": "x"}}], ""),
])
def test_content_in_parts_is_joined(content, text):
    with always(content) as server:
        episodes, team = play(server)
    assert set(sum(texts(episodes), [])) == {text}
    assert team.cache.summary()["refusals"] == 0


def test_a_refusal_as_a_part():
    with always([{"type": "refusal", "refusal": "I cannot"}]) as server:
        episodes, team = play(server)
    assert set(sum(texts(episodes), [])) == {""}
    assert team.cache.summary()["refusals"] == len(server.bodies)


def test_lone_surrogates_are_replaced_and_the_game_goes_on(tmp_path):
    path = tmp_path / "requests.jsonl"
    with always("go \ud800 left") as server:
        first, _ = play(server, path=path)
        again, _ = play(server, path=path)
    assert set(sum(texts(first), [])) == {"go \N{REPLACEMENT CHARACTER} left"} and again == first
    assert len(server.bodies) == sum(len(x.turns) for e in first for x in e.trajectories)


@pytest.mark.parametrize("text", [
    "<think>\nleft or right?\n</think>\n\ngo", "left or right?\n</think>\n\ngo",
])
def test_thoughts_are_no_part_of_the_action(text):
    """Also where the chat template wrote the opening tag, so that the answer lacks it."""
    with always(text) as server:
        episodes, team = play(server)
    assert set(sum(texts(episodes), [])) == {"go"} and raw_results(episodes)["invalid"] == 0
    assert not any("right?" in m["content"] for b in server.bodies for m in b["messages"])
    assert all(row["raw"] == text for row in team.cache._rows.values())


@pytest.mark.parametrize("content", [b"<html>busy</html>", b"", b"\xff\xfe\x00"])
def test_a_reply_that_is_no_json_is_asked_again_and_named(content):
    with Scripted(lambda n, body: (200, content if n == 0 else completion("go"))) as server:
        episodes, _ = play(server)
    assert all(text == "go" for row in texts(episodes) for text in row)
    with Scripted(lambda number, body: (200, content)) as server:
        with pytest.raises(RunError, match="failed 2 times: the server's reply is no JSON"):
            play(server)


@pytest.mark.parametrize(("status", "body"), [
    (422, {"detail": "Only user and assistant roles are supported!"}),
    (500, b"jinja2.exceptions.TemplateError: Conversation roles must alternate user/assistant"),
])
def test_a_system_role_refused_in_a_body_of_another_form(status, body):
    def reply(number, request):
        if request["messages"][0]["role"] == "system":
            return status, body
        return 200, completion("go")

    with Scripted(reply) as server:
        episodes, _ = play(server)
    assert all(text == "go" for row in texts(episodes) for text in row)
