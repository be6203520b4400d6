"""What a program is worth: parts of answers, usage as measured, and that no trick pays."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from colllm_bench.envs.coding import task_sources
from colllm_bench.envs.coding.generator import families, operations
from colllm_bench.envs.coding.generator.hidden_tests import draw_cases
from colllm_bench.envs.coding.generator.program import Program
from colllm_bench.envs.coding.grading import comlrl_reward, grader, parsing, reward
from colllm_bench.envs.coding.grading.grader import Grader
from colllm_bench.envs.coding.sandbox import Outcome
from colllm_bench.envs.coding.sandbox.shared_pool import shared_pool
from colllm_bench.errors import RunError


def made(*phrases: str) -> Program:
    """A family program by its phrases: helpers first, the entry last."""
    helpers = [families.make(f"step{k + 1}", phrase) for k, phrase in enumerate(phrases[:-1])]
    entry = families.make(families.ENTRY, phrases[-1], tuple(range(len(helpers))))
    return Program("made", "families", (*helpers, entry))


PROGRAM = made("x plus 3", "x times 2", "step1 of step2 of x, minus 4")


def judged(*codes: str, program: Program = PROGRAM) -> tuple[dict[str, float], grader.Verdict]:
    """Score and verdict of what a team wrote."""
    names = [function.name for function in program.functions]
    pieces = [
        parsing.parse(code, f.name, f.params, {*names} - {f.name})
        for code, f in zip(codes, program.functions, strict=True)
    ]
    cases = draw_cases(program, random.Random(0))
    verdict = Grader(shared_pool()).grade(program, pieces, cases)
    return reward.score(pieces, verdict, program.specified), verdict


ONE, TWO, SOLVE = (function.code for function in PROGRAM.functions)


def test_weights_sum_to_one_and_only_a_faultless_program_gets_it():
    assert sum(reward.WEIGHTS.values()) == pytest.approx(1.0)
    score, verdict = judged(ONE, TWO, SOLVE)
    assert score["total"] == 1.0 and verdict.passes and verdict.used == (True, True)


def test_functions_are_tested_with_their_teammates_as_specified():
    score, verdict = judged("def step1(x):\n    return x", TWO, SOLVE)
    assert [ok for ok, _ in verdict.units] == [0, 4, 4] and verdict.tests == (0, 6)
    assert score["units"] == pytest.approx(2 / 3) and score["used"] == 0.0


def test_reimplementing_teammates_is_worth_less_than_honest_partial_work():
    alone = "def solve(x):\n    return x * 2 + 3 - 4"
    score, verdict = judged(ONE, TWO, alone)
    assert verdict.tests == (6, 6) and verdict.used == (False, False) and not verdict.passes
    honest, _ = judged(ONE, TWO, "def solve(x):\n    return step1(step2(x))")
    without, _ = judged(ONE, TWO, "")
    assert score["total"] <= 0.4 and without["total"] < honest["total"] <= score["total"]
    lazy, _ = judged("", "", alone)
    assert lazy["total"] < without["total"]


def test_a_call_whose_result_is_lost_is_found_out_and_costs():
    lost = "def solve(x):\n    step2(x)\n    return step1(x * 2) - 4"
    score, verdict = judged(ONE, TWO, lost)
    assert verdict.tests == (6, 6) and verdict.used == (True, False)
    assert verdict.ignored == (False, True) and score["not_ignored"] == 0.0
    assert score["total"] < 0.75


def test_usage_is_measured_not_read():
    """Names in comments, strings and dead code use nothing; roundabout ways do."""
    dead = ("def solve(x):\n    'step1 step2'\n    if False:\n        step1(step2(x))\n"
            "    return 2 * x - 1")
    assert judged(ONE, TWO, dead)[1].used == (False, False)
    way = "def solve(x):\n    f, g = map(globals().get, ('step1', 'step2'))\n    return f(g(x)) - 4"
    assert judged(ONE, TWO, way)[1].used == (True, True)


@pytest.mark.parametrize(
    "phrases",
    [
        ("smaller of x and 3", "x plus 9", "step1 of step2 of x, plus 2"),
        ("items of xs below 4", "xs reversed", "sum of step1 of step2 of xs"),
        ("first 2 letters of s", "s reversed", "length of step1 of s then step2 of s"),
        ("entries of d above 2", "values of d plus 3", "keys of step1 of step2 of d in order"),
    ],
)
def test_references_use_their_helpers_whichever_way_results_may_move(phrases):
    program = made(*phrases)
    score, verdict = judged(*(f.code for f in program.functions), program=program)
    assert verdict.used == (True, True) and score["total"] == 1.0


def test_a_difference_of_two_results_does_not_hide_a_helper():
    functions = (
        replace(PROGRAM.functions[0], code="def step1(x):\n    return x * x\n"),
        replace(PROGRAM.functions[1], name="solve", uses=(0,),
                code="def solve(x):\n    return step1(x) - step1(x - 1)\n"),
    )
    program = Program("difference", "problems", functions)
    _, verdict = judged(*(f.code for f in functions), program=program)
    assert verdict.used == (True,) and verdict.passes


TRICKS = {
    "constant": "def solve(x):\n    return 7",
    "identity": "def solve(x):\n    return x",
    "wrapper": "def solve(x):\n    return step1(x)",
    "equals all": "class E(int):\n    def __eq__(s, o): return 1\ndef solve(x):\n    return E(x)",
    "exit": "import os\ndef solve(x):\n    os._exit(0)",
    "raise": "def solve(x):\n    raise SystemExit(0)",
    "own call": "def _colllm_call(*a):\n    return 0\ndef solve(x):\n    return step1(step2(x))",
    "frames": "import sys\ndef solve(x):\n    return sys._getframe(1).f_locals.get('expected', 0)",
    "below": "import sys\ndef solve(x):\n    return str(sys._getframe(1).f_locals.get('below'))",
    "print": "def solve(x):\n    print(step1(step2(x)) - 4)",
    "syntax": "def solve(x):\n    return step1(step2(x)",
    "float": "def solve(x):\n    return float(step1(step2(x)) - 4)",
    "text": "def solve(x):\n    return str(step1(step2(x)) - 4)",
}


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
def test_nothing_incorrect_outscores_honest_partial_work(trick):
    """Two right helpers and a trick are worth hardly more than two right helpers."""
    honest, _ = judged(ONE, TWO, "")
    score, verdict = judged(ONE, TWO, trick)
    assert not verdict.passes and score["total"] < honest["total"] + 0.13
    assert score["total"] < 0.5


def test_a_function_cannot_call_the_reference_of_itself():
    """Units of a function between run with the functions below it as specified, and only those."""
    rng = random.Random(1)
    program = families.draw(6, 1, rng)
    k = next(k for k, f in enumerate(program.functions[:-1]) if f.uses)
    name = program.functions[k].name
    codes = [function.code for function in program.functions]
    codes[k] = f"kept = globals().get('{name}')\ndef {name}(*a):\n    return kept(*a)"
    _, verdict = judged(*codes, program=program)
    assert verdict.units[k][0] == 0


@pytest.mark.parametrize("k", range(3))
def test_no_function_finds_its_own_reference_in_memory(k):
    name = PROGRAM.functions[k].name
    thief = f"""def {name}(x):
    import sys
    frame = sys._getframe()
    while frame.f_code.co_name != "answer":
        frame = frame.f_back
    for case in frame.f_locals["task"]["cases"]:
        for code in (part for part in case if isinstance(part, str) and "def {name}(" in part):
            space = dict(globals())
            exec(code, space)
            return space["{name}"](x)
    return None"""
    codes = [ONE, TWO, SOLVE]
    codes[k] = thief
    score, verdict = judged(*codes)
    assert verdict.units[k] == (0, 4) and verdict.tests == (0, 6) and score["total"] < 1.0


def test_a_lost_sandbox_is_a_failure_of_the_run_and_no_score():
    class Lost:
        def run(self, source, entry, cases, limits):
            return [Outcome("sandbox-lost", error="gone")] * len(cases)

    pieces = [parsing.parse(f.code, f.name, f.params) for f in PROGRAM.functions]
    with pytest.raises(RunError, match="gone"):
        Grader(Lost()).grade(PROGRAM, pieces, draw_cases(PROGRAM, random.Random(0)))


def test_hidden_tests_tell_novices_mistakes_from_right_functions():
    """Of every operation's wrong forms and constants off by one, hardly any passes."""
    rng = random.Random(0)
    passed = total = 0
    for family in operations.FAMILIES:
        for op in family.ops:
            phrase = operations.fill(op.phrase, x=family.param, k=4, c="b")
            function = families.make("step1", phrase)
            program = Program("one", "families", (function,))
            cases = draw_cases(program, rng).units[0]
            wrong = [operations.fill(code, x=family.param, k=4, c="b") for code in op.wrong]
            if op.constant == "k":
                wrong.append(operations.fill(op.code, x=family.param, k=5, c="b"))
            for code in wrong:
                total += 1
                f = eval(f"lambda {family.param}: {code}")
                with_errors = (_value(f, case.args) == case.expected for case in cases)
                passed += all(with_errors)
    assert total > 50 and passed <= 3


