"""Pictures of a text: as text (``ansi``, ``human``), pixels (``rgb_array``) or data."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from colllm_bench.envs.writing import text
from colllm_bench.envs.writing.language import premises

if TYPE_CHECKING:
    import numpy as np


WIDTH, LINE, COLUMNS = 760, 15, 112
"""Pixels: width of the picture, height of a line; characters a line."""
BACKGROUND, PAPER, INK, FAINT, BAR = (
    (238, 231, 214), (252, 249, 240), (44, 40, 36), (150, 140, 126), (38, 84, 124)
)  # fmt: skip


def _head(env: Any) -> list[str]:
    about = env.source if env.premise is None else premises.full_premise(env.premise)
    return [f"{env.task}   draft {env.draft} of {env.turns}   quality "
            f"{env._score['quality']:.2f}", *textwrap.wrap(about[:400], COLUMNS)]  # fmt: skip


def _part(env: Any, i: int) -> str:
    if env.premise is None:
        return text.ROLES[env.task][i]
    return f"{env.premise.plan[i]}, use {env.premise.required[i]}"


def ansi(env: Any) -> str:
    """The task, every section under its part, and the components of the score."""
    lines = _head(env)
    for i, section in enumerate(env.sections):
        lines.append(f"-- {i + 1} ({_part(env, i)})" + ("  INVALID" if env._invalid[i] else ""))
        lines += textwrap.wrap(section, COLUMNS) or ["(nothing)"]
    marks = [f"{name} {value:.2f}" for name, value in env._score.items()]
    return "\n".join([*lines, "", *textwrap.wrap("   ".join(marks), COLUMNS)])


def frame(env: Any) -> dict[str, Any]:
    """The text as data (kind ``writing``).

    Returns:
        ``task``, ``draft`` of ``drafts``, ``about`` (the premise or source as text), ``score``,
        ``sections`` (each with ``part``, ``text``, ``invalid``, ``own``), ``text`` (:func:`ansi`).
    """
    return {
        "kind": "writing",
        "task": env.task,
        "draft": env.draft,
        "drafts": env.turns,
        "about": env.source if env.premise is None else premises.full_premise(env.premise),
        "score": dict(env._score),
        "sections": [
            {"part": _part(env, i), "text": section, "invalid": env._invalid[i],
             "own": dict(env._own[i])}
            for i, section in enumerate(env.sections)
        ],
        "text": ansi(env),
    }  # fmt: skip


def rgb_array(env: Any) -> np.ndarray:
    """The text as a page: uint8 [height, 760, 3]; Pillow is imported here."""
    import numpy as np
    from PIL import Image, ImageDraw

    blocks = []
    for i, section in enumerate(env.sections):
        rows = textwrap.wrap(section, COLUMNS)[:12] or ["(nothing)"]
        blocks.append((f"{i + 1}  {_part(env, i)}", rows))
    head = _head(env)[:5]
    lines = len(head) + sum(len(rows) + 2 for _, rows in blocks) + len(env._score) // 2 + 2
    image = Image.new("RGB", (WIDTH, lines * LINE + 40), BACKGROUND)
    draw = ImageDraw.Draw(image)

    def put(x: int, row: str, colour=INK) -> None:
        draw.text((x, y), row.encode("latin-1", "replace").decode("latin-1"), fill=colour)

    y = 12
    for row in head:
        put(16, row)
        y += LINE
    for title, rows in blocks:
        y += LINE // 2
        height = (len(rows) + 1) * LINE + 6
        draw.rectangle((8, y - 2, WIDTH - 8, y + height - 4), fill=PAPER)
        put(16, title, FAINT)
        for row in rows:
            y += LINE
            put(16, row)
        y += LINE + 6
    y += LINE // 2
    for k, (name, value) in enumerate(env._score.items()):
        x = 16 + (k % 2) * (WIDTH // 2)
        put(x, name)
        draw.rectangle((x + 100, y + 2, x + 300, y + 10), outline=INK)
        draw.rectangle((x + 100, y + 2, x + 100 + int(200 * value), y + 10), fill=BAR)
        put(x + 308, f"{value:.2f}")
        y += LINE * (k % 2)
    return np.asarray(image, dtype=np.uint8)
