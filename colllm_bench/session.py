"""Playing: all agents of all episodes in one batch, one turn after another.

Keys and values of earlier turns stay cached; a turn computes its new tokens only. The last
token of an action is fed together with the next observation, so an action of n tokens costs
n forward passes, the observation included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from colllm_bench.cache import RowCache


class Session:
    """A number of episodes played in lockstep by a team. Made by ``Team.session``.

    Rows are agent-major: row ``a * E + e`` is agent ``a`` in episode ``e``. The policies are
    read when the session starts to play: train after it, not during it.

    Args:
        team: a :class:`colllm_bench.team.Team`.
        episodes: E, how many episodes.
        generator: on the team's device; every sampled token comes from it.
        temperature: tokens are drawn from softmax(logits / temperature), nothing cut off;
            0 takes the most probable token.
        max_action_tokens: an action that has no end token by then is cut off.
        reuse: keep keys and values between turns. Without, every turn encodes the whole
            transcript anew (for measuring what reuse is worth).
        end_ids: ids that end an action; default: the prompt builder's.
    """

    def __init__(
        self,
        team: Any,
        episodes: int,
        *,
        generator: torch.Generator,
        temperature: float,
        max_action_tokens: int,
        reuse: bool = True,
        end_ids: Sequence[int] | None = None,
    ):
        self.team, self.generator = team, generator
        self.temperature, self.max_action_tokens = float(temperature), max_action_tokens
        self.reuse, self.device = reuse, team.device
        ends = sorted(team.prompts.end_ids if end_ids is None else end_ids)
        self._ends = torch.tensor(ends, device=self.device)
        self.agents, self.episodes = len(team.agents), episodes
        self._transcripts: list[list[int]] = [[] for _ in range(self.agents * episodes)]
        self._pending: list[list[int]] = [[] for _ in range(self.agents * episodes)]
        self._lengths = [0] * (self.agents * episodes)
        self._open_lanes()

    def _open_lanes(self) -> None:
        agent = torch.arange(self.agents, device=self.device).repeat_interleave(self.episodes)
        self._lanes = self.team.lanes(agent)
        self._caches = [self._new_cache() for _ in self._lanes]

    def _new_cache(self) -> RowCache:
        return RowCache(self.team.model.config.get_text_config().num_hidden_layers)

    @torch.no_grad()
    def act(
        self, new_ids: Sequence[Sequence[int] | None]
    ) -> list[tuple[list[int], list[float]] | None]:
        """Append ``new_ids`` to each row's transcript and sample its action.

        Args:
            new_ids: [rows] token ids, at least one; None where the row does not act.

        Returns:
            [rows] ids of the action (its end token included) and their log-probabilities
            under the distribution sampled from; None where the row does not act.

        Raises:
            ConfigError: a transcript would exceed the model's context.
        """
        feeds = [
            [] if new is None else pending + list(new)
            for pending, new in zip(self._pending, new_ids)
        ]
        acting = [new is not None for new in new_ids]
        if not any(acting):
            return [None] * len(feeds)
        longest = max(map(sum, zip(self._lengths, map(len, feeds))))
        self.team.prompts.require_context(longest + self.max_action_tokens)
        self._remember(feeds)
        sampled = self._sample_actions(feeds, acting)
        for row, result in enumerate(sampled):
            if result is not None:
                self._pending[row] = result[0][-1:]
                self._remember_action(row, result[0])
        return sampled

    def keep(self, episodes: Sequence[int]) -> None:
        """Only these positions of the running episodes go on; the others' rows are dropped."""
        rows = [a * self.episodes + e for a in range(self.agents) for e in episodes]
        index = torch.tensor(rows, device=self.device)
        self._transcripts = [self._transcripts[row] for row in rows]
        self._pending = [self._pending[row] for row in rows]
        self._lengths = [self._lengths[row] for row in rows]
        old_lanes, old_caches = self._lanes, self._caches
        self.episodes = len(episodes)
        self._open_lanes()
        for lane, cache, before in zip(self._lanes, old_caches, old_lanes):
            if lane.rows is None:
                cache.keep(index)
            else:
                place = {row: i for i, row in enumerate(before.rows.tolist())}
                own = [place[rows[i]] for i in lane.rows.tolist()]
                cache.keep(torch.tensor(own, device=self.device))
        self._caches = old_caches

    # -- bookkeeping of one turn

    def _remember(self, feeds: list[list[int]]) -> None:
        if self.reuse:
            return
        for row, feed in enumerate(feeds):
            self._transcripts[row] += feed
            self._lengths[row] = 0
            feeds[row] = list(self._transcripts[row]) if feed else []
        self._caches = [self._new_cache() for _ in self._lanes]

    def _remember_action(self, row: int, ids: list[int]) -> None:
        if self.reuse:
            return
        self._transcripts[row] += ids[:-1]

    def _sample_actions(self, feeds: list[list[int]], acting: list[bool]):
        rows, steps = len(feeds), []
        counts = torch.tensor([len(feed) for feed in feeds], device=self.device)
        lengths = torch.tensor(self._lengths, device=self.device)
        live = torch.tensor(acting, device=self.device)
        logits = self._forward(self._rectangle(feeds), lengths, counts)
        lengths = lengths + counts
        for step in range(self.max_action_tokens):
            tokens, logprobs = self._draw(logits)
            steps.append((tokens, logprobs, live))
            live = live & ~torch.isin(tokens, self._ends)
            if step + 1 == self.max_action_tokens or not bool(live.any()):
                break
            # Rows that have ended run along; what they write is overwritten by their next turn.
            logits = self._forward(tokens[:, None], lengths, None)
            lengths = lengths + live
        self._lengths = lengths.tolist()
        tokens, logprobs, wrote = (torch.stack(x, 1) for x in zip(*steps))
        counted = zip(acting, tokens.tolist(), logprobs.tolist(), wrote.sum(1).tolist())
        out = [(ids[:n], lps[:n]) if acts else None for acts, ids, lps, n in counted]
        assert len(out) == rows
        return out

    def _rectangle(self, feeds: list[list[int]]) -> torch.Tensor:
        width, pad = max(map(len, feeds)), self.team.prompts.pad_id
        filled = [feed + [pad] * (width - len(feed)) for feed in feeds]
        return torch.tensor(filled, device=self.device)

    # -- model

    def _forward(
        self, ids: torch.Tensor, starts: torch.Tensor, counts: torch.Tensor | None
    ) -> torch.Tensor:
        """[rows, vocabulary] logits after each row's last new token.

        ``ids`` [rows, T] are right-padded; ``counts`` [rows] says how many are real (None: all).
        """
        out = None
        for lane, cache in zip(self._lanes, self._caches):
            pick = slice(None) if lane.rows is None else lane.rows
            own = self._lane_logits(
                lane, cache, ids[pick], starts[pick], None if counts is None else counts[pick]
            )
            if lane.rows is None:
                return own
            if out is None:
                out = own.new_zeros(len(ids), own.shape[-1])
            out[lane.rows] = own
        return out

    def _lane_logits(self, lane, cache, ids, starts, counts) -> torch.Tensor:
        rows, width = ids.shape
        low, high = (int(x) for x in torch.aminmax(starts))
        cache.place(starts, width, high, low == high)
        positions = starts[:, None] + torch.arange(width, device=ids.device)
        mask = self._mask(positions[:1] if low == high else positions, cache.stop)
        limit = self.team.prompts.context_length
        if limit is not None:  # padding behind a row's end may lie beyond the model's positions
            positions = positions.clamp(max=limit - 1)
        last = torch.zeros_like(starts) + width - 1 if counts is None else (counts - 1).clamp(min=0)
        return lane.logits(
            (torch.arange(rows, device=ids.device), last),
            input_ids=ids,
            position_ids=positions,
            attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
        )

    def _mask(self, positions: torch.Tensor, stop: int) -> torch.Tensor:
        """[rows or 1, 1, T, stop] additive: a token sees the columns up to its position."""
        columns = torch.arange(stop, device=self.device)
        hidden = columns > positions[:, None, :, None]
        dtype = self.team.model.dtype
        mask = torch.zeros(hidden.shape, dtype=dtype, device=self.device)
        return mask.masked_fill_(hidden, torch.finfo(dtype).min)

    def _draw(self, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A token [rows] from each row's distribution and its log-probability [rows]."""
        logits = logits.float()
        if self.temperature not in (0.0, 1.0):
            logits = logits / self.temperature
        total = torch.logsumexp(logits, dim=-1, keepdim=True)
        if self.temperature == 0.0:
            tokens = logits.argmax(-1)
        else:
            # The inverse of the distribution function, in double so that no token of zero
            # probability is hit by rounding; far fewer random numbers than torch.multinomial.
            reach = torch.cumsum((logits - total).exp(), -1, dtype=torch.float64)
            point = torch.rand(
                len(logits), 1, generator=self.generator, device=logits.device, dtype=torch.float64
            )
            tokens = torch.searchsorted(reach, point * reach[:, -1:], right=True)[:, 0]
            tokens = tokens.clamp(max=logits.shape[-1] - 1)
        return tokens, (logits.gather(1, tokens[:, None]) - total)[:, 0]