def _value(function, args):
    try:
        return function(*args)
    except Exception as error:
        return error


# -- answers, taken apart


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    return x",
        "```python\ndef f(x):\n    return x\n```",
        "```\ndef f(x):\n    return x",
        "Sure! Here it is:\n\ndef f(x):\n    return x\n\nThis returns x.",
        "Here:\n```py\nimport math\n\ndef f(x):\n    return x\n```\nand a test:\n"
        "```python\nprint(f(3))\n```",
        "def f(y, *rest, z=3):\n    return y\nf(2)\nif __name__ == '__main__':\n    f(1)",
        "def f(x: int) -> int:\r\n    return x\r\n",
    ],
)
def test_code_is_found_however_it_is_wrapped(text):
    piece = parsing.parse(text, "f", ("x",))
    assert piece.defined and piece.parses and "f(1)" not in piece.code and "print" not in piece.code


@pytest.mark.parametrize(
    "text, error",
    [
        ("", "nothing was written"), (None, "nothing was written"), ("def f(x)", "line 1: "),
        ("def g(x):\n    return x", "f is not defined"), ("f = 3", "f is no function"),
        ("def f():\n    return 1", "f must take 1 argument"), ("keep", "f is not defined"),
        ("def f(x, y):\n    return 1", "f must take 1 argument"), ("a\ud800b", "not Unicode"),
        ("async def f(x):\n    return 1", "f is no function"), ("x = " + "(" * 900, ""),
        ("def f(x):\n    return x +", ""), ("-" * 16_000 + "1", ""), ("\x00def f(x): pass", ""),
    ],
)
def test_what_is_no_answer_says_why(text, error):
    piece = parsing.parse(text, "f", ("x",))
    assert not piece.defined and piece.error and error in piece.error and piece.code == ""


