"""From agents' texts to numbers: parsing, tests in the sandbox, rewards. May import
:mod:`..generator` and :mod:`..sandbox`; knows no data set and no environment.
"""

from __future__ import annotations

from colllm_bench.envs.coding.grading.grader import Grader, Verdict
from colllm_bench.envs.coding.grading.parsing import Piece, parse
from colllm_bench.envs.coding.grading.reward import potential, score

__all__ = ["Grader", "Piece", "Verdict", "parse", "potential", "score"]
