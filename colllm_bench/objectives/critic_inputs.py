"""What a critic reads: from an episode to rows of tokens, and to the places of its values.

A critic sees *cells*: a cell is one agent's turn, its observation and (afterwards) its action.
A value names the cells whose observation it has read and those whose action of the same turn
it has read as well; what an agent did before follows from its cells' order. ``LOCAL`` gives
every agent's critic that agent's own history (CoLLM-DC), ``JOINT`` gives one critic everybody's
observations and actions in one row (CoLLM-CC), ``APART`` gives one critic a row per agent. An
input of your own is a :class:`CriticInput` around a function ``(episode) -> CriticReading``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from colllm_bench.types import Episode, Trajectory, Turn, written


@dataclass(slots=True)
class Span:
    """Tokens ``[start, stop)`` of a row."""

    row: int
    start: int
    stop: int


@dataclass(slots=True)
class CriticCell:
    """One agent's turn, where a critic reads it."""

    agent: int
    observed: Span
    acted: Span | None = None
    """None: nothing reads the action (the last turn's, where no value follows it)."""
    before: int | None = None
    """The same agent's cell one turn earlier; None at its first."""


@dataclass(slots=True)
class ValuePosition:
    """A value V: whose it is, and what it has read."""

    critic: int
    """Whose head gives the value: 0 for a centralized one, else the agent's index."""
    observed: list[int]
    """Cells of this turn whose observation is read, with the turns before them."""
    acted: list[int] = field(default_factory=list)
    """Those of them whose action is read as well."""
    turns: list[Turn] = field(default_factory=list)
    """The turns whose ``value`` this is."""
    also: list[Turn] = field(default_factory=list)
    """The turns to whose ``values`` it is appended, in the order of positions."""
    finals: list[Trajectory] = field(default_factory=list)
    """The truncated transcripts whose bootstrap value this is."""

    @property
    def target(self) -> Turn | None:
        """The turn whose ``return_`` (of a value in ``values``: whose ``returns``, if it has any)
        the value is regressed on; None for a bootstrap value."""
        return next(iter([*self.turns, *self.also]), None)


def targets_of(positions: Sequence[ValuePosition]) -> list[float]:
    """What values are regressed on: a turn's ``return_``; of those in its ``values`` the
    ``returns`` at the same place, where the algorithm has written any.

    Args:
        positions: in the order of their readings; none of a bootstrap value.
    """
    found, seen = [], Counter[int]()
    for position in positions:
        turn = written(position.target)
        target = turn.return_
        if not position.turns and turn.returns is not None:
            target = turn.returns[seen[id(turn)]]
        seen.update(map(id, position.also))
        found.append(written(target))
    return found


@dataclass(slots=True)
class CriticRow:
    """A row of tokens."""

    critic: int
    """Which critic's transformer reads it."""
    ids: list[int]


@dataclass(slots=True)
class CriticReading:
    """All that the critics read of one episode. Cells stand in the order of their turns."""

    rows: list[CriticRow]
    cells: list[CriticCell]
    positions: list[ValuePosition]


@dataclass(frozen=True)
class CriticInput:
    """What an algorithm's critics see.

    Attributes:
        read: an episode to its :class:`CriticReading`.
        critics: number of agents to number of critics.
    """

    read: Callable[[Episode], CriticReading]
    critics: Callable[[int], int]


class RowWriter:
    """Writes turns into rows and keeps count of where they lie.

    Args:
        critics: the critic of each row.
    """

    def __init__(self, critics: Sequence[int]):
        self.reading = CriticReading([CriticRow(critic, []) for critic in critics], [], [])
        self._last: dict[int, int] = {}  # of each agent: its latest cell

    def observe(self, row: int, agent: int, ids: Sequence[int]) -> int:
        """Append an observation; its cell."""
        tokens = self.reading.rows[row].ids
        span = Span(row, len(tokens), len(tokens) + len(ids))
        tokens += ids
        self.reading.cells.append(CriticCell(agent, span, before=self._last.get(agent)))
        self._last[agent] = len(self.reading.cells) - 1
        return self._last[agent]

    def act(self, cell: int, ids: Sequence[int]) -> None:
        """Append the cell's action to its row."""
        here = self.reading.cells[cell]
        tokens = self.reading.rows[here.observed.row].ids
        here.acted = Span(here.observed.row, len(tokens), len(tokens) + len(ids))
        tokens += ids

    def finish(self) -> CriticReading:
        """The reading, without the tokens at the end that no value depends on."""
        cells = self.reading.cells
        used = {c for position in self.reading.positions for c in position.acted}
        used |= {cell.before for cell in cells if cell.before is not None}
        ends = [0] * len(self.reading.rows)
        for c, cell in enumerate(cells):
            if c not in used:
                cell.acted = None
            for span in (cell.observed, cell.acted):
                if span is not None:
                    ends[span.row] = max(ends[span.row], span.stop)
        for row, end in zip(self.reading.rows, ends, strict=True):
            del row.ids[end:]
        return self.reading


