"""Files of published problems: their forms, rows that cannot be used, prompts."""

from __future__ import annotations

import gzip
import json
import warnings

import pytest
from published_rows import human_eval, mbpp, only, share

from colllm_bench.envs.coding.datasets import humaneval_mbpp
from colllm_bench.envs.coding.env import CodingEnv
from colllm_bench.errors import ConfigError


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
