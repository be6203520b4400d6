"""Decoding: all agents of all episodes in one batch, one turn after another.

Keys and values of earlier turns stay cached; a turn computes its new tokens only. The last
token of an action is fed together with the next observation, so an action of n tokens costs
n forward passes, the observation included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from colllm_bench.errors import ConfigError
from colllm_bench.models.forward import RowGroup, cached_forward
from colllm_bench.models.kv_cache import RaggedKVCache
from colllm_bench.models.live_rows import LiveRows
from colllm_bench.models.sampling import PerTurnRandom, SharedRandom, sample_tokens
from colllm_bench.objectives.prefixes import find_prefixes

CACHE_POLICIES = ("session", "turn", "none")


class DecodingSession:
    """A number of episodes played in lockstep by a team. Made by ``TeamPolicy.session``.

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
        cache_policy: how long keys and values are kept: ``session``; ``turn`` (every turn
            encodes the whole transcript anew); ``none`` (every token does: for architectures whose
            caches cannot hold rows of different lengths). None: what the model allows.
        end_ids: ids that end an action; default: the prompt builder's.

    Raises:
        ConfigError: a negative temperature, no room for an action, an unknown
            ``cache_policy``.
    """

    column_multiple = 1
    leaves_out_rows = True

    def __init__(
        self,
        team: Any,
        episodes: int,
        *,
        generator: torch.Generator | PerTurnRandom,
        temperature: float,
        max_action_tokens: int,
        cache_policy: str | None = None,
        end_ids: Sequence[int] | None = None,
    ):
        if not temperature >= 0:
            raise ConfigError(f"temperature {temperature}", allowed="0 (greedy) or above")
        if max_action_tokens < 1:
            raise ConfigError(f"max_action_tokens {max_action_tokens}", allowed="at least 1")
        self.cache_policy = cache_policy or ("session" if team.supports_kv_cache else "none")
        if self.cache_policy not in CACHE_POLICIES:
            allowed = ", ".join(CACHE_POLICIES)
            raise ConfigError(f"unknown cache policy {cache_policy!r}", allowed=allowed)
        self.team, self.device = team, team.device
        by_row = isinstance(generator, PerTurnRandom)
        self.random = generator if by_row else SharedRandom(generator, self.device)
        self.temperature, self.max_action_tokens = float(temperature), max_action_tokens
        ends = sorted(team.prompts.end_ids if end_ids is None else end_ids)
        self._ends = torch.tensor(ends, device=self.device, dtype=torch.long)
        self.agents, self.episodes = len(team.agents), episodes
        rows = self.agents * episodes
        # Ids that the cache does not hold: the last action's end, or without a cache everything.
        self._pending: list[list[int]] = [[] for _ in range(rows)]
        self._lengths = [0] * rows
        self._groups = team.row_groups(self._agent_of_row())
        self._rows_of_groups = host_rows(self._groups)
        self._renew_caches()

    @torch.no_grad()
    def generate(
        self, new_ids: Sequence[Sequence[int] | None]
    ) -> list[tuple[list[int], list[float]] | None]:
        """Append ``new_ids`` to each row's transcript and sample its action.

        Args:
            new_ids: [rows] token ids, at least one; None where the row does not act.

        Returns:
            [rows] ids of the action (its end token included) and their log-probabilities
            under the distribution sampled from; None where the row does not act, and in all rows
            of an episode of which one transcript would not fit the model's context.
        """
        lengths = [
            None if new is None else self._lengths[row] + len(self._pending[row]) + len(new)
            for row, new in enumerate(new_ids)
        ]
        fits = self.team.prompts.episodes_that_fit(
            lengths, self.episodes, self.max_action_tokens
        )
        new_ids = [new if fits[row % self.episodes] else None for row, new in enumerate(new_ids)]
        acting = [new is not None for new in new_ids]
        if not any(acting):
            return [None] * len(acting)
        feeds = [  # [rows][its tokens that no cache holds yet]
            pending + list(new) if new is not None else []
            for pending, new in zip(self._pending, new_ids)
        ]
        self.random.start_turn(acting, self.device)
        if self.cache_policy == "none":
            steps = self._recompute(feeds, acting)
        else:
            steps = self._extend(feeds, acting)
        # T steps: [rows, T] sampled ids, their log-probabilities, and which belong to an action
        tokens, logprobs, wrote = (torch.stack(x, 1) for x in zip(*steps))
        counts = wrote.sum(1).tolist()  # [rows] tokens of each action
        columns = zip(acting, tokens.tolist(), logprobs.tolist(), counts)
        actions = [(ids[:n], lps[:n]) if acts else None for acts, ids, lps, n in columns]
        for row, action in enumerate(actions):
            if action is not None:
                self._keep_for_next_turn(row, feeds[row], action[0])
        return actions

    def keep(self, episodes: Sequence[int]) -> None:
        """Keep these positions of the running episodes and drop the rows of all others."""
        rows = [a * self.episodes + e for a in range(self.agents) for e in episodes]
        self._pending = [self._pending[row] for row in rows]
        self._lengths = [self._lengths[row] for row in rows]
        self.episodes = len(episodes)
        self.random.keep(rows)
        self._keep_caches(rows)

    def _keep_caches(self, rows: Sequence[int]) -> None:
        """Keep these rows of the groups and their caches."""
        before = self._groups
        self._groups = self.team.row_groups(self._agent_of_row())
        for group, old, cache in zip(self._groups, before, self._caches):
            # kept: rows of the group's cache, numbered as they were in it
            if group.rows is None:
                group.routing = old.restrict(group)
                kept = rows
            else:
                place = {row: i for i, row in enumerate(old.rows.tolist())}
                kept = [place[rows[i]] for i in group.rows.tolist()]
            cache.keep(torch.tensor(kept, device=self.device, dtype=torch.long))
        self._rows_of_groups = host_rows(self._groups)

    # -- one turn

    def _extend(self, feeds: list[list[int]], acting: list[bool]) -> list[tuple]:
        """Feed and sample with the cache; a (tokens, logprobs, wrote) [rows] each step.

        The rows' lengths are kept twice, on the device and on the host, so that a GPU is
        waited for once a token: when the host asks which rows go on.
        """
        if self.cache_policy == "turn":
            self._renew_caches()
        if self.team.shares_prefixes and not any(self._lengths):
            feeds = self._begin(feeds)
        counts = [len(feed) for feed in feeds]
        lengths = [start + count for start, count in zip(self._lengths, counts)]
        first = torch.tensor(self._lengths, device=self.device)  # [rows]
        logits = self._cached_logits(self._pad(feeds), first, self._lengths, counts)
        first = torch.tensor(lengths, device=self.device)
        live, steps = torch.tensor(acting, device=self.device), []
        group = self._groups[0] if self.team.is_large and self.leaves_out_rows else None
        computed = LiveRows(
            self.team, self.random, self.agents, self.episodes, group, self._caches[0]
        )
        while True:
            tokens, logprobs = computed.sample(logits, self.temperature)  # [rows]
            steps.append((tokens, logprobs, live))
            if len(steps) == self.max_action_tokens:
                break
            live = live & ~torch.isin(tokens, self._ends)
            going = live.tolist()
            if not any(going):
                break
            computed.shrink(going)
            if computed.index is not None:
                logits = computed.logits(tokens, first, lengths)
            else:
                # Rows that have ended run along; what they write, their next turn overwrites.
                logits = self._cached_logits(tokens[:, None], first, lengths, None)
            lengths = [n + goes for n, goes in zip(lengths, going)]
            first = first + live
        computed.finish()
        self._lengths = lengths
        return steps

    def _begin(self, feeds: list[list[int]]) -> list[list[int]]:
        """Compute what rows begin with alike once for all of them; what is left to feed."""
        agents = [agent for agent in range(self.agents) for _ in range(self.episodes)]
        prefixes = find_prefixes(feeds, agents, [max(0, len(feed) - 1) for feed in feeds])
        if prefixes is None:
            return feeds
        states = self.team.read_prefixes(prefixes)
        index = torch.tensor(prefixes.of_row, device=self.device).clamp(min=0)
        (cache,) = self._caches  # teams that share prefixes have one model
        cache.begin(states.tensors(), index, self.team.model.dtype)
        self._lengths = prefixes.lengths
        return [feed[n:] for feed, n in zip(feeds, self._lengths)]

    def _recompute(self, feeds: list[list[int]], acting: list[bool]) -> list[tuple]:
        """Like :meth:`_extend`, every step a forward over whole transcripts."""
        transcripts = [list(feed) or pending or [0] for feed, pending in zip(feeds, self._pending)]
        live, steps = torch.tensor(acting, device=self.device), []
        while True:
            logits = self._full_logits(transcripts)  # [rows, vocabulary]
            tokens, logprobs = sample_tokens(logits, self.temperature, self.random)
            steps.append((tokens, logprobs, live))
            live = live & ~torch.isin(tokens, self._ends)
            if len(steps) == self.max_action_tokens or not bool(live.any()):
                return steps
            for transcript, token, goes in zip(transcripts, tokens.tolist(), live.tolist()):
                if goes:
                    transcript.append(token)

    def _keep_for_next_turn(self, row: int, feed: list[int], action: list[int]) -> None:
        if self.cache_policy == "session":
            self._pending[row] = action[-1:]
        else:
            self._pending[row] = feed + action

    def _renew_caches(self) -> None:
        config = self.team.model.config.get_text_config()
        layers, multiple = config.num_hidden_layers, self.column_multiple
        self._caches = [RaggedKVCache(layers, multiple) for _ in self._groups]
        self._lengths = [0] * len(self._lengths)

    def _agent_of_row(self) -> torch.Tensor:
        return torch.arange(self.agents, device=self.device).repeat_interleave(self.episodes)

    def _pad(self, rows: list[list[int]]) -> torch.Tensor:
        width, pad = max(map(len, rows)), self.team.prompts.pad_id
        return torch.tensor([row + [pad] * (width - len(row)) for row in rows], device=self.device)

    # -- model

    def _over_groups(self, logits_of) -> torch.Tensor:
        """[rows, vocabulary] from ``logits_of(group, cache, rows of the group)``."""
        logits = None
        for group, cache in zip(self._groups, self._caches):
            if group.rows is None:
                return logits_of(group, cache, slice(None))
            part = logits_of(group, cache, group.rows)  # [rows of the group, vocabulary]
            if logits is None:
                logits = part.new_zeros(self.agents * self.episodes, part.shape[-1])
            logits[group.rows] = part
        return logits

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

        rows_of = {id(group): rows for group, rows in zip(self._groups, self._rows_of_groups)}

        def logits_of(group: RowGroup, cache: RaggedKVCache, rows) -> torch.Tensor:
            on_host = rows_of[id(group)]
            some = starts if on_host is None else [starts[row] for row in on_host]
            return cached_forward(
                group, cache, ids[rows], first[rows], some, last[rows], self.team.layout,
                self.team.prompts.context_length,
            )

        return self._over_groups(logits_of)

    def _full_logits(self, transcripts: list[list[int]]) -> torch.Tensor:
        """[rows, vocabulary] logits after each of ``transcripts``, without a cache."""
        ids = self._pad(transcripts)  # [rows, T]
        last = torch.tensor([len(row) - 1 for row in transcripts], device=self.device)

        def logits_of(group: RowGroup, _cache, rows) -> torch.Tensor:
            places = (torch.arange(len(ids[rows]), device=self.device), last[rows])
            return group.logits(places, input_ids=ids[rows], use_cache=False)

        return self._over_groups(logits_of)


def host_rows(groups: Sequence[RowGroup]) -> list[list[int] | None]:
    """Each group's rows as Python numbers; None: all of them."""
    return [None if group.rows is None else group.rows.tolist() for group in groups]
