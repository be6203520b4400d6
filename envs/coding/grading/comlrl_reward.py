"""The published two-agent reward (arXiv 2508.04652, 2601.21972) as a task of its own.

Agent 1 writes a helper, agent 2 the entry function. Each turn pays the sum of three levels, 4.0 at
most, and all turns are played:

1. structure: 0.4 for a helper with a return; 0.6 for an entry with a return, else stop.
2. syntax: 0.5 if everything that was written parses, else stop.
3. tests: 0 to 1 by the share of tests passed. If at least one passes and the entry calls the
   helper: 0.5; 1.0 more if the entry is no mere wrapper (a body that only returns, or only
   assigns and returns, the call); 0.5 less if it never uses what the helper returns.

Calls, wrappers and ignored results are read off the syntax tree here, as there. ``success`` keeps
this environment's stricter meaning: all tests pass, and results depend on the helper, as measured.
"""

from __future__ import annotations

from colllm_bench.envs.coding.grading.grader import Verdict
from colllm_bench.envs.coding.grading.parsing import NOTHING, Piece
from colllm_bench.envs.coding.sandbox import Limits

HIGHEST = 4.0
LIMITS = Limits(cpu=10.0, timeouts=3)
"""Seconds a test, and time-outs after which no more tests are run."""


def levels(aux: Piece, main: Piece, verdict: Verdict | None) -> dict[str, float]:
    """The published reward of one turn by its levels, and their ``total``."""
    found = {"structure": 0.0, "syntax": 0.0, "tests": 0.0, "cooperation": 0.0}
    found["structure"] = 0.4 * (aux.defined and aux.returns)
    entry = main.defined and main.returns
    found["structure"] += 0.6 * entry
    if entry and (aux.parses or aux == NOTHING):
        found["syntax"] = 0.5
        passed, tests = verdict.tests if verdict else (0, 0)
        found["tests"] = passed / tests if tests else 0.0
        if passed and main.calls:
            found["cooperation"] = (
                0.5 + 1.0 * (not main.wrapper) - 0.5 * (set(main.calls) == set(main.ignores))
            )
    found["total"] = float(sum(found.values()))
    return {name: float(value) for name, value in found.items()}
