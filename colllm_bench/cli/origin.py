"""Whose code raised an exception: named in the one line that a command prints."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

LIBRARIES = frozenset({
    "accelerate", "gymnasium", "httpx", "jinja2", "matplotlib", "numpy", "openai", "pandas", "peft",
    "pettingzoo", "PIL", "ray", "rich", "safetensors", "tensorboard", "tokenizers", "torch",
    "transformers", "wandb",
})
"""Packages that this one calls; an error in them is no plug-in's."""


def origin_of(error: BaseException) -> str:
    """The plug-in's method that raised ``error``: ``Mine.step (mine.py, line 7)``.

    Returns:
        The outermost method of an environment, algorithm, policy or callback of the user's; ""
        where the error comes from this package or its libraries alone.
    """
    known = sys.stdlib_module_names | LIBRARIES | {"colllm_bench"}
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if module in known or module in ("", "__main__"):
            continue
        code = frame.f_code
        name = getattr(code, "co_qualname", code.co_name)  # Python 3.10 has only the latter
        if name == code.co_name and "self" in frame.f_locals:
            name = f"{type(frame.f_locals['self']).__name__}.{name}"
        name = name.rpartition("<locals>.")[2]
        return f"{name} ({Path(code.co_filename).name}, line {line})"
    return ""


def add_note(error: BaseException, note: str) -> None:
    """``error.add_note``, which Python 3.10 has not; commands print notes in their one line."""
    error.__notes__ = [*getattr(error, "__notes__", []), note]
