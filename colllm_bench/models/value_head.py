"""What turns a critic's hidden states into values: encode cells, pool over agents, value.

Cells and positions: see :mod:`colllm_bench.objectives.critic_inputs`. With o_{t,i} and a_{t,i}
the mean hidden states of an agent's observation and action,

    z = [ mean_i f(o_{t,i}),  mean_i mean_{s<t} g(o_{s,i}, a_{s,i}),
          1/N sum_{acted} g(o_{t,i}, a_{t,i}),  log(1 + t),  acted / N ]

and V = head(z): a deep set over agents (Zaheer et al. 2017, arXiv 1703.06114, eq. 2), so that
neither their order nor their number matters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from colllm_bench.objectives.critic_inputs import CriticReading, Span

OTHER_SCALE = 4.0
"""Returns whose spread differs by more than this factor are on another scale."""
COUNT_STD = 0.3
"""The least deviation of a token's count: one that the first batch hardly had does not weigh a
hundred times as much as others when it comes."""


@dataclass
class CellSets:
    """S lists of cells, one after the other: sums over them need no [S, N, width] gather, and
    so no memory that grows with the square of a team.

    Attributes:
        cells: [K] the lists' members.
        starts: [S] where each list begins.
        sizes: [S, 1] their lengths.
    """

    cells: torch.Tensor
    starts: torch.Tensor
    sizes: torch.Tensor

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]], device) -> CellSets:
        sizes = torch.tensor([len(own) for own in lists], dtype=torch.long, device=device)
        flat = torch.tensor([c for own in lists for c in own], dtype=torch.long, device=device)
        return cls(flat, sizes.cumsum(0) - sizes, sizes[:, None].float())

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """[S, width] of ``values`` [C, width]; 0 for an empty list."""
        if not len(self.cells):
            return values.new_zeros(len(self.starts), values.shape[1])
        return nn.functional.embedding_bag(self.cells, values, self.starts, mode="sum")

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """[S, width]; 0 for an empty list."""
        return self.sum(values) / self.sizes.clamp(min=1)


@dataclass
class ValueTable:
    """Which of a batch's C cells one critic's V positions read.

    Attributes:
        cells: [K] numbers of this critic's cells in the batch; the others count within these.
        observed: the distinct lists of observed cells (all positions of a turn share one).
        team: [V] which of them is each position's.
        acted: each position's.
        chains: [M, T] each agent's cells in the order of turns; -1 is padding.
        index: [V] the positions' numbers in the batch.
    """

    cells: torch.Tensor
    observed: CellSets
    team: torch.Tensor
    acted: CellSets
    chains: torch.Tensor
    index: torch.Tensor

    @classmethod
    def of(cls, readings: Sequence[CriticReading], critic: int, device) -> ValueTable:
        """The table of one critic over several episodes."""
        cells: list[int] = []
        observed: dict[tuple[int, ...], int] = {}
        team: list[int] = []
        acted: list[list[int]] = []
        chains: list[list[int]] = []
        index: list[int] = []
        before_cells = before_positions = 0
        for reading in readings:
            own: dict[int, int] = {}  # of a cell in the reading: its number among ``cells``
            chain: dict[int, list[int]] = {}
            for c, cell in enumerate(reading.cells):
                if reading.rows[cell.observed.row].critic == critic:
                    own[c] = len(cells)
                    cells.append(before_cells + c)
                    chain.setdefault(cell.agent, []).append(own[c])
            chains += chain.values()
            for p, position in enumerate(reading.positions):
                if position.critic == critic:
                    read = tuple(own[c] for c in position.observed)
                    team.append(observed.setdefault(read, len(observed)))
                    acted.append([own[c] for c in position.acted])
                    index.append(before_positions + p)
            before_cells += len(reading.cells)
            before_positions += len(reading.positions)
        return cls(
            torch.tensor(cells, dtype=torch.long, device=device),
            CellSets.of(list(observed), device),
            torch.tensor(team, dtype=torch.long, device=device),
            CellSets.of(acted, device),
            _padded(chains, device),
            torch.tensor(index, dtype=torch.long, device=device),
        )


def _padded(rows: list[list[int]], device) -> torch.Tensor:
    width = max((len(row) for row in rows), default=0)
    flat = [row + [-1] * (width - len(row)) for row in rows]
    return torch.tensor(flat, dtype=torch.long, device=device).reshape(len(rows), width)


def pool_spans(hidden: torch.Tensor, spans: list[tuple[int, Span]], last: bool) -> torch.Tensor:
    """[C, width] float32: the mean over each span's tokens, or its last; 0 for an empty one."""
    if last:
        spans = [(row, Span(0, max(s.start, s.stop - 1), s.stop)) for row, s in spans]
    device = hidden.device
    length = torch.tensor([span.stop - span.start for _, span in spans], device=device)
    start = torch.tensor([span.start for _, span in spans], device=device)
    row = torch.tensor([row for row, _ in spans], device=device)
    first = length.cumsum(0) - length  # of each span's tokens among all K
    within = torch.arange(int(length.sum()), device=device) - first.repeat_interleave(length)
    tokens = hidden[row.repeat_interleave(length), start.repeat_interleave(length) + within]
    sums = torch.segment_reduce(tokens.float(), "sum", lengths=length, unsafe=True)
    return sums / length.clamp(min=1)[:, None]


