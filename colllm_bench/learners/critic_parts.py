"""A critic's batch in parts: what lies in memory at once, and what is put together only when it
is used. Kept hidden states are kept once, episode by episode."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from colllm_bench.models.critic import Critic
from colllm_bench.models.value_head import ValueHead, ValueTable
from colllm_bench.objectives.critic_inputs import CriticReading

Features = tuple[torch.Tensor, torch.Tensor]
"""Of cells: what was read of their observations and of their actions, [C, width] each."""

CPU_CELLS = 1_024
"""Cells whose values a CPU computes at once, an episode at least: more is no faster there and
takes memory."""


@dataclass
class Part:
    """A micro-batch of a critic's step.

    Attributes:
        readings: what is read of its episodes.
        kept: each episode's hidden states; None where the backbone learns, too.
        tables: of each critic.
        positions: [K] the positions that have a target, of all V.
        targets: [K].
        owner: [K] whose value it is.
    """

    readings: list[CriticReading]
    kept: list[Features] | None
    tables: list[ValueTable]
    positions: torch.Tensor
    targets: torch.Tensor
    owner: torch.Tensor

    def features(self, critic: Critic) -> Features:
        """Hidden states of all cells: the kept ones side by side, or read now."""
        return joined(self.kept) if self.kept else critic.features(self.readings)


def joined(kept: Sequence[Features]) -> Features:
    """The cells of several episodes, one after the other."""
    observed, acted = zip(*kept, strict=True)
    return torch.cat(observed), torch.cat(acted)


def fit_inputs(
    critic: Critic, averaged: Sequence[ValueHead], readings: Sequence[CriticReading],
    kept: Sequence[Features],
) -> None:
    """Let heads that have no units yet take them from these cells."""
    heads = list(zip(critic.heads, averaged, strict=True))
    if all(head.fitted[0] for pair in heads for head in pair):
        return
    features = joined(kept)
    for table, pair in zip(critic.tables(readings), heads, strict=True):
        for head in (head for head in pair if not head.fitted[0]):
            # Not copied where they are all of them.
            whole = len(table.cells) == len(features[0])
            head.fit_inputs(*(x if whole else x[table.cells] for x in features))


@torch.no_grad()
def values_of(
    critic: Critic, heads: Sequence[ValueHead], readings: Sequence[CriticReading],
    kept: Sequence[Features],
) -> list[float]:
    """The values of all positions, in their order, to the bit whatever is computed at once."""
    hidden: list[list[torch.Tensor]] = [[] for _ in heads]  # of each critic
    places: list[list[torch.Tensor]] = [[] for _ in heads]
    positions = 0
    for some in _parts(kept):
        features, own = joined(kept[some]), readings[some]
        for k, (head, table) in enumerate(zip(heads, critic.tables(own), strict=True)):
            if len(table.index):
                hidden[k].append(head.hidden(*features, table))
                places[k].append(table.index + positions)
        positions += sum(len(reading.positions) for reading in own)
    values = kept[0][0].new_zeros(positions)
    for head, found, where in zip(heads, hidden, places, strict=True):
        if found:
            # All at once: how a column of numbers is rounded depends on how many there are.
            values[torch.cat(where)] = head.values(torch.cat(found))
    return values.tolist()


def _parts(kept: Sequence[Features]) -> Iterator[slice]:
    """Episodes that are valued together: of equal number, all unless on a CPU."""
    cells, count = sum(len(observed) for observed, _ in kept), len(kept)
    parts = 1
    if kept[0][0].device.type == "cpu":
        parts = min(count, math.ceil(cells / CPU_CELLS))
    for k in range(parts):
        yield slice(k * count // parts, (k + 1) * count // parts)
