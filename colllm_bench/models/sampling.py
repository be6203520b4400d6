"""Random numbers for sampling that belong to an agent's turn, not to a place in a batch.

A run samples every token of a batch from one generator, so what an agent draws depends on who
plays beside it. A stream per agent, episode and turn does not: an agent that plays alone in a
process of its own, in another batch or beside other teammates draws the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from colllm_bench.seeding import derive


class PerTurnRandom:
    """A stream for each row of a :class:`colllm_bench.models.decoding.Session`.

    Args:
        seed: of the evaluation.
        names: [rows] what each row is, the same wherever it is played: agent and episode.
        tokens: numbers that a turn may need: its longest action.
    """

    def __init__(self, seed: int, names: Sequence[tuple[object, ...]], tokens: int):
        self.seed, self.names, self.tokens = seed, list(names), tokens
        self._turns = [0] * len(self.names)
        self._table = np.zeros((len(self.names), tokens))

    def turn(self, acting: Sequence[bool]) -> np.ndarray:
        """The rows that are ``acting`` start their next turn.

        Returns:
            [rows, tokens] numbers in [0, 1), float64: column t is for the turn's token t.
        """
        for row, acts in enumerate(acting):
            if acts:
                key = derive(self.seed, "turn", *self.names[row], self._turns[row], bits=63)
                self._table[row] = np.random.Generator(np.random.Philox(key)).random(self.tokens)
                self._turns[row] += 1
        return self._table

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows go on."""
        self.names = [self.names[row] for row in rows]
        self._turns = [self._turns[row] for row in rows]
        self._table = self._table[list(rows)]
