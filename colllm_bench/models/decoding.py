"""Playing: all agents of all episodes in one batch, one turn after another.

Keys and values of earlier turns stay cached; a turn computes its new tokens only. The last
token of an action is fed together with the next observation, so an action of n tokens costs
n forward passes, the observation included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from colllm_bench.errors import ConfigError
from colllm_bench.models.forward import RowGroup
from colllm_bench.models.kv_cache import AttentionWindows, RaggedKVCache
from colllm_bench.models.sampling import PerTurnRandom

REUSE = ("session", "turn", "none")


class DecodingSession:
    """A number of episodes played in lockstep by a team. Made by ``Team.session``.

    Rows are agent-major: row ``a * E + e`` is agent ``a`` in episode ``e``. The policies are
    read when the session starts to play: train after it, not during it.

    Args:
        team: a :class:`colllm_bench.models.team_policy.TeamPolicy`.
        episodes: E, how many episodes.
        generator: on the team's device; every sampled token comes from it. Or a
            :class:`colllm_bench.models.sampling.PerTurnRandom`, which has a stream for each row.
        temperature: tokens are drawn from softmax(logits / temperature), nothing cut off;
            0 takes the most probable token.
        max_action_tokens: an action that has no end token by then is cut off.
        reuse: how long keys and values are kept: ``session``; ``turn`` (every turn encodes the
            whole transcript anew); ``none`` (every token does: for architectures whose
            caches cannot hold rows of different lengths). None: what the model allows.
        end_ids: ids that end an action; default: the prompt builder's.

    Raises:
        ConfigError: a negative temperature, no room for an action, an unknown ``reuse``.
    """

    def __init__(
        self,
        team: Any,
        episodes: int,
        *,
        generator: torch.Generator | PerTurnRandom,
        temperature: float,
        max_action_tokens: int,
        reuse: str | None = None,
        end_ids: Sequence[int] | None = None,
    ):
        if not temperature >= 0:
            raise ConfigError(f"temperature {temperature}", allowed="0 (greedy) or above")
        if max_action_tokens < 1:
            raise ConfigError(f"max_action_tokens {max_action_tokens}", allowed="at least 1")
        self.reuse = reuse or ("session" if team.supports_kv_cache else "none")
        if self.reuse not in REUSE:
            raise ConfigError(f"unknown reuse {reuse!r}", allowed=", ".join(REUSE))
        self.team, self.generator, self.device = team, generator, team.device
        self.temperature, self.max_action_tokens = float(temperature), max_action_tokens
        ends = sorted(team.prompts.end_ids if end_ids is None else end_ids)
        self._ends = torch.tensor(ends, device=self.device, dtype=torch.long)
        self.agents, self.episodes = len(team.agents), episodes
        rows = self.agents * episodes
        # Ids that the cache does not hold: the last action's end, or without reuse everything.
        self._carried: list[list[int]] = [[] for _ in range(rows)]
        self._lengths = [0] * rows
        self._lanes = team.row_groups(self._agent_of_row())
        self._rows_of_lane = host_rows(self._lanes)
        self._renew_caches()

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
        acting = [new is not None for new in new_ids]
        if not any(acting):
            return [None] * len(acting)
        feeds = [
            carried + list(new) if new is not None else []
            for carried, new in zip(self._carried, new_ids)
        ]
        longest = max(n + len(feed) for n, feed in zip(self._lengths, feeds))
        self.team.prompts.require_context(longest + self.max_action_tokens)
        if isinstance(self.generator, PerTurnRandom):
            # All of the turn's numbers at once: a copy a token would make a GPU wait.
            self._table = torch.from_numpy(self.generator.turn(acting)).to(self.device)
            self._column = 0
        if self.reuse == "none":
            steps = self._recompute(feeds, acting)
        else:
            steps = self._extend(feeds, acting)
        tokens, logprobs, wrote = (torch.stack(x, 1) for x in zip(*steps))
        counts = wrote.sum(1).tolist()
        results = zip(acting, tokens.tolist(), logprobs.tolist(), counts)
        out = [(ids[:n], lps[:n]) if acts else None for acts, ids, lps, n in results]
        for row, result in enumerate(out):
            if result is not None:
                self._carry(row, feeds[row], result[0])
        return out

    def keep(self, episodes: Sequence[int]) -> None:
        """Only these positions of the running episodes go on; the others' rows are dropped."""
        rows = [a * self.episodes + e for a in range(self.agents) for e in episodes]
        self._carried = [self._carried[row] for row in rows]
        self._lengths = [self._lengths[row] for row in rows]
        self.episodes = len(episodes)
        if isinstance(self.generator, PerTurnRandom):
            self.generator.keep(rows)
        before = self._lanes
        self._lanes = self.team.row_groups(self._agent_of_row())
        for lane, old, cache in zip(self._lanes, before, self._caches):
            if lane.rows is None:
                lane.selection = old.restrict(lane)
                own = rows
            else:
                place = {row: i for i, row in enumerate(old.rows.tolist())}
                own = [place[rows[i]] for i in lane.rows.tolist()]
            cache.keep(torch.tensor(own, device=self.device, dtype=torch.long))
        self._rows_of_lane = host_rows(self._lanes)

    # -- one turn

    def _extend(self, feeds: list[list[int]], acting: list[bool]) -> list[tuple]:
        """Feed and sample with the cache; a (tokens, logprobs, wrote) [rows] each step.

        The rows' lengths are kept twice, on the device and on the host, so that a GPU is
        waited for once a token: when the host asks which rows go on.
        """
        if self.reuse == "turn":
            self._renew_caches()
        counts = [len(feed) for feed in feeds]
        lengths = [start + count for start, count in zip(self._lengths, counts)]
        first = torch.tensor(self._lengths, device=self.device)
        ids = self._rectangle(feeds)
        logits = self._cached_logits(ids, first, self._lengths, counts)
        first = torch.tensor(lengths, device=self.device)
        live, steps = torch.tensor(acting, device=self.device), []
        while True:
            tokens, logprobs = self._draw(logits)
            steps.append((tokens, logprobs, live))
            if len(steps) == self.max_action_tokens:
                break
            live = live & ~torch.isin(tokens, self._ends)
            going = live.tolist()
            if not any(going):
                break
            # Rows that have ended run along; what they write, their next turn overwrites.
            logits = self._cached_logits(tokens[:, None], first, lengths, None)
            lengths = [n + goes for n, goes in zip(lengths, going)]
            first = first + live
        self._lengths = lengths
        return steps

    def _recompute(self, feeds: list[list[int]], acting: list[bool]) -> list[tuple]:
        """Like :meth:`_extend`, every step a forward over whole transcripts."""
        texts = [list(feed) or carried or [0] for feed, carried in zip(feeds, self._carried)]
        live, steps = torch.tensor(acting, device=self.device), []
        while True:
            tokens, logprobs = self._draw(self._whole_logits(texts))
            steps.append((tokens, logprobs, live))
            live = live & ~torch.isin(tokens, self._ends)
            if len(steps) == self.max_action_tokens or not bool(live.any()):
                return steps
            for text, token, goes in zip(texts, tokens.tolist(), live.tolist()):
                if goes:
                    text.append(token)

    def _carry(self, row: int, feed: list[int], action: list[int]) -> None:
        if self.reuse == "session":
            self._carried[row] = action[-1:]
        else:
            self._carried[row] = feed + action

    def _renew_caches(self) -> None:
        config = self.team.model.config.get_text_config()
        self._caches = [RaggedKVCache(config.num_hidden_layers) for _ in self._lanes]
        self._lengths = [0] * len(self._lengths)

    def _agent_of_row(self) -> torch.Tensor:
        return torch.arange(self.agents, device=self.device).repeat_interleave(self.episodes)

    def _rectangle(self, rows: list[list[int]]) -> torch.Tensor:
        width, pad = max(map(len, rows)), self.team.prompts.pad_id
        return torch.tensor([row + [pad] * (width - len(row)) for row in rows], device=self.device)

    # -- model

    def _over_lanes(self, logits_of) -> torch.Tensor:
        """[rows, vocabulary] from ``logits_of(lane, cache, rows of the lane)``."""
        out = None
        for lane, cache in zip(self._lanes, self._caches):
            if lane.rows is None:
                return logits_of(lane, cache, slice(None))
            own = logits_of(lane, cache, lane.rows)
            if out is None:
                out = own.new_zeros(self.agents * self.episodes, own.shape[-1])
            out[lane.rows] = own
        return out

    def _cached_logits(
        self, ids: torch.Tensor, first: torch.Tensor, starts: list[int], counts: list[int] | None
    ) -> torch.Tensor:
        """[rows, vocabulary] logits after each row's last new token.

        ``ids`` [rows, T] are right-padded, ``first`` [rows] and ``starts`` are the rows'
        lengths before them, and ``counts`` says how many are real (None: all).
        """
        if counts is None:
            last = torch.full((len(starts),), ids.shape[1] - 1, device=self.device)
        else:
            last = (torch.tensor(counts, device=self.device) - 1).clamp_(min=0)

        rows_of = {id(lane): rows for lane, rows in zip(self._lanes, self._rows_of_lane)}

        def logits_of(lane, cache, pick):
            rows = rows_of[id(lane)]
            own = starts if rows is None else [starts[row] for row in rows]
            context = self.team.prompts.context_length
            return cached_forward(
                lane, cache, ids[pick], first[pick], own, last[pick], self.team.layout, context
            )

        return self._over_lanes(logits_of)

    def _whole_logits(self, texts: list[list[int]]) -> torch.Tensor:
        """[rows, vocabulary] logits after each of ``texts``, without a cache."""
        ids = self._rectangle(texts)
        last = torch.tensor([len(text) - 1 for text in texts], device=self.device)

        def logits_of(lane, _cache, pick):
            places = (torch.arange(len(ids[pick]), device=self.device), last[pick])
            return lane.logits(places, input_ids=ids[pick], use_cache=False)

        return self._over_lanes(logits_of)

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
            reach = torch.cumsum((logits - total).exp_(), -1, dtype=torch.float64)
            point = self._points(len(logits))
            tokens = torch.searchsorted(reach, point * reach[:, -1:], right=True)[:, 0]
            tokens = tokens.clamp_(max=logits.shape[-1] - 1)
        return tokens, (logits.gather(1, tokens[:, None]) - total)[:, 0]

    def _points(self, rows: int) -> torch.Tensor:
        """[rows, 1] in [0, 1): where each row's token stands in its distribution."""
        if isinstance(self.generator, PerTurnRandom):
            self._column += 1
            return self._table[:, self._column - 1 : self._column]
        return torch.rand(
            rows, 1, generator=self.generator, device=self.device, dtype=torch.float64
        )


