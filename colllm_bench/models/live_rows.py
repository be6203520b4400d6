"""The rows that a turn still computes: those whose action has ended are left out.

Leaving rows out means copying the others' keys and values, so it is done when at most half of
the computed rows are left, and each agent keeps equally many: rows of different adapters run in
one grouped product (:mod:`colllm_bench.models.multi_lora`). Where agents differ, rows that have
ended fill up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from colllm_bench.models.forward import RowGroup, cached_forward
from colllm_bench.models.kv_cache import RaggedKVCache
from colllm_bench.models.sampling import PerTurnRandom, SharedRandom, sample_tokens


class LiveRows:
    """Rows of a turn of a :class:`colllm_bench.models.decoding.DecodingSession`, and their random
    numbers: each row gets those that it would get if all were computed.

    Args:
        team: a :class:`colllm_bench.models.team_policy.TeamPolicy`.
        random: the session's.
        agents, episodes: row ``a * episodes + e`` is agent ``a``'s in episode ``e``.
        group, cache: what all rows run through; None: no row is ever left out.

    Attributes:
        index: [computed] the rows that are still computed, agent-major; None: all.
    """

    def __init__(
        self,
        team: Any,
        random: SharedRandom | PerTurnRandom,
        agents: int,
        episodes: int,
        group: RowGroup | None,
        cache: RaggedKVCache,
    ):
        self.team, self.random, self.agents, self.episodes = team, random, agents, episodes
        self._all, self._whole = group, cache
        self.index: torch.Tensor | None = None
        self._rows = list(range(agents * episodes))

    def shrink(self, going: Sequence[bool]) -> None:
        """Leave out rows that are not ``going`` [rows], where it pays."""
        n = self.episodes
        most = max(sum(going[a * n : (a + 1) * n]) for a in range(self.agents))
        if self._all is None or 2 * most * self.agents > len(self._rows):
            return
        self.finish()
        kept: list[int] = []
        for a in range(self.agents):
            own = sorted(range(a * n, (a + 1) * n), key=lambda row: not going[row])
            kept += sorted(own[:most])
        self._rows, self.index = kept, torch.tensor(kept, device=self.team.device)
        (self._group,) = self.team.row_groups(self.index // n)
        self._group.routing = self._all.restrict(self._group)
        self._cache = self._whole.some(self.index)

    def finish(self) -> None:
        """Put the rows' keys and values back where the next turn finds them."""
        if self.index is not None:
            self._whole.put_back(self._cache, self.index)
            self.index = None

    def logits(
        self, tokens: torch.Tensor, first: torch.Tensor, starts: Sequence[int]
    ) -> torch.Tensor:
        """[computed, vocabulary] logits after one more of ``tokens`` [rows] in each computed row;
        ``first`` [rows] and ``starts`` are all rows' lengths before it."""
        return cached_forward(
            self._group, self._cache, tokens[self.index, None], first[self.index],
            [starts[row] for row in self._rows], torch.zeros_like(self.index), self.team.layout,
            self.team.prompts.context_length,
        )

    def sample(
        self, logits: torch.Tensor, temperature: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """:func:`sample_tokens` of the computed rows: tokens and log-probabilities [rows], 0 for
        all others."""
        found = sample_tokens(logits, temperature, self)
        if self.index is None:
            return found
        rows = self.agents * self.episodes
        tokens, logprobs = (x.new_zeros(rows).index_copy(0, self.index, x) for x in found)
        return tokens, logprobs

    def uniforms(self, rows: int) -> torch.Tensor:
        """[computed, 1] numbers in [0, 1), float64."""
        drawn = self.random.uniforms(self.agents * self.episodes)
        return drawn if self.index is None else drawn[self.index]
