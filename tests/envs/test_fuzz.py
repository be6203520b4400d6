"""Whatever an agent writes and whatever a program returns, a step neither raises nor takes long."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import colllm_bench
from colllm_bench.envs.coding.env import CodingEnv

MANY = 10_000
LONGEST_STEP = 5.0
"""CPU seconds of this process in one step: the same on a busy machine."""

characters = st.characters(codec=None)  # all of Unicode, lone surrogates included
pieces = st.sampled_from([
    "<think>", "</think>", "```", "```python\n", "~~~", "<answer>", "</answer>", "\\boxed{", "}",
    "def step1(x):\n    return x", "def step1(xs):\r    return xs", "\r", "\n\r", "\x00",
    "\ufeff", "\u2028", "\x0c", "\x85", "\xa0", ">>> ", "... ", "Order: ", "march", "1. ",
    "| ", "<|im_end|>", '{"order": "', '"}', "`", "lambda x: x", "class A:\n", "\\\n", "'''",
    '"""', "#", ";", "import ",
    "<|channel|>final<|message|>", "Here is my section:\n", "keep", "async def ", "@", "f'{", "\t",
])
texts = st.one_of(
    st.text(characters, max_size=200),
    st.lists(st.one_of(pieces, st.text(characters, max_size=8)), max_size=24).map("".join),
)
actions = st.one_of(texts, st.none(), st.integers(), st.binary(max_size=4), st.lists(texts))
HARD = [
    "import math\rdef step1(xs): return xs", "def step1(xs):\r    return xs", "\n\rdef step1(x): 1",
    "a\ud800b", "\ud83d\ude00", "\x00" * 100, "(" * 16_000, "-" * 16_000 + "1", "[" * 16_000,
    "x" * 1_000_000, "<think>" * 140_000, "</think>" * 120_000, "<answer>" * 120_000,
    "```\n" * 250_000, "\\boxed{" * 140_000, "\n" * 1_000_000, " " * 1_000_000, "Order: " * 140_000,
    "1. " * 300_000, "<|im_end|>" * 100_000, ">>> " * 250_000, "{" * 1_000_000, "`" * 1_000_000,
    "def step1(x):\n" * 70_000, "\ud800" * 1_000_000, "the order is my " * 60_000,
    "'" * 1_000_000,
    "<" * 1_000_000, "\u200b" * 1_000_000, "a.b" * 300_000, "> " * 500_000, "f" + "(x)" * 5_000,
    "step1 = " * 2_000 + "1", "lambda x: " * 1_600 + "x",
    "def step1(x):\n    return " + "not " * 4000,
    "def step1(x):\n    return x" + " + x" * 4_000, "x: " * 5_000, "@a\n" * 5_000, '"""' * 5_000,
]


def small(case: int = 60):
    """Few cases, always the same ones."""
    return settings(max_examples=case, deadline=None, derandomize=True, database=None,
                    suppress_health_check=list(HealthCheck))


def step(name: str, options: dict, written: list, seed: int) -> None:
    """One step of a new episode; checks what it returns."""
    env = colllm_bench.make(name, **options)
    env.reset(seed=seed)
    agents = list(env.agents)
    begun = time.process_time()
    seen, rewards, *_, infos = env.step(dict(zip(agents, written, strict=False)))
    assert time.process_time() - begun < LONGEST_STEP
    for agent in agents:
        assert env.observation_space(agent).contains(seen[agent])
        assert isinstance(infos[agent]["invalid"], bool)
        assert bool(infos[agent]["notice"]) == infos[agent]["invalid"]
        assert rewards[agent] == rewards[agents[0]]
        json.dumps([seen[agent], infos[agent]["notice"]]).encode()
        seen[agent]["text"].encode()
    env.state().encode()
    json.dumps(env.frame())


ENVS = {
    "strategy": {"agents": 2, "messages": True, "style": "full"},
    "writing": {"agents": 2, "turns": 2},
    "coding": {"agents": 2, "style": "full"},
    "credit": {"agents": 2, "team": "pairs", "luck": 1.0, "noise": 1.0},
    "classic": {"agents": 2, "game": "dectiger", "style": "full"},
}


