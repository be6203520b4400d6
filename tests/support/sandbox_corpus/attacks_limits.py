"""Attacks on the limits: loops, sleeps, floods, memory, crashes. See attacks_values."""

from __future__ import annotations

from sandbox_corpus.attacks_values import FORGE

ATTACKS: dict[str, tuple[set[str], str]] = {}


def attack(name: str, verdicts: str, source: str) -> None:
    assert name not in ATTACKS
    ATTACKS[name] = (set(verdicts.split()), source)


attack("endless loop", "cpu-timeout", "def f(info):\n    while True: pass")
attack("loop deaf to signals and exceptions", "cpu-timeout", """
import signal
def f(info):
    for number in range(1, 65):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    while True:
        try:
            while True: pass
        except BaseException: pass
""")
attack("loop in C", "cpu-timeout", "def f(info): return sum(range(10 ** 12))")
attack("loop while it is loaded", "cpu-timeout", "while True: pass")
attack("sleep", "wall-timeout", "import time\ndef f(info): time.sleep(1000)")
attack("lock that is never free", "wall-timeout", """
import threading
def f(info):
    lock = threading.Lock()
    lock.acquire(); lock.acquire()
""")
attack("catastrophic regex", "cpu-timeout", """
import re
def f(info): return bool(re.match(r"(a|aa)+$", "a" * 60 + "b"))
""")
attack("huge int", "cpu-timeout memory", "def f(info): return pow(3, 10 ** 9) % 7")
attack("digits of a huge int", "cpu-timeout runtime-error", """
import sys
def f(info):
    getattr(sys, "set_int_max_str_digits", int)(0)
    return len(str(7 ** (10 ** 7)))
""")
attack("deep recursion", "runtime-error", "def f(info): return f(info)")
attack("recursion without a limit", "crashed memory cpu-timeout runtime-error", """
import sys
def f(info):
    sys.setrecursionlimit(2 ** 30)
    g = lambda x: [x] and sorted([x], key=lambda y: g(y))
    return g(1)
""")
attack("flood of print", "output-limit", "def f(info):\n    while True: print('x' * 99)")
attack("flood of print, deaf", "cpu-timeout output-limit", """
def f(info):
    while True:
        try: print("x" * 99)
        except BaseException: pass
""")
attack("flood of descriptors 1 and 2", "cpu-timeout wall-timeout", """
import os
def f(info):
    while True: os.write(1, b"x" * 65536); os.write(2, b"x" * 65536)
""")
attack("flood of the result pipe", "output-limit", FORGE + """
def f(info):
    while True: write(pipe(), b"\\x7f" * 65536)
""")
attack("flood of small frames", "ok output-limit cpu-timeout", FORGE + """
def f(info):
    while True: send(b'["returned", 0, "", ""]')
""")
attack("long result", "output-limit", "def f(info): return 'x' * (3 * 2 ** 20)")
attack("many items", "output-limit", "def f(info): return [0] * 10 ** 6")
attack("deep result", "output-limit", """
def f(info):
    x = []
    for _ in range(10 ** 5): x = [x]
    return x
""")
attack("cycle", "output-limit", "def f(info):\n    x = []\n    x.append(x)\n    return x")
attack("result that doubles", "output-limit", """
def f(info):
    x = [1]
    for _ in range(90): x = [x, x]
    return x
""")
attack("memory at once", "memory", "def f(info): return bytearray(10 ** 10)")
attack("memory bit by bit", "memory cpu-timeout crashed", """
def f(info):
    x = []
    while True: x.append(bytes(10 ** 7))
""")
attack("memory, deaf", "cpu-timeout memory crashed", """
def f(info):
    x = []
    while True:
        try: x.append(bytes(10 ** 7))
        except MemoryError: pass
""")
attack("segmentation fault", "crashed", "import ctypes\ndef f(info): return ctypes.string_at(0)")
attack("abort", "crashed", "import os\ndef f(info): os.abort()")
attack("broken bytecode", "crashed no-result runtime-error cpu-timeout ok", """
def f(info):
    return eval(f.__code__.replace(co_code=b"\\x64\\xff" * 40, co_consts=()))
""")
