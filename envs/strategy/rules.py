"""The rules of the siege: pure functions over a plain state, nothing about text or agents.

A day: every commander gives one order, all at once. Orders are resolved in the order
send, train, march and scout, strike; at night the enemy's reserves ride, and supply arrives.
All randomness comes from the generator that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

ORDERS = ("march", "scout", "train", "strike", "hold", "send")
MARCH, SCOUT, TRAIN, STRIKE, HOLD, SEND = ORDERS

ARMY_CAP = 6
"""Most troops a front can feed."""
SUPPLY_CAP = 20
"""Most wagons the shared pool can hold."""
AMBUSH_LOSS = 2
"""Troops lost by marching into an ambush that was not scouted."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What calibration decides for a level and a number of fronts.

    Attributes:
        turns: days in an episode.
        road: (least, most) cells before a fort's gate.
        ambushes: (least, most) ambushes on a road.
        army: (least, most) troops at the start.
        garrison: (least, most) troops that a fort takes to be struck with effect.
        walls: wall segments of every fort.
        thick: how many forts have one segment more.
        supply: (least, most) wagons in the shared pool at the start.
        income: wagons that arrive in ten days.
        reserves: enemy reserves.
        breach: whether a fort's last wall falls only to strikes that coincide.
    """

    turns: int
    road: tuple[int, int]
    ambushes: tuple[int, int]
    army: tuple[int, int]
    garrison: tuple[int, int]
    walls: int
    thick: int
    supply: tuple[int, int]
    income: int
    reserves: int
    breach: bool


@dataclass(slots=True)
class Front:
    """One commander's front."""

    road: list[bool]
    """Cells still ahead, nearest first; True where an ambush lies. Empty: at the gate."""
    army: int
    garrison: int
    wall: int
    """Wall segments left; 0: the fort has fallen."""
    scouted: bool = False
    """Whether a scout has seen the fort."""
    result: str = "start"
    """One word for what came of the last order (see :data:`RESULTS`)."""
    length: int = 0
    """Cells of the road at the start."""
    height: int = 0
    """Wall segments at the start."""
    need: int = 0
    """Steps that were left at the start (see :meth:`remaining`)."""

    def __post_init__(self):
        self.length, self.height = len(self.road), self.wall
        self.need = max(1, self.remaining())

    @property
    def fallen(self) -> bool:
        return self.wall == 0

    def remaining(self) -> int:
        """Steps that are left: cells, wall segments, and troops that are short."""
        if self.wall == 0:
            return 0
        return len(self.road) + self.wall + max(0, self.garrison - self.army)


RESULTS = {
    "start": "The campaign begins.",
    "marched": "Your army marched one cell on.",
    "ambushed": "Your army marched into an ambush, lost troops and was thrown back.",
    "stuck": "There was nowhere left to march: your army stands at the gate.",
    "scouted": "Your scouts came back: an ambush ahead, if any, is cleared, the fort was seen.",
    "trained": "You trained one more troop.",
    "empty": "No wagon of supply was left for you: you trained nobody.",
    "full": "Your army is as large as it can be: you trained nobody.",
    "hit": "Your strike broke one wall segment.",
    "repelled": "Your strike was repelled and cost one troop.",
    "alone": "The last wall held, because no other front struck with you.",
    "feint": "Your feint showed the enemy banners at the fallen fort.",
    "far": "You are too far from the fort to strike.",
    "held": "Your army rested.",
    "sent": "You sent one troop back as supply.",
    "none": "You have no troops to send.",
    "invalid": "Your order was not understood, and the day was lost.",
}
"""Every word that a front's ``result`` can be, in plain English."""


