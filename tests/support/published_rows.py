"""Rows of data sets of programs, and what an answer to one is worth."""

from __future__ import annotations

import json

from colllm_bench.envs.coding.datasets import humaneval_mbpp
from colllm_bench.envs.coding.generator.hidden_tests import Cases
from colllm_bench.envs.coding.grading import Grader, parse
from colllm_bench.envs.coding.grading.parsing import NOTHING
from colllm_bench.envs.coding.sandbox.shared_pool import shared_pool


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
