"""Pictures of a program: everybody's code with the tests' verdicts, as text or pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from colllm_bench.envs.coding import text
from colllm_bench.envs.coding.generator.program import Program
from colllm_bench.envs.coding.grading.grader import Verdict
from colllm_bench.envs.coding.grading.parsing import Piece

if TYPE_CHECKING:
    import numpy as np

WIDTH, TOP, LINE, MARGIN = 760, 44, 13, 10
"""Pixels: width of the picture, height of the header and of a line, space around a panel."""
COLUMNS = 118
"""Characters of a line that fit."""
MOST_LINES = 14
"""Lines of one function that are shown."""

PALETTE = {
    "ground": (247, 246, 242),
    "panel": (255, 255, 255),
    "edge": (205, 203, 196),
    "ink": (40, 42, 46),
    "dim": (122, 124, 128),
    "right": (32, 120, 66),
    "wrong": (176, 48, 40),
    "waiting": (150, 150, 150),
}


def ansi(
    program: Program, pieces: Sequence[Piece], verdict: Verdict | None, turn: int, turns: int
) -> str:
    """The program as text: a header, then a block a coder, ``+`` in front of what passes."""
    lines = [header(program, verdict, turn, turns)]
    for i, (function, piece) in enumerate(zip(program.functions, pieces, strict=True)):
        mark = {True: "+", False: "-", None: " "}[right(verdict, i)]
        said = f"   {text.summary(program, i, verdict)}" if verdict else ""
        lines.append(f"{mark} coder {i + 1}  {function.signature}{said}")
        lines += [f"    {line}" for line in body(piece)]
    return "\n".join(lines)


def frame(
    program: Program, pieces: Sequence[Piece], verdict: Verdict | None, turn: int, turns: int
) -> dict[str, Any]:
    """The program as data for a replay: everybody's code with what the tests said beside it."""
    parts = []
    for i, (function, piece) in enumerate(zip(program.functions, pieces, strict=True)):
        said = text.summary(program, i, verdict).split("; ") if verdict else []
        ok = right(verdict, i)
        parts.append({
            "title": f"coder {i + 1}: {function.signature}",
            "text": piece.code.strip("\n") or f"# {piece.error}",
            "code": True,
            "status": {True: "passes", False: "fails", None: "waits"}[ok],
            "ok": ok,
            "notes": [function.doc, *said],
        })
    return {
        "kind": "parts",
        "headline": header(program, verdict, turn, turns),
        "parts": parts,
        "text": ansi(program, pieces, verdict, turn, turns),
    }


def header(program: Program, verdict: Verdict | None, turn: int, turns: int) -> str:
    passed = "not tested yet"
    if verdict is not None:
        passed = "program passes {} of {} tests".format(*verdict.tests)
        passed += ", done" if verdict.passes else ""
    return f"Program {program.name}   turn {turn} of {turns}   {passed}"


def body(piece: Piece) -> list[str]:
    """A coder's lines, the last ones left out where there are many."""
    lines = piece.code.strip("\n").split("\n") if piece.code else [f"# {piece.error}"]
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], f"... {len(lines) - MOST_LINES + 1} more lines"]
    return lines


def right(verdict: Verdict | None, i: int) -> bool | None:
    """Whether coder ``i``'s own tests pass (without any, the program's); None: not tested."""
    if verdict is None:
        return None
    ok, tests = verdict.units[i] if verdict.units else verdict.tests
    return ok == tests > 0


def rgb_array(
    program: Program, pieces: Sequence[Piece], verdict: Verdict | None, turn: int, turns: int
) -> np.ndarray:
    """The program as a picture: uint8 [height, 760, 3]; Pillow is imported here."""
    import numpy as np
    from PIL import Image, ImageDraw

    panels = []
    for i, (function, piece) in enumerate(zip(program.functions, pieces, strict=True)):
        said = text.summary(program, i, verdict) if verdict else ""
        panels.append((i, function.signature, said, body(piece)))
    heights = [MARGIN + LINE * (2 + len(code)) for *_, code in panels]
    image = Image.new("RGB", (WIDTH, TOP + sum(heights) + MARGIN), PALETTE["ground"])
    draw = ImageDraw.Draw(image)
    done = verdict is not None and verdict.passes
    draw.text((MARGIN, 12), _plain(header(program, verdict, turn, turns)),
              fill=PALETTE["right" if done else "ink"])
    if verdict is not None:
        ok, tests = verdict.tests
        for k in range(tests):
            x = MARGIN + k * 12
            draw.rectangle((x, 30, x + 8, 36), fill=PALETTE["right" if k < ok else "wrong"])
    y = TOP
    for (i, signature, said, code), height in zip(panels, heights, strict=True):
        colour = {True: "right", False: "wrong", None: "waiting"}[right(verdict, i)]
        draw.rectangle((MARGIN, y, WIDTH - MARGIN, y + height - 6),
                       fill=PALETTE["panel"], outline=PALETTE["edge"])
        draw.rectangle((MARGIN, y, MARGIN + 4, y + height - 6), fill=PALETTE[colour])
        draw.text((MARGIN + 12, y + 3), _plain(f"coder {i + 1}  {signature}"), fill=PALETTE["dim"])
        for k, line in enumerate(code):
            draw.text((MARGIN + 12, y + 3 + LINE * (k + 1)), _plain(line), fill=PALETTE["ink"])
        draw.text((MARGIN + 12, y + 3 + LINE * (len(code) + 1)), _plain(said),
                  fill=PALETTE[colour])
        y += height
    return np.asarray(image, dtype=np.uint8)


def _plain(line: str) -> str:
    """What Pillow's built-in font has, cut to the picture's width."""
    line = line.expandtabs(4).encode("latin-1", "replace").decode("latin-1")
    return line if len(line) <= COLUMNS else line[: COLUMNS - 3] + "..."
