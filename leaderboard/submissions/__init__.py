"""Submissions: results with their trained teams, written, read, checked and played again.

``schema`` says what is in one; ``strict_json`` and ``reading`` take one from a stranger without
running anything of it; ``checks`` holds it against itself; ``replay``, ``retrain`` and
``tolerance`` play it again. May import ``data`` and ``statistics`` of the leaderboard, and the
evaluation and training of ``colllm_bench``; only ``replay`` and ``retrain`` load torch.
"""
