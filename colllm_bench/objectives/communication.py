"""What learners that stand apart would have to send each other, in bytes an iteration.

Here all agents learn in one process, and nothing is sent. These functions count what a
deployment would send in which every agent has a machine of its own: it plays, holds its own
transcript, gets the team's reward from the environment like everybody else, and trains its own
policy. docs/sweeps.md derives the number of each algorithm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from colllm_bench.objectives.critic_inputs import View
from colllm_bench.types import Episode

TOKEN = 4
"""Bytes of a token id (int32)."""
NUMBER = 4
"""Bytes of a value, an advantage or a sum (float32)."""


def with_critics(view: View, episodes: Sequence[Episode]) -> int:
    """Tokens to the critics that read them, and a number back for every turn that they judge.

    One critic for several agents stands apart from them all: whatever it reads was sent. As
    many critics as agents stand with their agents: what each reads beyond its agent's own
    transcript was sent, and what it says of another agent's turns.

    Args:
        view: what the critics read (:attr:`Algorithm.view`).
        episodes: of one iteration.
    """
    central = view.critics(len(episodes[0].trajectories)) == 1 and len(episodes[0].trajectories) > 1
    home = {}  # of every turn: its transcript, and its number there
    for episode in episodes:
        for trajectory in episode.trajectories:
            for t, turn in enumerate(trajectory.turns):
                home[id(turn)] = (trajectory, t)
    tokens = numbers = 0
    for history in view.histories(episodes):
        own = None if central else history.critic
        tokens += len(history.ids)
        known = 0  # tokens that the critic's own agent wrote or was shown, up to its last read
        for read in history.reads:
            for turn in read.turns:
                trajectory, t = home[id(turn)]
                if trajectory.index == own:
                    known = _tokens(trajectory.turns[:t]) + len(turn.prompt_ids)
                else:
                    numbers += 1
            for trajectory in read.finals:
                if trajectory.index == own:
                    known = _tokens(trajectory.turns) + len(trajectory.final_prompt_ids)
        tokens -= min(known, len(history.ids))
    return TOKEN * tokens + NUMBER * numbers


def _tokens(turns: Iterable) -> int:
    return sum(len(turn.prompt_ids) + len(turn.action_ids) for turn in turns)


def with_master(episodes: Sequence[Episode]) -> int:
    """Centralized execution: every observation to the master, every action back, while they
    play. The master's transcript is all of it."""
    trajectories = [trajectory for episode in episodes for trajectory in episode.trajectories]
    final = sum(len(trajectory.final_prompt_ids or ()) for trajectory in trajectories)
    return TOKEN * (sum(_tokens(trajectory.turns) for trajectory in trajectories) + final)


def of_normalization(agents: int) -> int:
    """Advantages to mean 0 and standard deviation 1 over the whole team: each agent sends
    count, sum and sum of squares of its own, and gets mean and deviation back."""
    return 5 * NUMBER * agents if agents > 1 else 0


def of_shared_policies(sharers: Iterable[int], sizes: Iterable[int], steps: int) -> int:
    """Parameters that several agents share: at every optimizer step each of them sends its
    gradient, and gets the sum back.

    Args:
        sharers: agents of each policy.
        sizes: bytes of each policy's trainable tensors.
        steps: optimizer steps.
    """
    return sum(2 * k * size * steps for k, size in zip(sharers, sizes, strict=True) if k > 1)