def local(episode: Episode) -> CriticReading:
    """h_i: each agent's own observations and actions, a row and a value for each agent."""
    writer = RowWriter(range(len(episode.trajectories)))
    for trajectory in episode.trajectories:
        i = trajectory.index
        for turn in trajectory.turns:
            cell = writer.observe(i, i, turn.prompt_ids)
            writer.reading.positions.append(ValuePosition(i, [cell], turns=[turn]))
            writer.act(cell, turn.action_ids)
        if trajectory.final_prompt_ids:
            cell = writer.observe(i, i, trajectory.final_prompt_ids)
            writer.reading.positions.append(ValuePosition(i, [cell], finals=[trajectory]))
    return writer.finish()


def joint(episode: Episode) -> CriticReading:
    """h: one row, turn by turn all agents' observations, then all agents' actions; a value per
    turn, after the last observation and before the first action."""
    return centralized(episode, row_of=lambda index: 0)


def apart(episode: Episode) -> CriticReading:
    """h, a row for each agent: a value per turn from all rows together. Rows have an agent's
    length, whatever the size of the team."""
    return centralized(episode, row_of=lambda index: index)


MoreValues = Callable[[dict[int, int], dict[int, Turn]], list[ValuePosition]]
"""Further values of a turn, from the agents' cells and their turns, both in the order in which
the actions were written."""


def centralized(
    episode: Episode,
    row_of: Callable[[int], int],
    *,
    order: Callable[[int, list[int]], Sequence[int]] | None = None,
    more: MoreValues | None = None,
) -> CriticReading:
    """One critic for the team: V(h) of each turn, and what ``more`` adds to it.

    Args:
        row_of: an agent's index to the row that its tokens stand in.
        order: a turn's number and the agents present to the order in which their actions are
            written; None: as they come.
        more: called for each turn.
    """
    trajectories = episode.trajectories
    writer = RowWriter([0] * (1 + max(row_of(x.index) for x in trajectories)))
    positions = writer.reading.positions
    for t in range(max(len(x.turns) for x in trajectories)):
        turns = {x.index: x.turns[t] for x in trajectories if t < len(x.turns)}
        cells = {i: writer.observe(row_of(i), i, turn.prompt_ids) for i, turn in turns.items()}
        positions.append(ValuePosition(0, list(cells.values()), turns=list(turns.values())))
        written = list(order(t, list(turns)) if order else turns)
        for i in written:
            writer.act(cells[i], turns[i].action_ids)
        if more is not None:
            positions += more({i: cells[i] for i in written}, {i: turns[i] for i in written})
    cut = [x for x in trajectories if x.final_prompt_ids]
    if cut:
        last = [writer.observe(row_of(x.index), x.index, x.final_prompt_ids) for x in cut]
        positions.append(ValuePosition(0, last, finals=cut))
    return writer.finish()


LOCAL = CriticInput(local, critics=lambda agents: agents)
JOINT = CriticInput(joint, critics=lambda agents: 1)
APART = CriticInput(apart, critics=lambda agents: 1)


def within_context(reading: CriticReading, context: int | None) -> CriticReading:
    """A reading whose rows a model of ``context`` tokens can read; positions stay as they are.

    A longer row is cut into windows: each begins half a context before the first span that did
    not fit into the one before, so that a value depends on half a context at least (of a longer
    span its last tokens are read).
    """
    if context is None or all(len(row.ids) <= context for row in reading.rows):
        return reading
    spans: list[list[Span]] = [[] for _ in reading.rows]
    cells = [
        CriticCell(c.agent, _copy(c.observed), c.acted and _copy(c.acted), c.before)
        for c in reading.cells
    ]
    for cell in cells:
        spans[cell.observed.row].append(cell.observed)
        if cell.acted is not None:
            spans[cell.acted.row].append(cell.acted)
    rows: list[CriticRow] = []
    for row, own in zip(reading.rows, spans, strict=True):
        rows += _windows(row, sorted(own, key=lambda span: span.stop), context, len(rows))
    return CriticReading(rows, cells, reading.positions)


def _copy(span: Span) -> Span:
    return Span(span.row, span.start, span.stop)


def _windows(row: CriticRow, spans: list[Span], context: int, first: int) -> list[CriticRow]:
    """Windows of a row, numbered from ``first``; ``spans`` are moved into them."""
    starts = [0]
    for span in spans:
        if span.stop - starts[-1] > context:
            starts.append(max(span.stop - context, span.start - context // 2))
        span.row = first + len(starts) - 1
        span.stop -= starts[-1]
        span.start = max(0, span.start - starts[-1])
    ids = row.ids
    return [CriticRow(row.critic, ids[s : s + context]) for s in starts]
