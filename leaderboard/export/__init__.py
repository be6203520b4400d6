"""A report's numbers for other tools: Markdown, CSV and LaTeX tables, and marl-eval's JSON.

May import ``data``, ``statistics``, ``report_data`` and ``metrics``. pandas is loaded when tables
are written.
"""

from colllm_bench.leaderboard.export.marl_eval import write_marl_eval
from colllm_bench.leaderboard.export.tables import write_tables

__all__ = ["write_marl_eval", "write_tables"]
