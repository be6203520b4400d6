"""The jail: programs that nobody has read run here, and only data comes out.

>>> from colllm_bench.envs.coding.sandbox import Limits, Pool, compare
>>> with Pool(workers=1) as pool:
...     outcome, = pool.run("def f(x): return x + 1", "f", [[1]], Limits(cpu=1.0))
>>> outcome.verdict, compare(outcome.value, 2)
('ok', True)

What is expected stays outside and is compared here, so that a program that owns its process can
still do no better than answer. The threat model and the ladder of rungs: docs/sandbox.md.
"""

from __future__ import annotations

from colllm_bench.envs.coding.sandbox.comparison import compare
from colllm_bench.envs.coding.sandbox.inside.values import UnfitValue
from colllm_bench.envs.coding.sandbox.isolation import RUNGS
from colllm_bench.envs.coding.sandbox.pool import Pool
from colllm_bench.envs.coding.sandbox.results import (
    VERDICTS,
    Limits,
    Outcome,
    Program,
    safe_repr,
    shown,
)

__all__ = [
    "RUNGS", "VERDICTS", "Limits", "Outcome", "Pool", "Program", "UnfitValue", "compare",
    "safe_repr", "shown",
]
