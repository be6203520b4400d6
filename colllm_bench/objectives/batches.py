"""Episodes as tensors: the one place where ragged transcripts become rectangles.

Rows are *agent-major*: row ``a * E + e`` is agent ``a`` in episode ``e``, so that the rows of
one adapter are contiguous and equally many, and one batched product serves all adapters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from colllm_bench.objectives.prefixes import Prefixes, find_prefixes
from colllm_bench.types import Episode, Trajectory, Turn


@dataclass
class TokenBatch:
    """Whole transcripts of a number of episodes, right-padded.

    With N agents, E episodes, L the longest transcript and K action tokens in all:

    Attributes:
        ids: [N*E, L] token ids.
        mask: [N*E, L] bool, True where there is a token.
        action_mask: [N*E, L] bool, True at the tokens that an agent wrote. Flat tensors of
            length K follow ``ids[action_mask]``: row by row, left to right.
        agent: [N*E] the agent's index of each row.
        turn: [K] running number of the turn (over the whole batch) of each action token.
        agent_of_token: [K] the agent's index of each action token.
        turns: the turns that ``turn`` counts.
        prefixes: what rows have in common, to be computed once; None: nothing.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    action_mask: torch.Tensor
    agent: torch.Tensor
    turn: torch.Tensor
    agent_of_token: torch.Tensor
    turns: list[Turn]
    prefixes: Prefixes | None = None

    def per_token(self, values: Sequence[float]) -> torch.Tensor:
        """[K] float32: one value a turn, spread over the turn's action tokens."""
        return torch.tensor(values, dtype=torch.float32, device=self.turn.device)[self.turn]

    @property
    def logprobs(self) -> torch.Tensor:
        """[K] log-probabilities as sampled."""
        flat = [x for turn in self.turns for x in turn.logprobs]
        return torch.tensor(flat, dtype=torch.float32, device=self.turn.device)

    @property
    def sampling_factors(self) -> torch.Tensor | None:
        """[K] the weight of each token that another engine sampled; None where the policy
        sampled all of them itself."""
        if all(turn.sampling_factors is None for turn in self.turns):
            return None
        flat = [x for turn in self.turns for x in turn.sampling_factors]
        return torch.tensor(flat, dtype=torch.float32, device=self.turn.device)

    @property
    def advantages(self) -> torch.Tensor:
        """[K] the turn's advantage on each of its action tokens."""
        return self.per_token([turn.advantage for turn in self.turns])


def trajectory_ids(trajectory: Trajectory) -> tuple[list[int], list[bool]]:
    """All ids of a transcript in order, and whether the agent wrote each."""
    ids: list[int] = []
    wrote: list[bool] = []
    for turn in trajectory.turns:
        ids += turn.prompt_ids
        wrote += [False] * len(turn.prompt_ids)
        ids += turn.action_ids
        wrote += [True] * len(turn.action_ids)
    return ids, wrote


def padded_tokens(episodes: Sequence[Episode]) -> int:
    """Tokens of one episode's rows, all padded to the longest transcript of ``episodes``."""
    longest = max(len(trajectory_ids(x)[0]) for e in episodes for x in e.trajectories)
    return longest * len(episodes[0].trajectories)


def action_tokens(episodes: Sequence[Episode]) -> int:
    """Tokens that the agents of one episode wrote together, at most."""
    turns = [[turn for x in e.trajectories for turn in x.turns] for e in episodes]
    return max(sum(len(turn.action_ids) for turn in own) for own in turns)


def pad(rows: Sequence[Sequence[int]], value: int, device) -> tuple[torch.Tensor, torch.Tensor]:
    """([R, L] ids, [R, L] bool mask) of ragged rows, padded on the right."""
    longest = max((len(row) for row in rows), default=0)
    ids = torch.full((len(rows), longest), value, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.bool)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[i, : len(row)] = True
    return ids.to(device), mask.to(device)


def collate(
    episodes: Sequence[Episode], pad_id: int, device="cpu", prefixes: Prefixes | None = None
) -> TokenBatch:
    """The transcripts of ``episodes``, agent-major, as one batch. ``prefixes``: of its rows."""
    agents = len(episodes[0].trajectories)
    rows, wrote, agent, turns, turn_of, agent_of = [], [], [], [], [], []
    for a in range(agents):
        for episode in episodes:
            trajectory = episode.trajectories[a]
            ids, flags = trajectory_ids(trajectory)
            rows.append(ids)
            wrote.append(flags)
            agent.append(a)
            for turn in trajectory.turns:
                turn_of += [len(turns)] * len(turn.action_ids)
                agent_of += [a] * len(turn.action_ids)
                turns.append(turn)
    ids, mask = pad(rows, pad_id, device)
    action_mask, _ = pad(wrote, 0, device)
    return TokenBatch(
        ids=ids,
        mask=mask,
        action_mask=action_mask.bool(),
        agent=torch.tensor(agent, device=device),
        turn=torch.tensor(turn_of, device=device, dtype=torch.long),
        agent_of_token=torch.tensor(agent_of, device=device, dtype=torch.long),
        turns=turns,
        prefixes=prefixes,
    )


def shared_prefixes(episodes: Sequence[Episode]) -> Prefixes | None:
    """What the rows of :func:`collate` begin with alike, up to the token before the first action:
    logits are read from there on."""
    rows = [e.trajectories[a] for a in range(len(episodes[0].trajectories)) for e in episodes]
    most = [max(0, len(x.turns[0].prompt_ids) - 1) if x.turns else 0 for x in rows]
    owners = [trajectory.index for trajectory in rows]
    return find_prefixes([trajectory_ids(x)[0] for x in rows], owners, most)


@dataclass
class ActionBatch:
    """What an actor's loss reads. K action tokens, row by row.

    Attributes:
        tokens: the trajectories; ``tokens.turn`` [K] numbers each token's turn.
        old_logprobs: [K] log-probabilities as sampled.
        advantages: [K] the turn's advantage on each of its tokens, normalized if asked.
        weight: [K] sums to 1 over each policy's tokens in an optimizer step.
        logprobs: [K] log-probabilities under the present policy; carries the gradient.
        entropy: [K] of the policy at each token, or None when no coefficient asks for it.
        reference_logprobs: [K] under the frozen reference, or None likewise.
    """

    tokens: TokenBatch
    old_logprobs: torch.Tensor
    advantages: torch.Tensor
    weight: torch.Tensor
    logprobs: torch.Tensor
    entropy: torch.Tensor | None = None
    reference_logprobs: torch.Tensor | None = None