@pytest.mark.filterwarnings("error")
def test_doubtful_code_is_read_without_a_word():
    piece = parsing.parse("def f(x):\n    return 1if x is 1 else '\\d'", "f", ("x",))
    assert piece.defined


def test_what_belongs_to_teammates_is_left_out():
    text = "import os, step2\ndef step1(x):\n    return 1\ndef f(x):\n    return step1(x)\nA = 3"
    piece = parsing.parse(text, "f", ("x",), {"step1", "step2"})
    assert piece.dropped == ("step2", "step1") and "return 1" not in piece.code
    assert piece.imports == () and "A = 3" in piece.code and piece.wrapper


def test_decorators_docstrings_and_future_imports_survive():
    one = parsing.parse("from __future__ import annotations\n@d\ndef f(x: Y):\n    'doc'\n"
                        "    return g(x)", "f", ("x",), {"g"})
    assert one.code.startswith("@d\n") and one.wrapper and one.calls == ("g",)
    source = parsing.assemble("import re", [parsing.parse("import os\ndef g(x):\n    return 1", "g",
                                                          None), one])
    assert source.startswith("from __future__ import annotations\n\nimport re\n\nimport os\n")
    compile(source, "program", "exec")


# -- the published reward


@pytest.mark.parametrize(
    "aux, main, total",
    [
        ("def aux(x):\n    return x", "def main(x):\n    return aux(x) + 1", 4.0),
        ("def aux(x):\n    return x", "def main(x):\n    return x + 1", 2.5),
        ("def aux(x):\n    return x + 1", "def main(x):\n    return aux(x)", 3.0),
        ("def aux(x):\n    return x + 1", "def main(x):\n    y = aux(x)\n    return y", 3.0),
        ("def aux(x):\n    return x", "def main(x):\n    aux(x)\n    return x + 1", 3.5),
        ("def aux(x):\n    return x", "def main(x):\n    return aux(x) + 2", 1.5),
        ("", "def main(x):\n    return x + 1", 2.1),
        ("def aux(x):\n    pass", "def main(x):\n    return x + 1", 2.1),
        ("def aux(x):\n    return (", "def main(x):\n    return x + 1", 0.6),
        ("def aux(x):\n    return x", "def main(x):\n    x + 1", 0.4),
        ("def aux(x):\n    return x", "", 0.4),
        ("", "", 0.0),
    ],
)
def test_the_published_reward_is_as_published(aux, main, total):
    from colllm_bench.envs.coding.generator.program import Case, Function

    functions = (Function("aux", None, ""), Function("main", ("x",), "", uses=(0,)))
    tests = tuple(Case("main", (x,), x + 1) for x in range(4))
    program = Program("published", "data", functions, tests=tests)
    source = task_sources.Published({"train": (program,), "eval": (program,)})
    pieces = [parsing.parse(aux, "aux", None, {"main"}),
              parsing.parse(main, "main", ("x",), {"aux"})]
    cases = draw_cases(program, random.Random(0))
    verdict = source.grade(Grader(shared_pool()), program, pieces, cases)
    assert source.score(pieces, verdict, program)["total"] == pytest.approx(total)
    assert source.carried(1.0) == 0.0 and comlrl_reward.HIGHEST == 4.0
