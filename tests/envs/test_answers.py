"""What models write around an answer is taken off, in every environment by the same rules."""

from __future__ import annotations

import pytest

import colllm_bench
from colllm_bench.envs import answers
from colllm_bench.envs.centralized_execution import split_actions
from colllm_bench.envs.coding.grading import parsing
from colllm_bench.envs.strategy.text import parse as order_of
from colllm_bench.envs.writing.text import clean as section_of

CODE = "def f(x):\n    return x"
STORY = "Once there was a fox."
AROUND = {
    "nothing": "{}",
    "thoughts": "<think>strike? def f(x): return 0</think>{}",
    "thoughts in lines": "<think>\nhold\n```\ndef f(x): return 0\n```\n</think>\n\n{}",
    "thoughts opened by the prompt": "Let me see: strike.\n</think>\n\n{}",
    "two thoughts": "<think>a</think>\n<think>b</think>\n{}",
    "other names of thoughts": "<thinking>hold</thinking>\n{}",
    "bracketed thoughts": "[THINK]hold[/THINK]{}",
    "channels": "<|channel|>analysis<|message|>strike<|end|><|start|>assistant<|channel|>final"
                "<|message|>{}<|return|>",
    "end mark": "{}<|im_end|>", "end mark and next turn": "{}<|im_end|>\n<|im_start|>user\nhold",
    "end mark and a person": "{}</s>Human: hold", "llama's end mark": "{}<|eot_id|>",
    "gemma's": "{}<end_of_turn>", "deepseek's": "{}<\uff5cend\u2581of\u2581sentence\uff5c>",
    "role": "<|im_start|>assistant\n{}<|im_end|>", "byte order mark": "\ufeff{}",
    "zero-width space": "\u200b{}", "blank lines": "\n\n{}\n\n", "fence": "```\n{}\n```",
    "fence with a language": "```text\n{}\n```", "tildes": "~~~\n{}\n~~~",
    "tag": "<answer>{}</answer>",
    "tag in lines": "<answer>\n{}\n</answer>",
    "thoughts and a fence": "<think>a</think>\n```\n{}\n```",
    "thoughts within thoughts": "<think><think>a</think>hold</think>{}",
    "thoughts and a solution": "<|begin_of_thought|>hold<|end_of_thought|>\n\n"
                               "<|begin_of_solution|>\n{}\n<|end_of_solution|>",
    "seed's thoughts": "<seed:think>hold</seed:think>{}",
    "channels whose marks were lost": "analysisLet me strike.assistantfinal{}",
    "a channel with a constraint": "<|channel|>final <|constrain|>text<|message|>{}<|return|>",
    "mistral's end": "{}[/INST]", "mistral's turn": "<s>[INST] hold [/INST] {}</s>",
    "two marks in front": "<bos><start_of_turn>model\n{}<end_of_turn>",
    "command's": "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{}<|END_OF_TURN_TOKEN|>",
    "end of a file": "{}<|file_sep|>", "tag with attributes": '<answer type="final">{}</answer>',
    "tag in a tag": "<response>\n<answer>\n{}\n</answer>\n</response>",
}  # fmt: skip


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_every_environment_takes_it_off(around):
    assert order_of(around.replace("{}", "march")) == ("march", "")
    assert section_of(around.replace("{}", STORY)) == STORY
    piece = parsing.parse(around.replace("{}", CODE), "f", ("x",))
    assert piece.defined and piece.code == CODE + "\n", piece
    assert parsing.keeps(around.replace("{}", "keep"))


@pytest.mark.parametrize("written", [
    "Order: march", "1. march", "1) march", "- march", "* march", "> march", "Action: `march`",
    "**Order:** march", "### Order\nmarch", "Here is my order:\n\nmarch", "The answer is march.",
    "My final answer is **march**", "Order - march", "Command=march", "ORDER:MARCH",
    "\\boxed{march}",
    "$\\boxed{\\text{march}}$", "I decide. <action>march</action>", '{"order": "march"}',
    '{"thought": "strike", "action": "march"}', '```json\n{"action": "march"}\n```',
    "I think a lot.\nOrder: march", "march\rbecause", "\u201cmarch\u201d", "<answer>march",
    "Final Answer\n\nmarch", "Decision \u2192 march", "I'll go with: march", "Order 1: march",
    "1: march", "(1) march", "a) march", "<action>Order: march</action>", "Front 1: march",
    "\uff4d\uff41\uff52\uff43\uff48", "ma\u200brch", "Order\uff1amarch",
    '{"action": {"name": "x", "order": "march"}}', '<answer>{"order": "march"}</answer>',
    '<tool_call>\n{"name": "act", "arguments": {"order": "march"}}\n</tool_call>',
    "march\u2028because", "Here you go:\n```\nmarch\n```", "assistant: march", "```march```",
])
def test_marked_orders_are_understood(written):
    assert order_of(written)[0] == "march"


