"""The cells of the map: one option of ``credit_v0`` at a time moved away from a centre, and the
corners where two or three are moved at once.

The order is that of the runs: what tells most comes first, so that whatever has been run when
time is up is a map of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CENTRE = {"turns": 8, "reward": "sparse", "sees": "own", "luck": 0.0, "noise": 0.0, "team": "mean"}
"""Options of the centre, which has three agents."""


GAE_LAMBDA = 0.8
"""Lambda of all learners but Monte-Carlo, unless a cell says otherwise."""
CORE = ("mc", "dc", "cc")
"""Without these a cell is not shown."""
TUNED = (*CORE, "hier", "dc oracle", "cc oracle")
"""Those whose mean chose the learning rate of all."""
LEARNERS = (*TUNED, "hier oracle")
"""What is run in a cell, unless the cell says otherwise; ``learn.py`` says what each is."""


@dataclass(frozen=True)
class Cell:
    """A setting of ``credit_v0`` and of lambda.

    Attributes:
        number: seeds the draws of ``exact.py``, whatever the order of the cells.
        name: of its row.
        changed: options of the environment that differ from the centre's.
        gae_lambda: of the learners that have one.
        learners: that are run.
        plain: the cell whose Monte-Carlo runs serve this one, too; None: it has its own.
    """

    number: int
    name: str
    agents: int = 3
    changed: dict[str, Any] = field(default_factory=dict)
    gae_lambda: float = GAE_LAMBDA
    learners: tuple[str, ...] = LEARNERS
    plain: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """All options of the environment but ``agents``."""
        return CENTRE | self.changed


CELLS = (
    Cell(0, "centre"),
    Cell(3, "dense", changed={"reward": "dense"}),
    Cell(2, "luck 3", changed={"luck": 3.0}),
    Cell(1, "turns 32", changed={"turns": 32}),
    Cell(4, "agents 8", agents=8),
    Cell(14, "turns 32, lambda 0.95", changed={"turns": 32}, gae_lambda=0.95,
         learners=("dc", "cc"), plain="turns 32"),
    Cell(15, "agents 8, lambda 0.5", agents=8, gae_lambda=0.5, plain="agents 8",
         learners=("dc", "cc", "hier", "cc oracle", "hier oracle")),
    Cell(13, "team all", changed={"team": "all"}),
    Cell(5, "turns 4", changed={"turns": 4}),
    Cell(6, "luck 1", changed={"luck": 1.0}),
    Cell(12, "noise 0.3", changed={"noise": 0.3}),
    Cell(11, "delayed 4", changed={"reward": "delayed", "delay": 4}),
    Cell(7, "agents 2", agents=2),
    Cell(9, "sees all", changed={"sees": "all"}),
    Cell(10, "sees none", changed={"sees": "none"}),
    Cell(8, "turns 16", changed={"turns": 16}),
    Cell(16, "turns 32, dense", changed={"turns": 32, "reward": "dense"}),
    Cell(17, "agents 8, dense", agents=8, changed={"reward": "dense"}),
    Cell(18, "agents 8, turns 32", agents=8, changed={"turns": 32}, learners=(*CORE, "hier")),
    Cell(20, "agents 8, luck 1", agents=8, changed={"luck": 1.0}),
    Cell(21, "turns 32, luck 1", changed={"turns": 32, "luck": 1.0}),
    Cell(22, "agents 8, sees none", agents=8, changed={"sees": "none"}),
    Cell(23, "turns 32, sees none", changed={"turns": 32, "sees": "none"}),
    Cell(19, "agents 8, turns 32, dense", agents=8, changed={"turns": 32, "reward": "dense"},
         learners=(*CORE, "hier")),
)
"""In the order of the runs: first those of the tests that ``analysis.py`` names."""
TESTED = CELLS[:5]

ROWS = (
    "turns 4", "centre", "turns 16", "turns 32", "turns 32, lambda 0.95", "dense", "delayed 4",
    "agents 2", "agents 8", "agents 8, lambda 0.5", "luck 1", "luck 3", "noise 0.3", "sees none",
    "sees all", "team all",
    "turns 32, dense", "agents 8, dense", "agents 8, turns 32", "agents 8, turns 32, dense",
    "turns 32, luck 1", "agents 8, luck 1", "turns 32, sees none", "agents 8, sees none",
)
"""In the order of the page: along each axis, then the corners."""


def cell(name: str) -> Cell:
    """The cell of a name."""
    return next(own for own in CELLS if own.name == name)


def frozen() -> list[Cell]:
    """The cells that differ at a frozen policy: all that are not another one's with another
    lambda."""
    return [own for own in CELLS if own.plain is None]
