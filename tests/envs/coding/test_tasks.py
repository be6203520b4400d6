"""Families, hand-written problems, files in published formats."""

from __future__ import annotations

import doctest
import gzip
import importlib
import itertools
import json
import random

import pytest
from paths import ROOT

from colllm_bench import registry
from colllm_bench.envs.coding.datasets import humaneval_mbpp, problems
from colllm_bench.envs.coding.env import CodingEnv
from colllm_bench.envs.coding.generator import families, operations, phrases
from colllm_bench.envs.coding.generator.hidden_tests import draw_cases
from colllm_bench.envs.coding.generator.program import DOMAINS, LETTERS, draw_args, namespace
from colllm_bench.envs.coding.grading.grader import Grader
from colllm_bench.envs.coding.grading.parsing import parse
from colllm_bench.envs.coding.sandbox.shared_pool import shared_pool
from colllm_bench.envs.coding.scripted import Expert, play
from colllm_bench.envs.splits import SPLITS
from colllm_bench.errors import ConfigError

DATA = ROOT / "tests" / "support" / "data" / "coding"


# -- families


@pytest.mark.parametrize("agents", range(2, 17))
def test_every_helper_is_called_by_exactly_one_function(agents):
    shape = families.tree(agents - 1)
    called = sorted(place for uses in shape for place in uses)
    assert called == list(range(agents - 1)) and len(shape) == agents
    assert all(place < k for k, uses in enumerate(shape) for place in uses)
    assert max(map(len, shape)) <= 4


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_phrases_and_code_say_the_same_both_ways(level):
    rng = random.Random(level)
    kinds = set()
    for _ in range(60):
        program = families.draw(3, level, rng)
        for function in program.functions:
            reading = phrases.parse(function.phrase)
            kinds.add((reading.family.name, reading.kind))
            assert phrases.read(function.phrase) in function.code
        names = namespace(program.reference())
        assert callable(names["solve"])
    leaf = {1: "leaf", 2: "two", 3: "either", 4: "three"}[level]
    assert kinds == {(f.name, kind) for f in operations.FAMILIES for kind in (leaf, "composition")}


def test_three_operations_in_turn_do_what_one_after_the_other_does():
    rng, compared = random.Random(0), 0
    for family in operations.FAMILIES:
        for ops in itertools.permutations(family.ops, 3):
            values = [{"k": rng.choice(operations.CONSTANTS), "c": rng.choice(LETTERS)}
                      for _ in ops]
            parts = zip(ops, values, strict=True)
            phrase = ", then ".join(
                operations.fill(op.phrase, x=family.param, **own) for op, own in parts)
            function = families.make("step1", phrase)
            assert phrases.parse(phrase).kind == "three"
            (given,) = draw_args(function, rng)
            wanted = given
            for op, own in zip(ops, values, strict=True):
                wanted = eval(operations.fill(op.code, x="given", **own), {"given": wanted})
            assert namespace(function.code)["step1"](given) == wanted, function.code
            compared += 1
    assert compared == 3 * 8 * 7 * 6 + 6 * 5 * 4


def test_every_function_fits_into_an_action_of_the_built_in_model():
    folder = registry.MODELS["tiny"].folder("coding")
    tokenizer = importlib.import_module("transformers").AutoTokenizer.from_pretrained(folder)
    room = registry.env_spec("coding").action_tokens - 1  # and the end token
    rng = random.Random(1)
    for agents in (3, 16):
        for _ in range(40):
            program = families.draw(agents, 4, rng)
            lengths = [len(tokenizer.encode(f.code.strip())) for f in program.functions]
            assert max(lengths) <= room


def test_other_text_is_no_phrase():
    for text in ("", "x", "x plus", "x plus 3 and 4", "sum of step1 of x", "xs plus 3"):
        assert phrases.parse(text) is None
    with pytest.raises(ValueError, match="no phrase"):
        phrases.read("x to the moon")


def test_constants_and_the_identity_pass_few_hidden_tests():
    rng = random.Random(0)
    best = []
    for _ in range(60):
        cases = draw_cases(families.draw(3, 1, rng), rng).tests
        results = [repr(case.expected) for case in cases]
        best.append(max(results.count(r) for r in results))
        assert sum(case.expected == case.args[0] for case in cases) <= 3
    assert sum(best) / len(best) < 2


# -- hand-written problems


def test_there_are_enough_problems_and_no_name_stands_twice():
    found = problems.load()
    names = [function.name for program in found for function in program.functions]
    assert len(found) >= 60 and len({p.name for p in found}) == len(found)
    assert len(set(names)) == len(names)
    assert all(len(program.functions) >= 3 for program in found)
    assert {d for p in found for f in p.functions for d in f.inputs} <= DOMAINS.keys()
    with pytest.raises(ConfigError, match="2 to 4"):
        problems.programs(5)


