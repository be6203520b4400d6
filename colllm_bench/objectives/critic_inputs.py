"""What a critic sees: from episodes to the histories it reads.

``LOCAL`` gives every agent's critic that agent's own history (CoLLM-DC); ``JOINT`` gives one
critic everybody's observations and actions (CoLLM-CC). A view of your own is a
:class:`View` around a function ``(episodes) -> list[History]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from colllm_bench.objectives.batches import ValueBatch, pad
from colllm_bench.types import Episode, Trajectory, Turn


@dataclass(slots=True)
class Read:
    """A place in a history where the critic's value is read."""

    column: int
    """Position of the token; all later tokens are invisible to it (causal attention)."""
    turns: list[Turn] = field(default_factory=list)
    """The turns whose V(h_t) this is."""
    finals: list[Trajectory] = field(default_factory=list)
    """The truncated transcripts whose bootstrap value this is."""


@dataclass(slots=True)
class History:
    """One row of tokens that a critic reads."""

    critic: int
    """Which critic: 0 for a centralized one, the agent's index for decentralized ones."""
    ids: list[int]
    reads: list[Read]


@dataclass(frozen=True)
class View:
    """What an algorithm's critics see.

    Attributes:
        histories: episodes to rows of tokens; rows of one critic contiguous, and as many for
            each critic.
        critics: number of agents to number of critics.
    """

    histories: Callable[[Sequence[Episode]], list[History]]
    critics: Callable[[int], int]


def local(episodes: Sequence[Episode]) -> list[History]:
    """h_i: each agent's own observations and actions, read before each of its actions."""
    histories = []
    for a in range(len(episodes[0].trajectories)):
        for episode in episodes:
            histories.append(_history([episode.trajectories[a]], critic=a))
    return histories


def joint(episodes: Sequence[Episode]) -> list[History]:
    """h: turn by turn all agents' observations, then all agents' actions; read once a turn,
    after the last observation and before the first action."""
    return [_history(episode.trajectories, critic=0) for episode in episodes]


LOCAL = View(local, critics=lambda agents: agents)
JOINT = View(joint, critics=lambda agents: 1)


def _history(trajectories: Sequence[Trajectory], critic: int) -> History:
    ids: list[int] = []
    reads: list[Read] = []
    for t in range(max(len(trajectory.turns) for trajectory in trajectories)):
        present = [x.turns[t] for x in trajectories if t < len(x.turns)]
        for turn in present:
            ids += turn.prompt_ids
        reads.append(Read(column=len(ids) - 1, turns=present))
        for turn in present:
            ids += turn.action_ids
    cut = [trajectory for trajectory in trajectories if trajectory.final_prompt_ids]
    if cut:
        for trajectory in cut:
            ids += trajectory.final_prompt_ids
        reads.append(Read(column=len(ids) - 1, finals=cut))
    # Nothing is read after the last observation: its actions would only cost compute.
    return History(critic, ids[: reads[-1].column + 1], reads)


def within_context(histories: Sequence[History], context: int | None) -> list[History]:
    """Histories that a model of ``context`` positions can read, in the same order of reads.

    A longer history is cut into windows: each goes on where the one before ends, and begins
    half a context before its first read, so that a value depends on half a context at least.
    """
    fitting = []
    for history in histories:
        if context is None or len(history.ids) <= context:
            fitting.append(history)
        else:
            fitting += _windows(history, context)
    return fitting


def _windows(history: History, context: int) -> list[History]:
    windows, reads = [], list(history.reads)
    while reads:
        first = reads[0].column
        start = 0 if first < context else first - context // 2
        count = sum(read.column < start + context for read in reads)
        ids = history.ids[start : reads[count - 1].column + 1]
        moved = [Read(r.column - start, r.turns, r.finals) for r in reads[:count]]
        windows.append(History(history.critic, ids, moved))
        reads = reads[count:]
    return windows


def collate(histories: Sequence[History], pad_id: int, device="cpu") -> ValueBatch:
    """Histories as one right-padded batch; values come back in the order of the reads."""
    ids, mask = pad([history.ids for history in histories], pad_id, device)
    places = [(row, read.column) for row, h in enumerate(histories) for read in h.reads]
    row, column = torch.tensor(places, dtype=torch.long, device=device).reshape(-1, 2).unbind(1)
    slot = torch.tensor([history.critic for history in histories], device=device)
    return ValueBatch(ids=ids, mask=mask, row=row, column=column, slot=slot)
