"""Drawing tokens, and the random numbers for it.

A run samples every token of a batch from one generator (:class:`SharedRandom`), so what an
agent draws depends on who plays beside it. :class:`PerTurnRandom` has a stream for each agent,
episode and turn instead: an agent that plays alone in a process of its own, in another batch or
beside other teammates draws the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from colllm_bench.seeding import derive


class SharedRandom:
    """One generator for all rows of a session.

    Args:
        generator: on ``device``; every number comes from it.
    """

    def __init__(self, generator: torch.Generator, device: torch.device):
        self.generator, self.device = generator, device

    def start_turn(self, acting: Sequence[bool], device: torch.device) -> None:
        """Nothing to do: the stream goes on."""

    def uniforms(self, rows: int) -> torch.Tensor:
        """[rows, 1] numbers in [0, 1), float64."""
        return torch.rand(
            rows, 1, generator=self.generator, device=self.device, dtype=torch.float64
        )

    def keep(self, rows: Sequence[int]) -> None:
        """Nothing to do: no row has a stream of its own."""


class PerTurnRandom:
    """A stream for each row of a :class:`colllm_bench.models.decoding.DecodingSession`.

    Args:
        seed: of the evaluation.
        names: [rows] what each row is, the same wherever it is played: agent and episode.
        tokens: numbers that a turn may need: its longest action.
    """

    def __init__(self, seed: int, names: Sequence[tuple[object, ...]], tokens: int):
        self.seed, self.names, self.tokens = seed, list(names), tokens
        self._turns = [0] * len(self.names)
        self._table = np.zeros((len(self.names), tokens))  # [rows, tokens]
        self._column, self._on_device = 0, torch.empty(0)

    def start_turn(self, acting: Sequence[bool], device: torch.device) -> None:
        """The rows that are ``acting`` start their next turn; its numbers go to ``device`` at
        once, because a copy a token would make a GPU wait."""
        for row, acts in enumerate(acting):
            if acts:
                key = derive(self.seed, "turn", *self.names[row], self._turns[row], bits=63)
                self._table[row] = np.random.Generator(np.random.Philox(key)).random(self.tokens)
                self._turns[row] += 1
        self._column, self._on_device = 0, torch.from_numpy(self._table).to(device)

    def uniforms(self, rows: int) -> torch.Tensor:
        """[rows, 1] numbers in [0, 1), float64: those of the turn's next token."""
        self._column += 1
        return self._on_device[:, self._column - 1 : self._column]

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all other rows."""
        self.names = [self.names[row] for row in rows]
        self._turns = [self._turns[row] for row in rows]
        self._table = self._table[list(rows)]


class RowRandom(Protocol):
    """Where a token's random numbers come from."""

    def uniforms(self, rows: int) -> torch.Tensor:
        """[rows, 1] numbers in [0, 1), float64."""


def sample_tokens(
    logits: torch.Tensor, temperature: float, random: RowRandom
) -> tuple[torch.Tensor, torch.Tensor]:
    """A token [rows] from each row's distribution, and its log-probability [rows] in float32.

    Args:
        logits: [rows, vocabulary].
        temperature: the distribution is ``softmax(logits / temperature)``; 0 takes the most
            probable token, with its log-probability at temperature 1.
    """
    logits = logits.float()
    if temperature not in (0.0, 1.0):
        logits = logits / temperature
    total = torch.logsumexp(logits, dim=-1, keepdim=True)  # [rows, 1]
    if temperature == 0.0:
        tokens = logits.argmax(-1)  # [rows]
    else:
        # The inverse of the distribution function, in double so that no token of zero
        # probability is hit by rounding; far fewer random numbers than torch.multinomial.
        cumulative = torch.cumsum((logits - total).exp_(), -1, dtype=torch.float64)
        uniforms = random.uniforms(len(logits)).to(logits.device)  # [rows, 1]
        tokens = torch.searchsorted(cumulative, uniforms * cumulative[:, -1:], right=True)[:, 0]
        tokens = tokens.clamp_(max=logits.shape[-1] - 1)
    return tokens, (logits.gather(1, tokens[:, None]) - total)[:, 0]