@pytest.mark.parametrize("name", problems.MODULES)
def test_references_pass_the_tests_written_by_hand(name):
    module = importlib.import_module(f"colllm_bench.envs.coding.datasets.problems.{name}")
    result = doctest.testmod(module)
    functions = [f for f in vars(module).values() if hasattr(f, "__code__")]
    assert result.failed == 0 and result.attempted >= len(functions)


@pytest.mark.parametrize("agents, count", [(2, 66), (3, 66), (4, 4)])
def test_every_reference_solves_its_problem_in_the_sandbox(agents, count):
    found = problems.programs(agents)
    assert len(found) == count
    for program in found:
        pieces = [
            parse(f.code, f.name, f.params, {g.name for g in program.functions} - {f.name})
            for f in program.functions
        ]
        cases = draw_cases(program, random.Random(program.name))
        verdict = Grader(shared_pool()).grade(program, pieces, cases)
        assert verdict.passes, (program.name, verdict)
        assert not pieces[-1].wrapper, program.name


def test_problems_never_show_references_or_their_tests():
    env = CodingEnv(agents=2, task="problems", style="full")
    for seed in range(20):
        seen, _ = env.reset(seed=seed)
        for observation in seen.values():
            assert ">>>" not in observation["text"]
            for function in env.program.functions:
                body = function.code.split(":\n", 1)[1].strip()
                assert body not in observation["text"]


def test_the_expert_solves_problems_from_brief_prompts():
    env = CodingEnv(agents=3, task="problems", split="eval")
    for seed in range(5):
        for _ in play(env, [Expert() for _ in range(3)], seed):
            pass
        assert env.verdict.passes
    env = CodingEnv(agents=2, task="published", turns=1)
    list(play(env, [Expert(), Expert()], 0))
    assert env.verdict.passes and env._worth == 4.0


# -- files


@pytest.mark.parametrize("name, count", [("humaneval", 3), ("coophumaneval", 2), ("mbpp", 2)])
@pytest.mark.parametrize("agents", [2, 4])
def test_published_formats_are_read(name, count, agents):
    found = humaneval_mbpp.programs(str(DATA / f"{name}.jsonl"), agents)
    assert len(found) == count
    for program in found:
        assert len(program.functions) == agents and program.entry.params
        assert program.tests and all(case.check for case in program.tests)
        assert not program.specified and program.title


def test_assertions_become_data_and_what_cannot_is_recorded_from_the_reference():
    spread, half, decoded = humaneval_mbpp.programs(str(DATA / "humaneval.jsonl"), 2)
    assert [(c.args, c.expected) for c in spread.tests] == [
        (([1, 5],), 4), (([3],), 0), (([2, -2, 7],), 9)]
    assert [c.expected for c in half.tests] == [1.5, 2.5] and half.given == "import math"
    assert len(decoded.tests) == 5 and "def coded" in decoded.given
    cubes, even = humaneval_mbpp.programs(str(DATA / "coophumaneval.jsonl"), 2)
    assert [c.args for c in cubes.tests] == [(3,), (1,), (0,), (5,)]
    assert cubes.tests[2].check.left == "bool(_result)" and cubes.tests[2].expected is False
    assert [c.expected for c in even.tests] == [True, False, True]
    double, area = humaneval_mbpp.programs(str(DATA / "mbpp.jsonl"), 2)
    assert len(double.tests) == 3 and area.tests[0].expected == pytest.approx(3.14159265)


@pytest.mark.parametrize("task", ["families", "published"])
def test_a_program_of_a_file_is_played_and_judged(task):
    options = {"data": str(DATA / "humaneval.jsonl"), "task": task, "style": "full", "turns": 1}
    bodies = {"spread": "aux(xs)[1] - aux(xs)[0]", "half": "aux([x])[0] / 2",
              "decoded": "''.join(chr((ord(c) - 98) % 26 + 97) for c in aux([s])[0])"}
    names = set()
    for split in SPLITS:
        env = CodingEnv(agents=2, split=split, **options)
        seen, _ = env.reset(seed=0)
        entry = env.program.entry
        names.add(entry.name)
        assert entry.name in seen["coder_1"]["text"]
        _, rewards, *_, infos = env.step({
            "coder_1": "def aux(xs):\n    return [min(xs), max(xs)]",
            "coder_2": f"def {entry.name}({entry.params[0]}):\n    return {bodies[entry.name]}",
        })
        assert infos["coder_1"]["success"], infos
        assert rewards["coder_1"] == pytest.approx(4.0 if task == "published" else 1.0)
    assert names == set(bodies), "each of the three problems is in one split"


def test_gzipped_files_are_read(tmp_path):
    path = tmp_path / "few.jsonl.gz"
    path.write_bytes(gzip.compress((DATA / "mbpp.jsonl").read_bytes()))
    assert len(humaneval_mbpp.programs(str(path), 2)) == 2