@dataclass(slots=True)
class State:
    """Everything about a campaign. ``reserves[k]`` is the front where reserve k stands."""

    fronts: list[Front]
    supply: int
    reserves: list[int]
    turns: int
    income: int
    breach: bool
    day: int = 0
    struck: list[int] = field(default_factory=list)
    """Fronts that struck (or feinted) on the last day."""

    @property
    def won(self) -> bool:
        return all(front.wall == 0 for front in self.fronts)

    @property
    def over(self) -> bool:
        return self.day >= self.turns or self.won

    def progress(self) -> float:
        """Mean over fronts of the share of steps done; 0 at the start, 1 when all fell."""
        done = sum(1.0 - front.remaining() / front.need for front in self.fronts)
        return done / len(self.fronts)

    def fallen(self) -> int:
        return sum(front.wall == 0 for front in self.fronts)


def play_day(state: State, orders: list[str | None], rng: Random) -> None:
    """Resolve one day in place.

    Args:
        state: the campaign before the day.
        orders: one of :data:`ORDERS` per front; None is an order not understood: nothing
            happens on that front.
        rng: draws who is served when supply is short, and where the reserves ride.
    """
    strikers: list[int] = []
    trainers: list[int] = []
    for i, (front, order) in enumerate(zip(state.fronts, orders, strict=True)):
        if order == MARCH:
            front.result = _march(front)
        elif order == TRAIN:
            trainers.append(i)
        elif order == STRIKE:
            if front.road:
                front.result = "far"
            else:
                strikers.append(i)
        elif order == SCOUT:
            front.scouted = True
            if front.road:
                front.road[0] = False
            front.result = "scouted"
        elif order == HOLD:
            front.result = "held"
        elif order == SEND:
            front.result = _send(state, front)
        else:
            front.result = "invalid"
    if trainers:
        _train(state, trainers, rng)
    if strikers:
        _strike(state, strikers)
        _ride(state, strikers, rng)
    state.struck = strikers
    state.day += 1
    arrived = state.day * state.income // 10 - (state.day - 1) * state.income // 10
    state.supply = min(SUPPLY_CAP, state.supply + arrived)


def _march(front: Front) -> str:
    if not front.road:
        return "stuck"
    if front.road[0]:
        front.road[0] = False
        front.army = max(0, front.army - AMBUSH_LOSS)
        return "ambushed"
    front.road.pop(0)
    return "marched"


def _send(state: State, front: Front) -> str:
    if front.army == 0:
        return "none"
    front.army -= 1
    state.supply = min(SUPPLY_CAP, state.supply + 1)
    return "sent"


def _train(state: State, trainers: list[int], rng: Random) -> None:
    """One wagon makes one troop; when the pool is short, lots are drawn."""
    if len(trainers) > state.supply:
        rng.shuffle(trainers)
    for i in trainers:
        front = state.fronts[i]
        if front.army >= ARMY_CAP:
            front.result = "full"
        elif state.supply == 0:
            front.result = "empty"
        else:
            front.army += 1
            state.supply -= 1
            front.result = "trained"


def _strike(state: State, strikers: list[int]) -> None:
    standing = len(state.fronts) - state.fallen()
    support = set(strikers) | set(state.struck)
    for i in strikers:
        front = state.fronts[i]
        if front.wall == 0:
            front.result = "feint"
        elif front.army < front.garrison or i in state.reserves:
            front.army = max(0, front.army - 1)
            front.result = "repelled"
        elif state.breach and front.wall == 1 and standing > 1 and not support - {i}:
            front.result = "alone"
        else:
            front.wall -= 1
            front.result = "hit"


def _ride(state: State, strikers: list[int], rng: Random) -> None:
    """Reserves ride to fronts that struck, drawn by lot, at most one to each; others stay."""
    count = min(len(state.reserves), len(strikers))
    goals = rng.sample(strikers, count) if len(strikers) > count else list(strikers)
    free = [k for k, at in enumerate(state.reserves) if at not in goals]
    # Reserves that nobody struck today ride first: a threatened fort keeps its guard.
    free.sort(key=lambda k: state.reserves[k] in strikers)
    goals = [goal for goal in goals if goal not in state.reserves]
    for k, goal in zip(free, goals, strict=False):
        state.reserves[k] = goal