def host_rows(row_groups: Sequence[RowGroup]) -> list[list[int] | None]:
    """Each lane's rows as Python numbers; None: all of them."""
    return [None if lane.rows is None else lane.rows.tolist() for lane in row_groups]


def cached_forward(
    lane: Any,
    cache: RaggedKVCache,
    ids: torch.Tensor,
    first: torch.Tensor,
    starts: Sequence[int],
    last: torch.Tensor,
    layout: AttentionWindows,
    context_length: int | None,
) -> torch.Tensor:
    """Append ``ids`` [rows, T] to the rows of a cache; [rows, vocabulary] logits at ``last``.

    Args:
        first: [rows] each row's length so far: where its first new token stands.
        starts: the same numbers on the host.
        last: [rows] the column of ``ids`` whose logits are wanted.
    """
    rows, width = ids.shape
    low, high = min(starts), max(starts)  # on the host: a GPU need not be waited for
    cache.place(first, width, high, low == high)
    positions = first[:, None] + torch.arange(width, device=ids.device)
    mask = layout.mask(positions, high if low == high else None, cache.stop, lane.model.dtype)
    if context_length is not None:
        # Padding behind a row's end may lie beyond the positions that the model knows.
        positions = positions.clamp(max=context_length - 1)
    return lane.logits(
        (torch.arange(rows, device=ids.device), last),
        input_ids=ids,
        position_ids=positions,
        attention_mask=mask,
        past_key_values=cache,
        use_cache=True,
    )


