"""The language of ``writing``: word lists, tokens, premises, the grammar and generator of stories,
and synthetic sources. Imports nothing else of the environment.
"""

from __future__ import annotations

from colllm_bench.envs.writing.language.premises import Character, Premise, draw
from colllm_bench.envs.writing.language.story_generator import stories, write

__all__ = ["Character", "Premise", "draw", "stories", "write"]
