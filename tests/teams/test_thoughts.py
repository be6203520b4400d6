"""Thoughts are cut off by the rules of the module, and nothing else is."""

from __future__ import annotations

import pytest

from colllm_bench.teams.thoughts import without_thoughts


@pytest.mark.parametrize("text, answer", [
    ("<think>left or right?</think>left", "left"),
    ("<think>\nleft?\n</think>\n\nleft", "left"),
    ("  <think>left?</think>  left | at the gate", "left | at the gate"),
    ("left or right?\n</think>\n\nleft", "left"),
    ("left or right?</think>left", "left"),
    ("</think>\n\nleft", "left"),
    ("<think>I never come to", ""),
    ("<think>a</think>", ""),
    ("", ""),
    ("a</think>b</think>left", "left"),
    ("<think>I must close <think> first</think>left", "left"),
    ("<think>a</think>left<think>b</think>right", "left\nright"),
    ("left\n<think>or was it", "left"),
    ("<thinking>a</thinking>left", "left"), ("[THINK]a[/THINK]left", "left"),
    ("<Reasoning>a</Reasoning>left", "left"), ("<thought>a</thought>left", "left"),
    ("<think>the tag `</think>` ends it</think>left", "left"),
    ("the students'</think>left", "left"),
    ("<think>plan</think>\n  def f():\n    return 1", "  def f():\n    return 1"),
])
def test_what_is_left_of_a_text_with_thoughts(text, answer):
    assert without_thoughts(text) == answer


@pytest.mark.parametrize("text", [
    "left", "  left\n", "I think left", "<b>left</b>", "<think/>", "x < think > y", "\n\n",
    "return text.split('</think>')[-1]", 'parts = s.partition("<think>")', "\ud800",
])
def test_a_text_without_thoughts_stays_as_it_is(text):
    assert without_thoughts(text) == text


def test_a_long_text_takes_no_time():
    assert without_thoughts("<think>" * 100_000 + " " * 100_000) == ""
    assert without_thoughts("<think>a</think>" + " \n" * 100_000) == ""
