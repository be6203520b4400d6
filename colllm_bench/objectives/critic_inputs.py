"""What a critic positions: from episodes to rows of tokens.

``LOCAL`` gives every agent's critic that agent's own history (CoLLM-DC); ``JOINT`` gives one
critic everybody's observations and actions (CoLLM-CC). An input of your own is a
:class:`CriticInput` around a function ``(episodes) -> list[CriticSequence]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from colllm_bench.objectives.batches import ValueBatch, pad
from colllm_bench.types import Episode, Trajectory, Turn


@dataclass(slots=True)
class ValuePosition:
    """A place in a sequence where the critic's value is read."""

    column: int
    """Position of the token; all later tokens are invisible to it (causal attention)."""
    turns: list[Turn] = field(default_factory=list)
    """The turns whose V(h_t) this is."""
    finals: list[Trajectory] = field(default_factory=list)
    """The truncated transcripts whose bootstrap value this is."""


@dataclass(slots=True)
class CriticSequence:
    """One row of tokens that a critic positions."""

    critic: int
    """Which critic: 0 for a centralized one, the agent's index for decentralized ones."""
    ids: list[int]
    positions: list[ValuePosition]


@dataclass(frozen=True)
class CriticInput:
    """What an algorithm's critics see.

    Attributes:
        sequences: episodes to rows of tokens; rows of one critic contiguous, and as many for
            each critic.
        critics: number of agents to number of critics.
    """

    sequences: Callable[[Sequence[Episode]], list[CriticSequence]]
    critics: Callable[[int], int]


def local(episodes: Sequence[Episode]) -> list[CriticSequence]:
    """h_i: each agent's own observations and actions, read before each of its actions."""
    sequences = []
    for a in range(len(episodes[0].trajectories)):
        for episode in episodes:
            sequences.append(_sequence([episode.trajectories[a]], critic=a))
    return sequences


def joint(episodes: Sequence[Episode]) -> list[CriticSequence]:
    """h: turn by turn all agents' observations, then all agents' actions; read once a turn,
    after the last observation and before the first action."""
    return [_sequence(episode.trajectories, critic=0) for episode in episodes]


LOCAL = CriticInput(local, critics=lambda agents: agents)
JOINT = CriticInput(joint, critics=lambda agents: 1)


def _sequence(trajectories: Sequence[Trajectory], critic: int) -> CriticSequence:
    ids: list[int] = []
    positions: list[ValuePosition] = []
    for t in range(max(len(trajectory.turns) for trajectory in trajectories)):
        present = [x.turns[t] for x in trajectories if t < len(x.turns)]
        for turn in present:
            ids += turn.prompt_ids
        positions.append(ValuePosition(column=len(ids) - 1, turns=present))
        for turn in present:
            ids += turn.action_ids
    cut = [trajectory for trajectory in trajectories if trajectory.final_prompt_ids]
    if cut:
        for trajectory in cut:
            ids += trajectory.final_prompt_ids
        positions.append(ValuePosition(column=len(ids) - 1, finals=cut))
    # Nothing is read after the last observation: its actions would only cost compute.
    return CriticSequence(critic, ids[: positions[-1].column + 1], positions)


def within_context(
    sequences: Sequence[CriticSequence], context: int | None
) -> list[CriticSequence]:
    """Sequences that a model of ``context`` tokens can read, in the same order of positions.

    A longer sequence is cut into windows: each goes on where the one before ends, and begins
    half a context before its first position, so that a value depends on half a context at least.
    """
    fitting = []
    for sequence in sequences:
        if context is None or len(sequence.ids) <= context:
            fitting.append(sequence)
        else:
            fitting += _windows(sequence, context)
    return fitting


def _windows(sequence: CriticSequence, context: int) -> list[CriticSequence]:
    windows, positions = [], list(sequence.positions)
    while positions:
        first = positions[0].column
        start = 0 if first < context else first - context // 2
        count = sum(position.column < start + context for position in positions)
        ids = sequence.ids[start : positions[count - 1].column + 1]
        moved = [ValuePosition(r.column - start, r.turns, r.finals) for r in positions[:count]]
        windows.append(CriticSequence(sequence.critic, ids, moved))
        positions = positions[count:]
    return windows


def collate(sequences: Sequence[CriticSequence], pad_id: int, device="cpu") -> ValueBatch:
    """Sequences as one right-padded batch; values come back in the order of their positions."""
    ids, mask = pad([sequence.ids for sequence in sequences], pad_id, device)
    places = [(row, position.column) for row, h in enumerate(sequences) for position in h.positions]
    row, column = torch.tensor(places, dtype=torch.long, device=device).reshape(-1, 2).unbind(1)
    slot = torch.tensor([sequence.critic for sequence in sequences], device=device)
    return ValueBatch(ids=ids, mask=mask, row=row, column=column, slot=slot)
