"""Programs as data, procedural programs without end (families of operations and the phrases that
specify them), and the hidden tests and examples that are drawn from reference solutions. May
import :mod:`..sandbox`, for how values are shown.
"""

from __future__ import annotations

from colllm_bench.envs.coding.generator.hidden_tests import Cases, draw_cases
from colllm_bench.envs.coding.generator.program import Case, Function, Program

__all__ = ["Case", "Cases", "Function", "Program", "draw_cases"]