@torch.no_grad()
def kv_cache_matches_full_forward(
    lane: Any, layout: AttentionWindows, context_length: int | None
) -> bool:
    """Whether ``lane`` computes the same for ragged rows in two pieces as in one."""
    device, width = lane.model.device, 10
    size = lane.model.get_input_embeddings().num_embeddings
    ids = (torch.arange(2 * width, device=device).view(2, width) * 7 + 3) % size
    none, first, second = torch.tensor([[0, 0], [6, 3], [4, 2]], device=device)
    cache = RaggedKVCache(lane.model.config.get_text_config().num_hidden_layers)
    cached_forward(lane, cache, ids[:, :6], none, [0, 0], first - 1, layout, context_length)
    starts = first.tolist()
    piece = torch.stack([row[n : n + 4] for row, n in zip(ids, starts, strict=True)])
    split = cached_forward(lane, cache, piece, first, starts, second - 1, layout, context_length)
    rows = torch.arange(2, device=device)
    whole = lane.logits((rows, first + second - 1), input_ids=ids, use_cache=False)
    # A wrong cache is off by the logits' own spread; rounding by far less.
    allowed = 1e-3 if whole.dtype == torch.float32 else 0.15
    return bool((split - whole).float().abs().max() <= allowed * whole.float().std())