def fuzz(name: str, count: int) -> None:
    @small(count)
    @given(st.lists(actions, max_size=2), st.integers(0, 3))
    @example(["def step1(xs):\r    return xs", "def solve(xs):\r    return step1(xs)"], 0)
    def run(written, seed):
        step(name, ENVS[name], written, seed)

    run()


@pytest.mark.parametrize("name, count", [
    ("strategy", 400), ("writing", 200), ("coding", 80), ("credit", 200), ("classic", 200),
])
def test_any_action_is_played_or_invalid(name, count):
    fuzz(name, count)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENVS)
def test_ten_thousand_actions_are_played_or_invalid(name):
    fuzz(name, MANY)


@pytest.mark.parametrize("name", ENVS)
@pytest.mark.parametrize("written", HARD, ids=lambda text: repr(text[:16]))
def test_hard_texts_take_no_time(name, written):
    step(name, ENVS[name], [written, written], 0)


def test_hard_texts_for_a_centralized_controller():
    from colllm_bench.envs.centralized_execution import CentralizedEnv

    for name, options in ENVS.items():
        for written in HARD:
            env = CentralizedEnv(colllm_bench.make(name, **options))
            env.reset(seed=0)
            begun = time.process_time()
            env.step({env.agents[0]: written})
            assert time.process_time() - begun < LONGEST_STEP


# -- what programs return

values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(),
        st.text(characters, max_size=20), st.binary(max_size=20),
        st.sampled_from(["10 ** 5000", "-(10 ** 5000)", "float('nan')", "float('inf')", "2 ** 64",
                         "chr(0xd800)", "range(9)", "object()", "Bad()", "Bad", "len",
                         "[[]] * 200000", "deep(99)", "deep(500)", "wide(90000)",
                         "wide(300000)", "Text('x')",
                         "Number(3)", "{Bad(): 1}", "{1: Bad()}", "iter([1])", "NotImplemented",
                         "..."]).map(lambda code: Code(code)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=4), inner, max_size=3),
    ),
    max_leaves=8,
)


class Code(str):
    """Source of a value."""

    def __repr__(self) -> str:
        return str(self)


PREPARED = '''
class Bad:
    def __repr__(self): raise ValueError("no picture")
    __str__ = __repr__
    def __eq__(self, other): return True
    def __hash__(self): return 1

class Text(str):
    def __eq__(self, other): return True
    __hash__ = str.__hash__

class Number(int):
    def __repr__(self): return "x" * 10 ** 6

def deep(n):
    value = []
    for _ in range(n): value = [value]
    return value

def wide(n): return list(range(n))

nan, inf, infj, nanj = float("nan"), float("inf"), complex("infj"), complex("nanj")
'''


def returned(count: int) -> None:
    env = CodingEnv(agents=2, style="full", turns=1)

    @small(count)
    @given(values, values, st.booleans())
    @example(Code("10 ** 5000"), [Code("10 ** 5000")], False)
    def run(one, two, raises):
        env.reset(seed=1)
        first, last = (function.name for function in env.program.functions)
        params = ", ".join(env.program.functions[0].params)
        what = "raise Exception" if raises else "return"
        begun = time.process_time()
        seen, *_ = env.step({
            "coder_1": f"{PREPARED}\ndef {first}({params}):\n    return {one!r}",
            "coder_2": f"{PREPARED}\ndef {last}({params}):\n    {what}({two!r})",
        })
        assert time.process_time() - begun < 4 * LONGEST_STEP
        for observation in seen.values():
            observation["text"].encode()
        env.state().encode()
        json.dumps(env.frame())

    run()


def test_any_result_of_a_program_is_compared_and_told():
    returned(40)


@pytest.mark.slow
def test_ten_thousand_results_of_programs_are_compared_and_told():
    returned(MANY)