ROW = json.loads((DATA / "humaneval.jsonl").read_text().split("\n")[0])
MBPP = json.loads((DATA / "mbpp.jsonl").read_text().split("\n")[0])


@pytest.mark.parametrize(
    "line, words",
    [
        ("{", ["line 2", "no JSON", "one JSON object a line"]),
        ("[1]", ["line 2", "not an object"]),
        ({"entry_point": None}, ["line 2", "'entry_point' is a NoneType", "allowed: text"]),
        ({"prompt": "def spread(:"}, ["line 2", "'prompt' is no Python", "mend"]),
        ({"entry_point": "other"}, ["line 2", "'prompt' does not define 'other'"]),
        ({"test": "assert 1"}, ["line 2", "'test' defines no check"]),
        ({"test": "def check(candidate):\n    pass", "canonical_solution": ""},
         ["line 2", "'test' has no assertion that can be read"]),
        ({"test": "def check(candidate):\n    assert candidate([1, 2]) > 5"},
         ["line 2", "'test'", "does not pass", "mend"]),
        ({"test": None}, ["line 2", "'test' is a NoneType"]),
        ({"task_id": "Small/9"}, ["line 2", "'task_id'", "line 1 too"]),
    ],
)
def test_a_malformed_line_is_named_with_field_and_fix(tmp_path, line, words):
    path = tmp_path / "bad.jsonl"
    first = json.dumps({**ROW, "task_id": "Small/9"})
    second = line if isinstance(line, str) else json.dumps({**ROW, **line})
    path.write_text(f"{first}\n{second}\n")
    with pytest.raises(ConfigError) as error:
        humaneval_mbpp.programs(str(path), 2)
    assert all(word in str(error.value) for word in [*words, "bad.jsonl", "fix: "])


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"test_list": []}, ["'test_list' is empty"]),
        ({"test_list": "assert 1"}, ["'test_list' is no list of texts"]),
        ({"test_list": ["assert other(1) == 2"]}, ["calls no function of field 'code'"]),
        ({"code": "def double_all(:"}, ["'code' is no Python"]),
        ({"text": 3}, ["'text' is a int"]),
    ],
)
def test_malformed_mbpp_lines_too(tmp_path, changes, words):
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps({**MBPP, **changes}))
    with pytest.raises(ConfigError) as error:
        humaneval_mbpp.programs(str(path), 2)
    assert all(word in str(error.value) for word in [*words, "line 1", "fix: "])


def test_missing_fields_files_and_hub_packages(tmp_path, monkeypatch):
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps({"task_id": "a", "prompt": "def f(): 1", "test": ""}))
    with pytest.raises(ConfigError, match="line 1: field 'entry_point' is missing; fix: "):
        humaneval_mbpp.programs(str(path), 2)
    path.write_text("")
    with pytest.raises(ConfigError, match="0 usable problems"):
        CodingEnv(agents=2, data=str(path))
    with pytest.raises(ConfigError, match="is no file"):
        humaneval_mbpp.programs(str(tmp_path), 2)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        humaneval_mbpp.programs(str(path), 2)
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(ConfigError, match="pip install datasets"):
        humaneval_mbpp.programs("openai/openai_humaneval", 2)


def test_the_hub_is_asked_where_there_is_no_such_file(monkeypatch):
    import types

    rows = [json.loads(line) for line in (DATA / "coophumaneval.jsonl").read_text().splitlines()]
    fake = types.SimpleNamespace(load_dataset=lambda name: {"test": rows})
    monkeypatch.setitem(__import__("sys").modules, "datasets", fake)
    assert len(humaneval_mbpp.programs("someone/coop", 2)) == 2
    fake.load_dataset = lambda name: 1 / 0
    with pytest.raises(ConfigError, match="cannot be loaded from the hub"):
        humaneval_mbpp.programs("someone/other", 2)


def test_judge_draws_fixed_tests_in_random_order():
    (program, *_) = humaneval_mbpp.programs(str(DATA / "coophumaneval.jsonl"), 2)
    orders = {repr(draw_cases(program, random.Random(k)).tests) for k in range(12)}
    assert len(orders) > 1


def test_a_fixed_test_that_feedback_told_is_not_asked_again():
    env = CodingEnv(agents=2, data=str(DATA / "coophumaneval.jsonl"), turns=4)
    env.reset(seed=0)
    told = []
    while env.agents:
        entry = env.program.entry
        code = f"def {entry.name}({entry.params[0]}):\n    return None"
        _, _, _, _, _ = env.step({"coder_2": code})
        told.append(env.verdict.program_failure.case)
    few = len(env.program.tests)
    assert len({repr(case) for case in told[:few]}) == min(few, len(told))
