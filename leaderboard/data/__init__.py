"""Run folders as data: reads ``results/**/seedK`` and groups the runs that may be averaged.

Imports the core of ``colllm_bench`` (files, configuration) and no other room of the leaderboard.
"""

from colllm_bench.leaderboard.data.collection import Collection, Group, read
from colllm_bench.leaderboard.data.run_reader import Run, read_run

__all__ = ["Collection", "Group", "Run", "read", "read_run"]