@pytest.mark.parametrize("written", [
    "do not strike yet", "I would march", "march or hold", "Order: do not march", "march hold",
    "Order: march or hold", "1. march\n2. hold", "<action>march</action><action>hold</action>",
    "<think>march", "<think>march</think>", "the order march is bad", "My order is not march",
    "orders: march, hold", "Possible orders:\n- march\n- hold", "Order: march\nOrder: hold",
    "marching", "is march good?",
    "Do not do this: march", "Front 1: march\nFront 2: hold",
    "I choose to march", "My answer\nmarch or hold", "",
    '<answer type="a">march</answer><answer type="b">hold</answer>', "not\u200b march",
    '{"action": {"order": "march"}, "final": {"order": "hold"}}', "[INST] march [/INST]",
    "<answers>march</answers>", "<seed:think>march", '{"arguments": "march"}',
    "\\boxed{march} or \\boxed{hold}", '{"a": "march"}',
])
def test_text_that_mentions_an_order_is_none(written):
    assert order_of(written)[0] is None


@pytest.mark.parametrize("written", [
    CODE.replace("\n", "\r"), CODE.replace("\n", "\r\n"), "import math\rdef f(x): return x",
    "1. Here:\n\n   ```python\n   def f(x):\n       return x\n   ```\n", " " + CODE,
    "    def f(x):\n        return x", "def f(x):\n\xa0\xa0\xa0\xa0return x",
    "* def f(x): return x",
    ">>> def f(x):\n...     return x\n...\n>>> f(3)\n3", "Use `def f(x): return x`.",
    'def f(x):\n    """D.\n\n    ```\n    f(1)\n    ```\n    """\n    return x',
    '```python\ndef f(x):\n    """D.\n\n    ```\n    f(1)\n    ```\n    """\n    return x\n```',
    "> def f(x):\n>     return x", "```python def f(x): return x```", "f = lambda x: x",
    "def g(x):\n    return x\nf = g", "from functools import partial\ndef g(a, x):\n    return x\n"
    "f = partial(g, 1)",
    "```python\ndef f(x):\n    return 0\n```\nBetter:\n```python\n" + CODE + "\n```",
    "```python\n" + CODE + "\n```\nand then\n```\nf(3) -> 3\n```", "<code>" + CODE + "</code>",
    "Answer:\n\n    def f(x):\n        return x\n\nDone.", "   1 def f(x):\n   2     return x",
    "In [1]: def f(x):\n   ...:     return x", "```diff\n+def f(x):\n+    return x\n```",
    "```python\ndef f(x):\n    return x```", "```python\ndef f(x):\n    return x```\nIt returns x.",
    "\'\'\'python\n" + CODE + "\n\'\'\'", CODE.replace("\n", "\x85"), CODE.replace("\n", "\u2028"),
    CODE.replace("\n", "\n\x0b"), "\x1b[32mdef\x1b[0m f(x):\n    return x", CODE + "\x1a",
    "\u202a" + CODE + "\u202c", "--- a\n+++ b\n@@ -0,0 +1,2 @@\n+def f(x):\n+    return x",
    "1 | def f(x):\n2 |     return x", '<code lang="python">\n' + CODE + "\n</code>",
    "from the text we see\n" + CODE, "import this idea:\n\n" + CODE, "class of its own\n\n" + CODE,
    "@user here:\n" + CODE, "def is a keyword.\n\n" + CODE,
    "<draft>\ndef f(x):\n    return 0\n</draft>\n<final>\n" + CODE + "\n</final>",
    "<|python_tag|>" + CODE, "K = []\nK += [1]\ndef f(x):\n    return x * K[0]",
    "\\boxed{def f(x): return x}", "# \ud83d\n" + CODE, "```python\n" + CODE, "\u3000" + CODE,
])  # fmt: skip
def test_code_is_found_in_every_wrapping(written):
    piece = parsing.parse(written, "f", ("x",))
    assert piece.defined, piece.error
    names: dict = {}
    exec("\n".join(piece.imports) + "\n" + piece.code, names)
    assert names["f"](5) == 5


