"""Hidden tests and the prompt's examples, drawn from reference solutions."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from colllm_bench.envs.coding.generator.program import Case, Program, draw_args, namespace
from colllm_bench.envs.coding.sandbox import safe_repr

TESTS = 6
"""Hidden tests of the whole program, a turn."""
UNITS = 4
"""Hidden tests of each function for itself, a turn."""
MOST_TESTS = 40
"""Of a program that brings more tests of its own, so many are drawn by lot, a turn."""
TRIES = 60
"""Arguments drawn in search of cases that differ."""


@dataclass
class Cases:
    """The hidden tests of one turn."""

    tests: list[Case]
    units: list[list[Case]] = field(default_factory=list)


def draw_cases(program: Program, rng: Random, shown: Sequence[Case] = ()) -> Cases:
    """Fresh hidden tests, none of which the prompt shows, in random order."""
    seen = {_key(case) for case in shown}
    if program.tests is not None:
        tests = [case for case in program.tests if _key(case) not in seen] or list(program.tests)
        return Cases(rng.sample(tests, min(len(tests), MOST_TESTS)))
    names = namespace(program.reference())
    last = len(program.functions) - 1
    units = [differing(program, k, names, rng, UNITS, seen) for k in range(last + 1)]
    return Cases(differing(program, last, names, rng, TESTS, seen), units)


def draw_examples(program: Program, rng: Random, count: int) -> list[list[Case]]:
    """For each function, ``count`` cases to show in its author's prompt."""
    if not program.specified:
        return [[] for _ in program.functions[:-1]] + [list(program.examples)]
    names = namespace(program.reference())
    found = []
    for k in range(len(program.functions)):
        drawn = differing(program, k, names, rng, count + 3, set())
        found.append(sorted(drawn, key=lambda case: len(repr(case)))[:count])  # the shortest
    return found


def differing(
    program: Program, k: int, names: dict[str, Any], rng: Random, count: int, seen: set[str]
) -> list[Case]:
    """``count`` cases of function ``k`` with different arguments and, as far as they are found
    in reasonable time, different results, none of them an argument: so that neither a constant
    nor the identity passes many."""
    function = program.functions[k]
    chosen: list[Case] = []
    spare: list[Case] = []
    taken, results = set(seen), set()
    for _ in range(TRIES):
        args = draw_args(function, rng)
        try:
            expected = names[function.name](*copy.deepcopy(args))
        except Exception:  # outside of what the function is defined for
            continue
        case = Case(function.name, args, expected)
        if (key := _key(case)) in taken:
            continue
        taken.add(key)
        result = repr(expected)
        if result in results or expected in args:
            spare.append(case)
            continue
        results.add(result)
        chosen.append(case)
        if len(chosen) == count:
            break
    told = Counter(repr(case.expected) for case in chosen)
    while spare and len(chosen) < count:  # of results that repeat, the rarest first
        rarest = min(spare, key=lambda case: told[repr(case.expected)])
        spare.remove(rarest)
        told[repr(rarest.expected)] += 1
        chosen.append(rarest)
    rng.shuffle(chosen)
    return chosen


def _key(case: Case) -> str:
    return f"{case.function}{safe_repr((case.args, case.named))}"
