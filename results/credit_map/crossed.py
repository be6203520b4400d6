"""Settings moved together: whether what one of them does holds where another is moved, too."""

from __future__ import annotations

from analysis import Map
from claims import bold

CORNERS = (
    ("turns 8, sparse", "centre", "agents 8"),
    ("turns 8, dense", "dense", "agents 8, dense"),
    ("turns 32, sparse", "turns 32", "agents 8, turns 32"),
    ("turns 32, dense", "turns 32, dense", "agents 8, turns 32, dense"),
    ("turns 8, sparse, luck 1", "luck 1", "agents 8, luck 1"),
    ("turns 32, sparse, luck 1", "turns 32, luck 1", None),
    ("turns 8, sparse, sees none", "sees none", "agents 8, sees none"),
    ("turns 32, sparse, sees none", "turns 32, sees none", None),
)
"""What a row has, and its cells with three and with eight agents; None: there is none."""
PAIRS = (("cc", "mc"), ("dc", "mc"), ("cc", "dc"))


def crossed_table(own: Map) -> list[str]:
    """Ratios of episodes at the corners, three agents beside eight."""
    heads = [f"`{ours}` / `{theirs}`, {n} agents" for n in (3, 8) for ours, theirs in PAIRS]
    lines = [
        "## Settings moved together", "",
        "The same ratios where turns, reward, agents, luck and what is seen are moved at once; "
        "bold where the interval excludes 1. Nothing is corrected for their number.", "",
        "| setting | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads),
    ]
    for title, *cells in CORNERS:
        ratios = [
            own.ratio(name, *pair) if name else None for name in cells for pair in PAIRS
        ]
        lines.append(f"| {title} | " + " | ".join(map(bold, ratios)) + " |")
    return lines