class ValueHead(nn.Module):
    """One critic's values of pooled hidden states.

    Args:
        inputs: width of the hidden states (and embeddings).
        width: of the encodings and the hidden layer; 0: values are linear in the means of what
            is read.
        history: read the turns before as well.
        generator: draws the weights. The last layer is zero: values start constant.
        counts: how many of the inputs, the last ones, are counts of tokens.
    """

    def __init__(
        self, inputs: int, width: int, history: bool, generator: torch.Generator, device, *,
        counts: int = 0,
    ):
        super().__init__()
        self.width, self.history, self.counts = width, history, counts
        inputs += counts
        if width:
            self.observation = _linear(inputs, width)
            self.turn = _linear(2 * inputs, width)
        pooled = (width or inputs) + (1 + history) * (width or 2 * inputs) + 2
        layers = [_linear(pooled, width), nn.GELU()] if width else []
        self.value = nn.Sequential(*layers, _linear(width or pooled, 1))
        self.to(device)
        self._draw(generator)
        # Inputs and targets are standardized by the first batch's: Adam then meets units of 1.
        for name, length in (("observed", inputs), ("acted", inputs), ("target", 1)):
            self.register_buffer(f"{name}_mean", torch.zeros(length, device=device))
            self.register_buffer(f"{name}_std", torch.ones(length, device=device))
        self.register_buffer("fitted", torch.zeros(2, dtype=torch.bool, device=device))

    @torch.no_grad()
    def _draw(self, generator: torch.Generator) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                bound = 1.0 / math.sqrt(module.in_features)
                for tensor in (module.weight, module.bias):
                    drawn = torch.rand(tensor.shape, generator=generator, device=generator.device)
                    tensor.copy_((2 * drawn - 1) * bound)
        for tensor in self.value[-1].parameters():
            tensor.zero_()

    @torch.no_grad()
    def fit_inputs(self, observed: torch.Tensor, acted: torch.Tensor) -> None:
        """Take the inputs' means and deviations from a first batch [C, inputs] each; later
        batches change nothing."""
        if self.fitted[0]:
            return
        self.fitted[0] = True
        acted = acted[acted.any(1)]  # cells without an action are zero
        for name, values in (("observed", observed), ("acted", acted)):
            if len(values) > 1:
                getattr(self, f"{name}_mean").copy_(values.mean(0))
                deviation = values.std(0, unbiased=False) + 1e-3
                deviation[values.shape[1] - self.counts :].clamp_(min=COUNT_STD)
                getattr(self, f"{name}_std").copy_(deviation)

    @torch.no_grad()
    def fit_targets(self, targets: torch.Tensor) -> None:
        """Take the targets' mean and deviation from the first batch [V] in which they vary."""
        if self.fitted[1] or not float(targets.std(unbiased=False)) > 1e-6:
            return
        self.fitted[1] = True
        self.target_mean.copy_(targets.mean())
        self.target_std.copy_(targets.std(unbiased=False))
        self.value[-1].bias.zero_()  # what it had learned was the mean of equal targets

    @torch.no_grad()
    def rescale_targets(self, targets: torch.Tensor) -> None:
        """Where targets [V] of another task vary more than :data:`OTHER_SCALE` times as much as
        those that the head's units are of, or as much less: take their units, and change the last
        layer so that every value stays what it is (van Hasselt et al. 2016, arXiv 1602.07714,
        Proposition 1). Steps then have the new task's length."""
        mean, std = targets.mean(), targets.std(unbiased=False)
        ratio = float(std / self.target_std)
        if not std > 1e-6 or 1 / OTHER_SCALE <= ratio <= OTHER_SCALE:
            return
        last = self.value[-1]
        last.weight.mul_(self.target_std / std)
        last.bias.mul_(self.target_std / std).add_((self.target_mean - mean) / std)
        self.target_mean.copy_(mean)
        self.target_std.copy_(std)

    def forward(
        self, observed: torch.Tensor, acted: torch.Tensor, table: ValueTable
    ) -> torch.Tensor:
        """[V] values. ``observed``, ``acted`` [C, inputs]: the batch's cells."""
        return self.values(self.hidden(observed, acted, table))

    def hidden(
        self, observed: torch.Tensor, acted: torch.Tensor, table: ValueTable
    ) -> torch.Tensor:
        """[V, width] what the last layer makes values of; as for :meth:`forward`."""
        turns = self._standardized(observed, acted, table.cells)
        observed = turns[:, : observed.shape[1]]
        if self.width:
            observed = nn.functional.gelu(self.observation(observed))
            turns = nn.functional.gelu(self.turn(turns))
        teams = [table.observed.mean(observed)]  # once for all positions of a turn
        if self.history:
            teams.append(table.observed.mean(_past(turns, table.chains)))
        clock = _clock(table, len(observed))
        size = table.observed.sizes[table.team].clamp(min=1)  # [V, 1]
        pooled = torch.cat(
            [torch.cat(teams, 1)[table.team], table.acted.sum(turns) / size, clock[table.team],
             table.acted.sizes / size], 1
        )
        return self.value[:-1](pooled)

    def values(self, hidden: torch.Tensor) -> torch.Tensor:
        """[V] values of what :meth:`hidden` gave."""
        return self.value[-1](hidden)[:, 0] * self.target_std + self.target_mean

    def _standardized(
        self, observed: torch.Tensor, acted: torch.Tensor, cells: torch.Tensor
    ) -> torch.Tensor:
        """[K, 2 * inputs] observations and actions of ``cells``; zero where there is no action."""
        if len(cells) < len(observed):  # of several critics' cells
            observed, acted = observed[cells], acted[cells]
        turns = torch.cat([observed, acted], 1)
        # In place: copies of a large team's cells are most of what a step would take.
        read, did = turns[:, : observed.shape[1]], turns[:, observed.shape[1] :]
        there = (did != 0).any(1, keepdim=True).float()
        read.sub_(self.observed_mean).div_(self.observed_std)
        did.sub_(self.acted_mean).mul_(there).div_(self.acted_std)
        return turns


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """A layer without weights yet: torch's own would come from the global generator."""
    return nn.utils.skip_init(nn.Linear, inputs, outputs)


def _past(turns: torch.Tensor, chains: torch.Tensor) -> torch.Tensor:
    """[C, width] mean of the turns before each cell of the same chain; 0 at the first."""
    there = chains >= 0
    own = turns[chains.clamp(min=0)] * there[..., None]  # [M, T, width]
    count = torch.arange(chains.shape[1], device=turns.device).clamp(min=1)[None, :, None]
    # Shifted, not "all minus own": a difference would let a turn's rounding into its own past.
    before = torch.cat([torch.zeros_like(own[:, :1]), own.cumsum(1)[:, :-1]], 1)
    means = before / count
    return torch.zeros_like(turns).index_copy(0, chains[there], means[there])


def _clock(table: ValueTable, cells: int) -> torch.Tensor:
    """[S, 1] log(1 + number of the turn) of each list of observed cells."""
    there = table.chains >= 0
    number = torch.zeros(cells, 1, device=table.chains.device)
    order = torch.arange(table.chains.shape[1], device=number.device).expand_as(table.chains)
    number[table.chains[there]] = order[there].float()[:, None]
    return torch.log1p(table.observed.mean(number))
