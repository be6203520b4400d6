"""What a program does, as a key: its results on inputs that are the same for all programs.

Two programs of other form may do the same (``x plus 2, then x plus 3`` and ``x plus 5``). A split
by form puts them on both sides; a split by this key never does, for equal keys fall on one side.
Few inputs make it coarse, so that programs that differ seldom fall on one side too.
"""

from __future__ import annotations

import copy
from functools import cache
from random import Random
from typing import Any

from colllm_bench.envs.coding.generator.operations import CONSTANTS
from colllm_bench.envs.coding.generator.program import DOMAINS, Program, namespace

INPUTS = 16
"""Inputs of a program. Belongs to the split, hence to the version."""


def behaviour(program: Program) -> str:
    """The results of the entry's reference on :func:`fixed_inputs`, as text.

    Dictionaries count as equal whatever their order, as the tests compare them.
    """
    solve = namespace(program.reference())[program.entry.name]
    rows = [" ".join(program.entry.inputs)]
    for args in fixed_inputs(program.entry.inputs):
        rows.append(repr(_in_order(solve(*copy.deepcopy(args)))))
    return "\n".join(rows)


@cache
def fixed_inputs(domains: tuple[str, ...], count: int = INPUTS) -> tuple[tuple[Any, ...], ...]:
    """``count`` argument lists for parameters of these domains, always the same."""
    rng = Random(f"behaviour {' '.join(domains)}")
    near = tuple(CONSTANTS)
    return tuple(tuple(DOMAINS[name](rng, near) for name in domains) for _ in range(count))


def _in_order(value: Any) -> Any:
    return sorted(value.items()) if type(value) is dict else value
