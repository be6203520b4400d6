"""Pictures of a game: what was done and earned, as text, pixels or data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

WIDTH, LINE, MARGIN = 640, 16, 12
"""Pixels: width of the picture, height of a line, margin."""
COLUMNS = 100
"""Characters of a line that fit."""


@dataclass(frozen=True)
class Played:
    """A turn that was played: each agent's action, whether it was drawn by lot, the reward, and
    what each saw afterwards."""

    actions: tuple[str, ...]
    invalid: tuple[bool, ...]
    reward: float
    seen: tuple[str, ...]


def ansi(state: str, played: Sequence[Played]) -> str:
    """The state on a line, then a line a turn; actions drawn by lot in brackets."""
    lines = [state]
    for number, turn in enumerate(played, 1):
        actions = " ".join(
            f"[{action}]" if bad else action
            for action, bad in zip(turn.actions, turn.invalid, strict=True)
        )
        lines.append(f"{number:2} {actions} -> {turn.reward:g}; {' '.join(turn.seen)}")
    return "\n".join(lines)


def frame(
    state: str, agents: Sequence[str], seen: Sequence[str], played: Sequence[Played]
) -> dict[str, Any]:
    """The game as data for a replay: a part an agent."""
    parts = []
    for i, agent in enumerate(agents):
        rows = [f"{turn.actions[i]} -> {turn.seen[i]}" for turn in played]
        parts.append({
            "title": f"{agent}: {seen[i]}",
            "text": "\n".join(rows) or "not yet",
            "notes": ["drawn by lot"] if played and played[-1].invalid[i] else [],
        })
    return {"kind": "parts", "headline": state, "parts": parts, "text": ansi(state, played)}


def rgb_array(picture: str, turns: int, agents: int) -> np.ndarray:
    """The text as a picture: uint8 [height, 640, 3], of one height all through an episode; Pillow
    is imported here."""
    import numpy as np
    from PIL import Image, ImageDraw

    rows_a_turn = 1 + agents // 4
    height = 2 * MARGIN + LINE * (rows_a_turn * (turns + 1) + 1)
    image = Image.new("RGB", (WIDTH, height), (247, 246, 242))
    draw = ImageDraw.Draw(image)
    rows = [
        line[start : start + COLUMNS]
        for line in picture.split("\n")
        for start in range(0, len(line), COLUMNS)
    ]
    for number, row in enumerate(rows):
        draw.text((MARGIN, MARGIN + LINE * number), row, fill=(40, 42, 46))
    return np.asarray(image, dtype=np.uint8)