def test_marks_within_the_texts_of_a_program_are_its_own():
    doc = '    """Doc.\n\n<think>\nhm\n</think>\n"""\n'
    separators = 'S = "a\x0bb\x85c <|file_sep|>"\n' + CODE
    assert separators.split("\n")[0] in parsing.parse(separators, "f", ("x",)).code
    code = f'def f(x):\n{doc}    return x\nEND = """\n</s>\n"""'
    piece = parsing.parse(code, "f", ("x",))
    assert piece.defined and "<think>" in piece.code and "</s>" in piece.code


@pytest.mark.parametrize("written, error", [
    ("class Solution:\n    def f(self, x):\n        return x", "f is a method of Solution"),
    ('{"code": "def f(x): return x"}', "JSON, and no Python"),
    ('<tool_call>{"arguments": {"code": "def f(x): return x"}}</tool_call>', "JSON, and no Python"),
    ("async def f(x):\n    return x", "f is no function but a coroutine (async)"),
    ("<think>def f(x): return x", "thoughts, and no answer"), ("f = 3", "f is no function"),
    ("def g(x):\n    return x", "f is not defined"), ("f = lambda: 1", "f must take 1 argument"),
])
def test_one_notice_says_what_is_wrong_with_the_form(written, error):
    piece = parsing.parse(written, "f", ("x",))
    assert not piece.defined and error in piece.error


@pytest.mark.parametrize("written, says", [
    (None, "nothing was written"), (" \u200b\n", "nothing was written"), (3, "is no text"),
    ("<think>march", "thoughts, and no answer"), ("I go home", "it names none of march"),
    ("march or hold?", "several orders: march, hold"), ("march/hold", "march, hold"),
    ("I would march", "it mentions march, but an order must stand alone"),
])
def test_a_notice_says_what_is_wrong_with_the_form_of_an_order_or_section(written, says):
    env = colllm_bench.make("strategy", agents=2, style="full")
    env.reset(seed=0)
    *_, infos = env.step({"front_1": written, "front_2": "march"})
    assert infos["front_1"]["invalid"] and says in infos["front_1"]["notice"]
    assert infos["front_2"]["notice"] == ""
    if "march" not in says and "order" not in says:
        env = colllm_bench.make("writing", agents=2)
        env.reset(seed=0)
        *_, infos = env.step({"writer_1": written, "writer_2": STORY})
        assert says in infos["writer_1"]["notice"] and infos["writer_2"]["notice"] == ""


def test_wrappers_of_lambdas_and_aliases_are_seen():
    wrapped = parsing.parse("f = lambda x: step1(x)", "f", ("x",), {"step1"})
    assert wrapped.wrapper and wrapped.calls == ("step1",) and wrapped.returns
    assert parsing.parse("f = step1", "f", ("x",), {"step1"}).calls == ("step1",)


@pytest.mark.parametrize("written", [
    "Here is my section:\n\n" + STORY, "Sure! Here's the revised opening:\n" + STORY,
    "**Section 1:**\n" + STORY, '{"title": "x", "section": "' + STORY + '"}',
    "Here is my section:\n```text\n" + STORY + "\n```",
    "Sure, here it is:\n\n```\n" + STORY + "\n```\n\nLet me know!", "# Section 1\n" + STORY,
    "Here: <section id='1'>" + STORY + "</section> Enjoy!", "**Section 1**\n\n" + STORY,
    '{"result": {"section": "' + STORY + '"}}', STORY.replace("Once", "On\u200bce"),
])
def test_lines_that_announce_a_section_are_none_of_it(written):
    assert section_of(written) == STORY
    assert section_of("He said: here is the thing: a fox.") == "He said: here is the thing: a fox."


def test_thoughts_and_fences_of_a_centralized_controller():
    for text in ("<think>1: strike</think>1: march\n2: hold", "```\n1: march\n2: hold\n```",
                 "<answer>march\nhold</answer>", "march\rhold", "march\nhold<|im_end|>"):
        assert split_actions(text, [1, 2]) == ["march", "hold"], text
    code = "1: ```python\ndef f(x):\n    return x\n```\n2: def g(x):\n    return x"
    assert split_actions(code, [1, 2])[1] == "def g(x):\n    return x"


def test_lone_surrogates_become_a_character():
    assert answers.clean("a\ud800b") == "a\ufffdb" and answers.clean("\U0001f600") == "\U0001f600"
    assert order_of("\ud800march") == ("march", "") and section_of("a\ud800b") == "a b"
