"""What a person types becomes an action."""

from __future__ import annotations

import pytest

from colllm_bench.interactive import input_parsing

ORDERS = ["march", "scout", "train", "strike", "hold", "send"]


@pytest.mark.parametrize(
    "typed, action",
    [
        ("1", "march"), (" 6 ", "send"), ("MA", "march"), ("st", "strike"), ("hold", "hold"),
        ("2 | at the gate", "scout | at the gate"), ("m|x", "march |x"), ("!s", "s"), ("!", ""),
        ("!march on", "march on"),
    ],
)
def test_a_legal_action_is_found_from_what_was_typed(typed, action):
    assert input_parsing.choose(typed, ORDERS) == (action, "")


@pytest.mark.parametrize(
    "typed, says",
    [
        ("s", "could be scout, strike, send"), ("7", "is none of"), ("0", "is none of"),
        ("go", "!go sends it"), ("", "give one"), ("march on", "only 'march'"), ("|hi", "is none"),
        ("²", "is none of"),
    ],
)
def test_what_is_no_action_is_asked_again(typed, says):
    action, wrong = input_parsing.choose(typed, ORDERS)
    assert action is None and says in wrong


def test_an_action_typed_in_full_is_not_taken_for_the_beginning_of_another():
    assert input_parsing.choose("go", ["go", "go north", "7"]) == ("go", "")
    assert input_parsing.choose("go n", ["go", "go north", "7"]) == ("go north", "")
    assert input_parsing.choose("7", ["go", "go north", "7"]) == ("7", "")


@pytest.mark.parametrize(
    "lines, text",
    [
        (["a", "b", ""], "a\nb"), (["a", "."], "a"), (["", "a", ""], "a"), (["."], ""),
        (["```", "a", "", "b", "```", ""], "```\na\n\nb\n```"), (["```", "a", "."], "```\na"),
        (["def f():\n\n  pass", ""], "def f():\n\n  pass"), (["  a", ""], "  a"),
    ],
)
def test_an_answer_of_many_lines(lines, text):
    assert input_parsing.read_multiline(iter(lines).__next__) == text


def test_a_paste_that_comes_line_by_line_keeps_its_empty_lines():
    lines, waits = iter(["a", "", "b", ""]), iter([True, False])
    assert input_parsing.read_multiline(lambda: next(lines), lambda: next(waits)) == "a\n\nb"


def test_the_editor_gives_the_text(monkeypatch, tmp_path):
    script = tmp_path / "editor"
    script.write_text("#!/bin/sh\nprintf 'one\\n\\ntwo\\n' > \"$1\"\n")
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(script))
    assert input_parsing.from_editor() == "one\n\ntwo"
    monkeypatch.setenv("VISUAL", "/no/such/editor")
    with pytest.raises(OSError):
        input_parsing.from_editor()
