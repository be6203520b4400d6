"""Correct programs in many styles: each must run, on every rung, and give what is expected.

``SOLUTIONS[name] = (source, [(arguments, expected), ...])``; the entry function is ``f``.
"""

from __future__ import annotations

SOLUTIONS: dict[str, tuple[str, list[tuple[list, object]]]] = {}


def solution(name: str, source: str, *cases: tuple[list, object]) -> None:
    assert name not in SOLUTIONS and cases
    SOLUTIONS[name] = (source, list(cases))


solution("one expression", "f = lambda x: x + 1", ([1], 2), ([-1], 0))
solution("several functions", """
def double(x): return 2 * x
def f(xs): return [double(x) for x in xs]
""", ([[1, 2]], [2, 4]), ([[]], []))
solution("helpers after the entry", """
def f(x): return g(x) * 2
def g(x): return h(x) + 1
def h(x): return x ** 2
""", ([3], 20))
solution("recursion", """
def f(n: int) -> int:
    return 1 if n <= 1 else n * f(n - 1)
""", ([5], 120), ([30], 265252859812191058636308480000000))
solution("deep recursion", "def f(n): return 0 if n == 0 else 1 + f(n - 1)", ([4000], 4000))
solution("memoized recursion", """
from functools import lru_cache
@lru_cache(maxsize=None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def f(n): return fib(n)
""", ([90], 2880067194370816120))
solution("class", """
class Stack:
    def __init__(self): self.items = []
    def push(self, item): self.items.append(item); return self
    def pop(self): return self.items.pop()
def f(xs):
    stack = Stack()
    for x in xs: stack.push(x)
    return [stack.pop() for _ in xs]
""", ([[1, 2, 3]], [3, 2, 1]))
solution("dataclass under future annotations", """
from __future__ import annotations
from dataclasses import dataclass, field, asdict
@dataclass(order=True)
class Point:
    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list)
def f(x, y): return asdict(Point(x, y))
""", ([1, 2], {"x": 1, "y": 2, "tags": []}))
solution("named tuple and typing", """
from typing import Dict, List, NamedTuple, Optional, Tuple
class P(NamedTuple):
    a: int
    b: Optional[str] = None
def f(xs: List[int]) -> Tuple[P, ...]: return tuple(P(x) for x in xs)
""", ([[1, 2]], ((1, None), (2, None))))
solution("enumeration", """
from enum import Enum, auto
class Color(Enum):
    RED = auto()
    BLUE = auto()
def f(name): return Color[name].value
""", (["BLUE"], 2))
solution("inheritance, properties, super", """
from abc import ABC, abstractmethod
class Shape(ABC):
    @property
    @abstractmethod
    def area(self): ...
class Square(Shape):
    def __init__(self, side): super().__init__(); self.side = side
    @property
    def area(self): return self.side ** 2
def f(side): return Square(side).area
""", ([1.5], 2.25))
solution("generators", """
def primes():
    found = []
    n = 2
    while True:
        if all(n % p for p in found):
            found.append(n)
            yield n
        n += 1
def f(k):
    from itertools import islice
    return list(islice(primes(), k))
""", ([5], [2, 3, 5, 7, 11]))
solution("collections", """
from collections import Counter, OrderedDict, defaultdict, deque
def f(words):
    groups = defaultdict(list)
    for word in words: groups[len(word)].append(word)
    return Counter(words), OrderedDict(sorted(groups.items())), list(deque(words, 1))
""", ([["a", "bb", "a"]], ({"a": 2, "bb": 1}, {1: ["a", "a"], 2: ["bb"]}, ["a"])))
solution("heap and bisection", """
import bisect, heapq
def f(xs, k):
    heapq.heapify(xs)
    small = [heapq.heappop(xs) for _ in range(k)]
    bisect.insort(small, 0)
    return small
""", ([[5, 1, 4], 2], [0, 1, 4]))
solution("regular expressions", """
import re
WORD = re.compile(r"(?P<first>\\w)\\w*")
def f(text): return [m["first"] for m in WORD.finditer(text)]
""", (["the quick fox"], ["t", "q", "f"]))
solution("math and tolerance", """
import math, cmath
def f(x): return math.sqrt(x), math.pi, cmath.sqrt(-1)
""", ([2], (1.4142135, 3.14159265, 1j)))
solution("exact numbers", """
from decimal import Decimal
from fractions import Fraction
def f(a, b): return str(Decimal(a) + Decimal(b)), Fraction(1, 3) + Fraction(1, 6) == Fraction(1, 2)
""", (["0.1", "0.2"], ("0.3", True)))
solution("sets and dictionaries", """
def f(pairs):
    index = {}
    for key, value in pairs: index.setdefault(key, set()).add(value)
    return index
""", ([[(1, "a"), (1, "b"), ((2, 3), "c")]], {1: {"a", "b"}, (2, 3): {"c"}}))
solution("frozen sets, bytes, None", """
def f(xs, raw, nothing): return frozenset(xs), raw[::-1], nothing
""", ([[1, 1], b"ab\x00", None], (frozenset({1}), b"\x00ba", None)))
solution("integers beyond 64 bits", "def f(n): return [2 ** n, -(2 ** n)]",
         ([100], [2**100, -(2**100)]), ([20000], [2**20000, -(2**20000)]))
