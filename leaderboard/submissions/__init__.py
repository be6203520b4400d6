"""Submissions: results with their trained teams, written, read, checked and played again.

``schema`` says what is in one; ``strict_json`` and ``reading`` take one from a stranger without
running anything of it; ``checks`` and ``training_record`` hold it against itself; ``recompute``
plays it again (``replay``, ``retrain``) and compares (``machine``, ``tolerance``,
``training_returns``); ``verified`` puts the numbers into a report. May import ``data`` and
``statistics`` of the leaderboard, and the evaluation and training of ``colllm_bench``; only
``replay`` and ``retrain`` load torch.
"""

from colllm_bench.leaderboard.submissions.checks import check_submission
from colllm_bench.leaderboard.submissions.reading import Submission, read_submission
from colllm_bench.leaderboard.submissions.strict_json import InvalidSubmission

__all__ = ["InvalidSubmission", "Submission", "check_submission", "read_submission"]
