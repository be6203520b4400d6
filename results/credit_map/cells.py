"""The cells of the map: one option of ``credit_v0`` at a time moved away from a centre.

The order is that of the runs: what tells most comes first, so that whatever has been run when
time is up is a map of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CENTRE = {"turns": 8, "reward": "sparse", "sees": "own", "luck": 0.0, "noise": 0.0, "team": "mean"}
"""Options of the centre, which has three agents."""


@dataclass(frozen=True)
class Cell:
    """A setting of ``credit_v0``: its name, its agents, and how it differs from the centre."""

    name: str
    agents: int = 3
    changed: dict[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """All options of the environment but ``agents``."""
        return CENTRE | self.changed


CELLS = (
    Cell("centre"),
    Cell("turns 32", changed={"turns": 32}),
    Cell("luck 3", changed={"luck": 3.0}),
    Cell("dense", changed={"reward": "dense"}),
    Cell("agents 8", agents=8),
    Cell("turns 4", changed={"turns": 4}),
    Cell("luck 1", changed={"luck": 1.0}),
    Cell("agents 2", agents=2),
    Cell("turns 16", changed={"turns": 16}),
    Cell("sees all", changed={"sees": "all"}),
    Cell("sees none", changed={"sees": "none"}),
    Cell("delayed 4", changed={"reward": "delayed", "delay": 4}),
    Cell("noise 0.3", changed={"noise": 0.3}),
    Cell("team all", changed={"team": "all"}),
)

AXES = {
    "turns": ("turns 4", "centre", "turns 16", "turns 32"),
    "delay": ("dense", "delayed 4", "centre"),
    "agents": ("agents 2", "centre", "agents 8"),
    "luck": ("centre", "luck 1", "luck 3"),
    "sees": ("sees none", "centre", "sees all"),
    "noise": ("centre", "noise 0.3"),
    "team": ("centre", "team all"),
}
"""The cells along each axis of the map."""


def cell(name: str) -> Cell:
    """The cell of a name."""
    return next(own for own in CELLS if own.name == name)