solution("text beyond ASCII", "def f(s): return s.upper() + '\u2713' + s[::-1]",
         (["h\u00e9\U0001f600"], "H\u00c9\U0001f600\u2713\U0001f600\u00e9h"),
         (["\udc80"], "\udc80\u2713\udc80"))
solution("infinity", "def f(): return [float('inf'), -float('inf'), -0.0]",
         ([], [float("inf"), -float("inf"), 0.0]))
solution("comprehensions and unpacking", """
def f(*rows, **_):
    first, *rest = [{x: y for x, y in enumerate(row)} for row in rows]
    return [*rest, {**first, 9: None}]
""", ([[1], [2]], [{0: 2}, {0: 1, 9: None}]))
solution("match and walrus", """
def f(x):
    match x:
        case [first, *_] if (n := len(x)) > 1: return (first, n)
        case {"a": value}: return value
        case _: return None
""", ([[1, 2]], (1, 2)), ([{"a": 5}], 5), ([3], None))
solution("exceptions", """
class Bad(ValueError): pass
def check(x):
    if x < 0: raise Bad("negative")
    return x
def f(x):
    try: return check(x)
    except Bad as error: return str(error)
    finally: pass
""", ([-1], "negative"), ([1], 1))
solution("context manager and decorator", """
import contextlib, functools
log = []
@contextlib.contextmanager
def noted(name):
    log.append("+" + name)
    yield
    log.append("-" + name)
def twice(fn):
    @functools.wraps(fn)
    def inner(*a): return fn(fn(*a))
    return inner
@twice
def add(x): return x + 1
def f(x):
    with noted("a"): result = add(x)
    return result, log
""", ([1], (3, ["+a", "-a"])), ([2], (4, ["+a", "-a"])))
solution("global state, made anew for each case", """
seen = []
def f(x, acc=[]):
    global seen
    seen.append(x); acc.append(x)
    return len(seen) + len(acc)
""", ([1], 2), ([2], 2), ([3], 2))
solution("changes its argument", "def f(xs):\n    xs.sort(); xs.append(0)\n    return xs",
         ([[2, 1]], [1, 2, 0]), ([[2, 1]], [1, 2, 0]))
solution("prints, and has a main", """
def f(x):
    print("debug", x)
    return x
if __name__ == "__main__":
    print(f(int(input())))
""", ([4], 4))
solution("dates and text tools", """
import calendar, string, textwrap
from datetime import date, datetime, timedelta
def f(day):
    d = datetime.strptime(day, "%Y-%m-%d").date() + timedelta(days=1)
    return d.isoformat(), calendar.isleap(d.year), string.ascii_lowercase[:3], textwrap.dedent(" a")
""", (["2024-02-28"], ("2024-02-29", True, "abc", "a")))
solution("random numbers are the same each time", """
import random
def f(): return [random.randint(0, 9) for _ in range(3)] == [random.Random(0).randint(0, 9)] * 0 + [
    r.randint(0, 9) for r in [random.Random(0)] for _ in range(3)]
""", ([], True))
solution("hashes, base64, json, struct", """
import base64, hashlib, json, struct, zlib
def f(text):
    raw = text.encode()
    return (hashlib.sha256(raw).hexdigest()[:8], base64.b64encode(raw).decode(),
            json.loads(json.dumps({"a": [1, None]})), struct.unpack("<H", b"\\1\\0")[0],
            zlib.decompress(zlib.compress(raw)) == raw)
""", (["abc"], ("ba7816bf", "YWJj", {"a": [1, None]}, 1, True)))
solution("operators, partial, reduce", """
import operator
from functools import partial, reduce
from itertools import accumulate, chain, combinations, groupby, permutations, product
def f(xs):
    return (reduce(operator.mul, xs, 1), list(accumulate(xs)), list(combinations(xs, 2)),
            partial(pow, 2)(3), [len(list(g)) for _, g in groupby(sorted(xs))])
""", ([[1, 2, 3]], (6, [1, 3, 6], [(1, 2), (1, 3), (2, 3)], 8, [1, 1, 1])))
solution("statistics", """
import statistics
def f(xs): return statistics.mean(xs), statistics.median(xs)
""", ([[1, 2, 4.5]], (2.5, 2)))
solution("sleep for a moment", """
import time
def f():
    time.sleep(0.01)
    return time.time() > 0
""", ([], True))
solution("sieve of a million", """
def f(n):
    sieve = bytearray([1]) * (n + 1)
    sieve[:2] = b"\\0\\0"
    for p in range(2, int(n ** 0.5) + 1):
        if sieve[p]: sieve[p * p :: p] = bytes(len(range(p * p, n + 1, p)))
    return sum(sieve)
""", ([10**6], 78498))
solution("tabs, semicolons, carriage returns",
         "def f(x):\r\n\tif x:\r\n\t\ty = 1; return y\r\n\treturn 0",
         ([1], 1), ([0], 0))
solution("coroutine driven by hand", """
async def work(x): return x + 1
def f(x):
    c = work(x)
    try: c.send(None)
    except StopIteration as stop: return stop.value
""", ([1], 2))
solution("operator overloading", """
class V:
    __slots__ = ("x",)
    def __init__(self, x): self.x = x
    def __add__(self, other): return V(self.x + other.x)
    def __eq__(self, other): return isinstance(other, V) and self.x == other.x
    def __hash__(self): return hash(self.x)
def f(xs): return sum((V(x) for x in xs), V(0)).x, len({V(1), V(1)})
""", ([[1, 2]], (3, 1)))
