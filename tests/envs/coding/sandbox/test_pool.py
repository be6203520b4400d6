"""The pool: verdicts, limits, isolation, retries, and what may be done with it from outside."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import pytest
from paths import ROOT

from colllm_bench.envs.coding import sandbox
from colllm_bench.envs.coding.sandbox import Limits, Pool, Program, compare, isolation, jail
from colllm_bench.errors import ConfigError, RunError

linux = pytest.mark.skipif(sys.platform != "linux", reason="the rungs are Linux's")
pytestmark = linux
LOOP = "def f(x):\n    while x: pass\n    return x"
QUICK = Limits(cpu=0.1, wall=20.0)


@pytest.fixture(scope="module")
def pool():
    with Pool(workers=1) as made:
        yield made


def verdicts(outcomes) -> list[str]:
    return [outcome.verdict for outcome in outcomes]


def test_the_best_rung_of_this_machine_is_taken(pool):
    assert pool.rung in isolation.LADDER
    assert pool.run("def f(x): return x * 2", "f", [[2], ["ab"]])[1].value == "abab"


def test_each_verdict(pool):
    limits = Limits(cpu=0.2, wall=20.0, memory_mb=64, stdout_chars=100, result_bytes=1000)
    found = [
        pool.run(source, "f", [[1]], limit)[0].verdict for source, limit in [
            ("def f(x): return x", limits), ("def f(x) return x", limits),
            ("def f(x): return 1 / 0", limits), (LOOP, limits),
            ("import time\ndef f(x): time.sleep(9)", Limits(wall=0.5)),
            ("def f(x): print('y' * 101)", limits), ("def f(x): return 'y' * 2000", limits),
            ("def f(x): return bytearray(2 ** 27)", limits),
            ("import ctypes\ndef f(x): ctypes.string_at(0)", limits),
            ("def f(x): return f", limits), ("import os\ndef f(x): os._exit(0)", limits),
        ]
    ]
    assert found == ["ok", "load-error", "runtime-error", "cpu-timeout", "wall-timeout",
                     "output-limit", "output-limit", "memory", "crashed", "no-result", "no-result"]
    assert {*found, "sandbox-lost"} == sandbox.VERDICTS.keys()


def test_errors_name_type_text_and_line(pool):
    source = "def g(x):\n    return [1][x]\n\ndef f(x):\n    return g(x)\n"
    (outcome,) = pool.run(source, "f", [[5]])
    assert outcome.error == "IndexError: list index out of range (line 2)"
    assert pool.run("def f(x):\n  return (", "f", [[5]])[0].error.endswith("(line 2)")
    assert pool.run("x = 1", "f", [[5]])[0].error == "NameError: f is not defined"
    assert pool.run("f = 1", "f", [[5]])[0].error == "NameError: f is no function"
    assert "takes 0 positional arguments but 1" in pool.run("def f(): 1", "f", [[5]])[0].error


def test_what_is_printed_comes_back_case_by_case(pool):
    source = "import sys\ndef f(x):\n print('a', x); print('b', file=sys.stderr)\n return 1 / x"
    first, second = pool.run(source, "f", [[1], [0]])
    assert first.stdout == "a 1\nb\n" and second.stdout == "a 0\nb\n"
    assert second.verdict == "runtime-error"


def test_a_case_that_ends_the_process_costs_no_other_its_result(pool):
    source = "import os\ndef f(x):\n    if x == 1: os._exit(3)\n    if x == 2: 1 / 0\n    return x"
    outcomes = pool.run(source, "f", [[0], [1], [0], [2], [1], [4]])
    assert verdicts(outcomes) == ["ok", "no-result", "ok", "runtime-error", "no-result", "ok"]
    assert outcomes[-1].value == 4


def test_time_outs_are_told_by_cpu_time_and_end_a_program_soon(pool):
    outcomes = pool.run(LOOP, "f", [[0], [1], [0], [1], [0]], QUICK)
    assert verdicts(outcomes) == ["ok", "cpu-timeout", "ok", "cpu-timeout", "cpu-timeout"]
    assert outcomes[-1].error == "not run: 2 cases before it were timed out"
    assert 0.09 < outcomes[1].seconds < 0.4
    patient = Limits(cpu=0.1, wall=20.0, timeouts=9)
    assert verdicts(pool.run(LOOP, "f", [[1], [1], [1], [0]], patient))[-1] == "ok"


def test_cpu_time_is_counted_for_each_case_alone(pool):
    source = "import time\ndef f(x):\n    end = time.process_time() + x\n" \
             "    while time.process_time() < end: pass\n    return x"
    outcomes = pool.run(source, "f", [[0.15]] * 4, Limits(cpu=0.3, wall=20.0))
    assert verdicts(outcomes) == ["ok"] * 4
    assert all(0.1 < outcome.seconds < 0.3 for outcome in outcomes)


def test_sleeping_is_no_cpu_time(pool):
    source = "import time\ndef f(x):\n    time.sleep(x)\n    return x"
    assert pool.run(source, "f", [[0.3]], QUICK)[0].ok


def test_every_case_has_a_module_of_its_own_and_isolation_a_process(pool):
    honest = "seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)"
    crafty = "import sys\ndef f(x):\n sys.n = getattr(sys, 'n', 0) + 1\n return sys.n"
    cases = [[i] for i in range(4)]
    assert [o.value for o in pool.run(honest, "f", cases)] == [1] * 4
    assert [o.value for o in pool.run(crafty, "f", cases, isolate=True)] == [1] * 4
    assert [o.value for o in pool.run(crafty, "f", [[0]])] == [1]  # nothing from call to call


def test_answers_do_not_depend_on_the_process(pool):
    source = "import random\ndef f(x): return [random.random(), hash('a'), list({'a', 'b', 'c'})]"
    values = {repr(pool.run(source, "f", [[1], [1]])[i].value) for i in (0, 1) for _ in range(2)}
    assert len(values) == 1


def test_arguments_are_what_was_given(pool):
    case = [None, True, 1, 2**99, 1.5, "\u2713", b"a", (1, 2), {3}, frozenset({4}), {(5,): [6]}]
    (outcome,) = pool.run("def f(*a): return a", "f", [case])
    assert compare(outcome.value, tuple(case))


def test_limits_can_be_wider(pool):
    source = "def f(x): return len(bytearray(x))"
    assert pool.run(source, "f", [[700 << 20]])[0].verdict == "memory"
    assert pool.run(source, "f", [[700 << 20]], Limits(memory_mb=800))[0].value == 700 << 20
    deep = "def f(n): return n and 1 + f(n - 1)"
    assert pool.run(deep, "f", [[12_000]])[0].verdict == "runtime-error"
    assert pool.run(deep, "f", [[12_000]], Limits(recursion=13_000))[0].value == 12_000
    source = "def f(): return 1\n" + "#" * 300_000
    assert pool.run(source, "f", [[]])[0].error == (
        "the source has 300,018 bytes; allowed: 262,144")
    assert pool.run(source, "f", [[]], Limits(source_bytes=400_000))[0].value == 1


def test_no_cases_and_many_cases(pool):
    assert pool.run("def f(): return 1", "f", []) == []
    outcomes = pool.run("def f(x): return x", "f", [[i] for i in range(600)])
    assert [outcome.value for outcome in outcomes] == list(range(600))
    big = ["x" * 500_000]
    assert [o.value for o in pool.run("def f(x): return len(x)", "f", [big] * 5)] == [500_000] * 5
    outcomes = pool.run("def f(x): return 'y' * x", "f", [[1_000_000]] * 3)
    assert [len(outcome.value) for outcome in outcomes] == [1_000_000] * 3


def test_the_results_of_a_call_are_limited_together(pool):
    limits = Limits(result_bytes=10_000)
    outcomes = pool.run("def f(x): return 'y' * x", "f", [[9_000]] * 40, limits)
    assert verdicts(outcomes) == ["ok"] * 17 + ["output-limit"] * 23
    assert "not run" in outcomes[-1].error
    outcomes = pool.run("def f(x): return 'y' * x", "f", [[9_000]] * 17, limits)
    assert verdicts(outcomes) == ["ok"] * 17
    forged = (
        "import sys, os, struct\ndef f(x):\n frame = sys._getframe()\n"
        " while frame.f_code.co_name != 'run': frame = frame.f_back\n"
        " data = b'[\"returned\",1,\"\",\"\"]'\n"
        " for _ in range(10): os.write(frame.f_locals['result'],"
        " struct.pack('<I', len(data)) + data)\n os._exit(0)"
    )
    assert [o.value for o in pool.run(forged, "f", [[1]] * 3)] == [1] * 3


def test_values_are_shown_in_short():
    assert sandbox.shown([1, "a\x1b"]) == "[1, 'a\\x1b']"
    assert len(sandbox.shown("x" * 500, 50)) == 50
    assert sandbox.shown(10**5000).startswith(("(a number", "1000"))


@pytest.mark.parametrize("call, named", [
    (lambda p: p.run(1, "f", [[1]]), "a program must be text, not int"),
    (lambda p: p.run("", None, [[1]]), "entry must be the name of a function, not None"),
    (lambda p: p.run("", "f", [1]), "a case must be a list of arguments, not 1"),
    (lambda p: p.run("", "f", 5), "a case cannot enter the sandbox"),
    (lambda p: p.run("", "f", [[object()]]), "type object is no data"),
    (lambda p: p.run("", "f", [[1]], {"cpu": 1}), "limits must be a Limits"),
    (lambda p: Limits(cpu=0), "cpu = 0; allowed: more than 0"),
    (lambda p: Limits(cpu="2"), "cpu = '2'; allowed: a number"),
    (lambda p: Limits(memory_mb=1.5), "memory_mb = 1.5; allowed: a whole number"),
    (lambda p: Limits(wall=float("nan")), "wall = nan"),
    (lambda p: Limits(recursion=10**6), "allowed: 1 to 20000"),
    (lambda p: Pool(workers=0), "sandbox workers = 0; allowed: 1 to 1024"),
    (lambda p: Pool(rung="bubblewrap"), "unknown rung 'bubblewrap' of the sandbox; allowed: auto"),
])
def test_what_cannot_be_is_named(pool, call, named):
    with pytest.raises(ConfigError, match=named):
        call(pool)


def test_defaults_are_those_of_the_documentation():
    limits = Limits()
    assert (limits.cpu, limits.wall, limits.memory_mb, limits.recursion) == (2.0, 6.0, 512, 5000)
    assert (limits.source_bytes, limits.result_bytes) == (256 << 10, 1 << 20)
    assert limits.stdout_chars == 20_000 and Limits(cpu=1).wall == 5.0


def test_many_programs_on_several_jails_in_order():
    source = "import time\ndef f(x):\n    time.sleep(0.25)\n    return x"
    programs = [Program(source, "f", [[i]]) for i in range(12)]
    with Pool(workers=4) as pool:
        pool.run_many(programs[:4])
        began = time.monotonic()
        outcomes = pool.run_many(programs)
        assert time.monotonic() - began < 2.2, "not side by side"
    assert [outcome.value for (outcome,) in outcomes] == list(range(12))


def test_from_several_threads(pool):
    found = []
    threads = [
        threading.Thread(target=lambda i=i: found.append(
            (i, pool.run("def f(x): return x", "f", [[i]])[0].value)))
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(i, i) for i in range(8)]


def test_a_pool_stays_in_its_process(pool):
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(pool)
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.deepcopy(pool)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            pool.run("", "f", [[]])
        except RunError as error:
            pool.close()  # does nothing here: the jails are the parent's
            code = 0 if "forked from" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pool.run("def f(): return 1", "f", [[]])[0].ok


def test_a_closed_pool_says_so():
    pool = Pool(workers=1, rung="seccomp")
    pool.close()
    pool.close()
    with pytest.raises(RunError, match="is closed"):
        pool.run("", "f", [[]])


def test_the_shared_pool_is_one_a_process_and_ends_with_it():
    code = (
        "from colllm_bench.envs.coding.sandbox.shared_pool import shared_pool\n"
        "pool = shared_pool()\n"
        "assert shared_pool() is pool\n"
        "print(pool.run('def f(): return 1', 'f', [[]])[0].value)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_an_interrupt_leaves_a_pool_that_works(pool):
    timer = threading.Timer(0.4, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        pool.run("import time\ndef f(): time.sleep(30)", "f", [[]], Limits(cpu=1, wall=30))
    assert pool.run("def f(): return 1", "f", [[]])[0].value == 1


def test_a_lost_jail_is_tried_again_once_and_then_reported(pool, monkeypatch):
    real, lost = jail.Jail.run, []

    def lose(self, *arguments):
        lost.append(self)
        raise jail.JailLost("gone")

    def lose_once(self, *arguments):
        return real(self, *arguments) if lost else lose(self)

    monkeypatch.setattr(jail.Jail, "run", lose_once)
    assert pool.run("def f(): return 1", "f", [[]])[0].value == 1
    assert len(lost) == 1
    lost.clear()
    monkeypatch.setattr(isolation, "check", lambda jail: None)
    monkeypatch.setattr(jail.Jail, "run", lose)
    outcomes = pool.run("def f(): return 1", "f", [[], []])
    assert len(lost) == 2 and verdicts(outcomes) == ["sandbox-lost"] * 2
    assert outcomes[0].lost and not outcomes[0].ok and "lost twice" in outcomes[0].error
    monkeypatch.undo()
    assert pool.run("def f(): return 1", "f", [[]])[0].value == 1


def test_time_outs_cost_no_descriptor_and_no_process(pool):
    limits = Limits(cpu=0.02, wall=20.0, timeouts=1000)
    pool.run(LOOP, "f", [[1]] * 3, limits)
    before = len(os.listdir("/proc/self/fd"))
    assert verdicts(pool.run(LOOP, "f", [[1]] * 40, limits)) == ["cpu-timeout"] * 40
    assert len(os.listdir("/proc/self/fd")) == before
    assert pool.run(LOOP, "f", [[0]])[0].ok
