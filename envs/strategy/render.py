"""Pictures of a campaign: lanes as text (``ansi``, ``human``), pixels (``rgb_array``) or data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colllm_bench.envs.strategy.rules import Front, State

if TYPE_CHECKING:
    import numpy as np

WIDTH, TOP, LANE, CELL = 640, 56, 44, 26
"""Pixels: width of the picture, height of the header and of a lane, width of a cell."""

PALETTE = {
    "ground": (238, 231, 214),
    "lane": (226, 216, 193),
    "cell": (205, 190, 158),
    "ambush": (150, 62, 52),
    "army": (38, 84, 124),
    "wall": (96, 92, 88),
    "rubble": (190, 182, 172),
    "garrison": (150, 62, 52),
    "reserve": (192, 57, 43),
    "flag": (46, 125, 50),
    "supply": (181, 137, 48),
    "ink": (44, 40, 36),
}


def ansi(state: State, orders: list[str | None] | None = None) -> str:
    """The campaign as text: a header and a lane a front.

    A lane reads from left to right: the army ``A3`` and the road still ahead (``.`` a cell,
    ``x`` an ambush), the gate, the fort with its walls ``#`` and its garrison ``g3``; ``R`` marks
    an enemy reserve and ``*`` a fallen fort.

    Args:
        state: the campaign.
        orders: what each commander ordered on the last day, if there was one.
    """
    longest = max(front.length for front in state.fronts)
    walls = max(front.height for front in state.fronts)
    lines = [
        f"Siege under fog   day {state.day} of {state.turns}   "
        f"supply {state.supply} {'o' * state.supply}   "
        f"forts {state.fallen()} of {len(state.fronts)}",
    ]
    for i, front in enumerate(state.fronts):
        done = front.length - len(front.road)
        ahead = "".join("x" if cell else "." for cell in front.road)
        road = ("-" * done + f"A{front.army}" + ahead).ljust(longest + 2)
        fort = "*" * walls if front.fallen else ("#" * front.wall).ljust(walls, "_")
        guard = "R" * (i in state.reserves) or " "
        order = f"{orders[i] or '?':<6} " if orders else ""
        lines.append(
            f"front {i + 1:>2}  {road} | [{fort}] g{front.garrison} {guard}  {order}{front.result}"
        )
    return "\n".join(lines)


def frame(state: State, orders: list[str | None] | None = None) -> dict[str, Any]:
    """The campaign as data, from which a viewer draws its map (kind ``siege``).

    Args:
        state: the campaign.
        orders: what each commander ordered on the last day, if there was one; None among them
            is an order that was not understood.

    Returns:
        ``day`` of ``days``, ``supply`` (wagons), ``income`` (wagons in ten days), ``breach``,
        ``won``, ``over``, ``text`` (:func:`ansi`), and ``fronts``, each with ``road`` (cells
        ahead, nearest first; True: an ambush) of ``length``, ``army``, ``garrison``, ``wall`` of
        ``height`` segments, ``scouted`` (whether its commander knows the fort), ``reserve``
        (whether an enemy reserve stands there), ``order`` and ``result``.
    """
    return {
        "kind": "siege",
        "day": state.day,
        "days": state.turns,
        "supply": state.supply,
        "income": state.income,
        "breach": state.breach,
        "won": state.won,
        "over": state.over,
        "fronts": [
            {
                "road": list(front.road),
                "length": front.length,
                "army": front.army,
                "garrison": front.garrison,
                "wall": front.wall,
                "height": front.height,
                "scouted": front.scouted,
                "reserve": i in state.reserves,
                "order": orders[i] if orders else None,
                "result": front.result,
            }
            for i, front in enumerate(state.fronts)
        ],
        "text": ansi(state, orders),
    }


def rgb_array(state: State, orders: list[str | None] | None = None) -> np.ndarray:
    """The campaign as a picture: uint8 [height, 640, 3]; Pillow is imported here."""
    import numpy as np
    from PIL import Image, ImageDraw

    height = TOP + LANE * len(state.fronts) + 12
    image = Image.new("RGB", (WIDTH, height), PALETTE["ground"])
    draw = ImageDraw.Draw(image)
    _header(draw, state)
    for i, front in enumerate(state.fronts):
        _lane(draw, TOP + i * LANE, i, front, i in state.reserves, orders)
    return np.asarray(image, dtype=np.uint8)


def _header(draw, state: State) -> None:
    ink = PALETTE["ink"]
    draw.text((16, 10), f"SIEGE UNDER FOG   day {state.day} of {state.turns}", fill=ink)
    share = state.day / state.turns
    draw.rectangle((16, 30, 216, 40), outline=ink)
    draw.rectangle((16, 30, 16 + int(200 * share), 40), fill=ink)
    draw.text((240, 10), f"supply {state.supply}", fill=ink)
    for k in range(state.supply):
        x = 240 + k * 11
        draw.rectangle((x, 30, x + 8, 40), fill=PALETTE["supply"], outline=ink)
    draw.text((500, 10), f"forts {state.fallen()} of {len(state.fronts)}", fill=ink)
    if state.won:
        draw.text((500, 28), "VICTORY", fill=PALETTE["flag"])
    elif state.over:
        draw.text((500, 28), "DEFEAT", fill=PALETTE["reserve"])


def _lane(draw, y: int, i: int, front: Front, guarded: bool, orders) -> None:
    ink = PALETTE["ink"]
    draw.rectangle((8, y, WIDTH - 8, y + LANE - 6), fill=PALETTE["lane"])
    draw.text((16, y + 12), f"{i + 1}", fill=ink)
    x0, cells = 44, front.length
    done = cells - len(front.road)
    for k in range(cells):
        x = x0 + (k + 1) * CELL
        draw.rectangle((x + 2, y + 14, x + CELL - 2, y + 26), fill=PALETTE["cell"])
        if k >= done and front.road[k - done]:
            draw.polygon(
                [(x + 7, y + 24), (x + 13, y + 15), (x + 19, y + 24)], fill=PALETTE["ambush"]
            )
    _army(draw, x0 + done * CELL, y, front.army)
    _fort(draw, x0 + (cells + 1) * CELL + 14, y, front, guarded)
    order = f"{orders[i] or '?'}: " if orders else ""
    draw.text((WIDTH - 190, y + 12), order + front.result, fill=ink)


def _army(draw, x: int, y: int, army: int) -> None:
    """A banner with the number of troops."""
    draw.line((x + 4, y + 4, x + 4, y + 34), fill=PALETTE["ink"], width=2)
    draw.rectangle((x + 5, y + 5, x + 24, y + 20), fill=PALETTE["army"])
    draw.text((x + 12, y + 7), str(army), fill=(255, 255, 255))


def _fort(draw, x: int, y: int, front: Front, guarded: bool) -> None:
    """Wall segments (standing or rubble), then garrison or our flag, then the reserve."""
    ink = PALETTE["ink"]
    for k in range(front.height):
        left = x + k * 16
        if k < front.wall:
            draw.rectangle((left, y + 6, left + 12, y + 34), fill=PALETTE["wall"], outline=ink)
        else:
            draw.rectangle((left, y + 28, left + 12, y + 34), fill=PALETTE["rubble"])
    x += front.height * 16 + 6
    draw.rectangle((x, y + 14, x + 30, y + 34), fill=PALETTE["cell"], outline=ink)
    if front.fallen:
        draw.line((x + 15, y + 2, x + 15, y + 14), fill=ink, width=2)
        draw.polygon([(x + 16, y + 2), (x + 30, y + 6), (x + 16, y + 10)], fill=PALETTE["flag"])
    else:
        draw.text((x + 12, y + 18), str(front.garrison), fill=PALETTE["garrison"])
    if guarded:
        draw.ellipse((x + 40, y + 10, x + 62, y + 32), fill=PALETTE["reserve"], outline=ink)
        draw.text((x + 48, y + 15), "R", fill=(255, 255, 255))
