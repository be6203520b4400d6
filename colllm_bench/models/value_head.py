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

from colllm_bench.objectives.critic_inputs import CriticReading


@dataclass
class ValueTable:
    """Which of a batch's C cells one critic's V positions read; -1 is padding.

    Attributes:
        cells: [K] numbers of this critic's cells in the batch; the others count within these.
        observed, acted: [V, N] cells of each position.
        chains: [M, T] each agent's cells in the order of turns.
        index: [V] the positions' numbers in the batch.
    """

    cells: torch.Tensor
    observed: torch.Tensor
    acted: torch.Tensor
    chains: torch.Tensor
    index: torch.Tensor

    @classmethod
    def of(cls, readings: Sequence[CriticReading], critic: int, device) -> ValueTable:
        """The table of one critic over several episodes."""
        cells: list[int] = []
        observed: list[list[int]] = []
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
                    observed.append([own[c] for c in position.observed])
                    acted.append([own[c] for c in position.acted])
                    index.append(before_positions + p)
            before_cells += len(reading.cells)
            before_positions += len(reading.positions)
        return cls(
            torch.tensor(cells, device=device),
            _padded(observed, device), _padded(acted, device), _padded(chains, device),
            torch.tensor(index, device=device),
        )


def _padded(rows: list[list[int]], device) -> torch.Tensor:
    width = max((len(row) for row in rows), default=0)
    flat = [row + [-1] * (width - len(row)) for row in rows]
    return torch.tensor(flat, dtype=torch.long, device=device).reshape(len(rows), width)


class ValueHead(nn.Module):
    """One critic's values of pooled hidden states.

    Args:
        inputs: width of the hidden states.
        width: of the encodings and the hidden layer; 0: values are linear in the means.
        history: read the turns before as well.
        generator: draws the weights. The last layer is zero: values start constant.
    """

    def __init__(self, inputs: int, width: int, history: bool, generator: torch.Generator, device):
        super().__init__()
        self.width, self.history = width, history
        size = width or inputs
        if width:
            self.observation = _linear(inputs, width)
            self.turn = _linear(2 * inputs, width)
        pooled = (2 + history) * size + 2 if width else inputs
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
        acted = acted[acted.abs().sum(1) > 0]  # cells without an action are zero
        for name, values in (("observed", observed), ("acted", acted)):
            if len(values) > 1:
                getattr(self, f"{name}_mean").copy_(values.mean(0))
                getattr(self, f"{name}_std").copy_(values.std(0, unbiased=False) + 1e-3)

    @torch.no_grad()
    def fit_targets(self, targets: torch.Tensor) -> None:
        """Take the targets' mean and deviation from the first batch [V] in which they vary."""
        if self.fitted[1] or not float(targets.std(unbiased=False)) > 1e-6:
            return
        self.fitted[1] = True
        self.target_mean.copy_(targets.mean())
        self.target_std.copy_(targets.std(unbiased=False))
        self.value[-1].bias.zero_()  # what it had learned was the mean of equal targets

    def forward(
        self, observed: torch.Tensor, acted: torch.Tensor, table: ValueTable
    ) -> torch.Tensor:
        """[V] values. ``observed``, ``acted`` [C, inputs]: the batch's cells."""
        observed = (observed[table.cells] - self.observed_mean) / self.observed_std
        acted = acted[table.cells]
        there = (acted.abs().sum(1, keepdim=True) > 0).float()
        acted = there * (acted - self.acted_mean) / self.acted_std
        if not self.width:
            pooled = _mean(observed, table.observed)
        else:
            turns = nn.functional.gelu(self.turn(torch.cat([observed, acted], 1)))
            parts = [_mean(nn.functional.gelu(self.observation(observed)), table.observed)]
            if self.history:
                parts.append(_mean(_past(turns, table.chains), table.observed))
            team = (table.observed >= 0).sum(1, keepdim=True).clamp(min=1)  # [V, 1]
            number = (table.acted >= 0).sum(1, keepdim=True)
            parts.append(_mean(turns, table.acted) * number / team)
            clock = _clock(table, len(observed))[:, None]
            pooled = torch.cat([*parts, clock, number / team], 1)
        return self.value(pooled)[:, 0] * self.target_std + self.target_mean


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """Without numbers yet: its own would come from torch's global generator."""
    return nn.utils.skip_init(nn.Linear, inputs, outputs)


def _mean(cells: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """[V, width] mean over each row of ``chosen`` [V, N]; 0 where it is empty."""
    there = (chosen >= 0).float()
    if not chosen.shape[1]:
        return cells.new_zeros(len(chosen), cells.shape[1])
    weight = there / there.sum(1, keepdim=True).clamp(min=1)
    return torch.einsum("vn,vnw->vw", weight, cells[chosen.clamp(min=0)])


def _past(turns: torch.Tensor, chains: torch.Tensor) -> torch.Tensor:
    """[C, width] mean of the turns before each cell of the same chain; 0 at the first."""
    there = chains >= 0
    own = turns[chains.clamp(min=0)] * there[..., None]  # [M, T, width]
    count = torch.arange(chains.shape[1], device=turns.device).clamp(min=1)[None, :, None]
    means = (own.cumsum(1) - own) / count
    return torch.zeros_like(turns).index_copy(0, chains[there], means[there])


def _clock(table: ValueTable, cells: int) -> torch.Tensor:
    """[V] log(1 + number of the position's turn)."""
    there = table.chains >= 0
    number = torch.zeros(cells, device=table.chains.device)
    order = torch.arange(table.chains.shape[1], device=number.device).expand_as(table.chains)
    number[table.chains[there]] = order[there].float()
    return torch.log1p(number[table.observed[:, 0]])
