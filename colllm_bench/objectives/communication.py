"""Communication cost: the bytes an iteration would send if every agent had its own machine.

Here all agents learn in one process, and nothing is sent. In the deployment that is counted,
an agent's machine plays for it, holds its trajectory, gets the team's reward from the
environment and trains its policy. docs/sweeps.md derives the number of each algorithm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from colllm_bench.objectives.critic_inputs import CriticInput
from colllm_bench.types import Episode

TOKEN = 4
"""Bytes of a token id (int32)."""
NUMBER = 4
"""Bytes of a value, an advantage or a sum (float32)."""


def bytes_exchanged(algorithm: Any, episodes: Sequence[Episode]) -> int:
    """Bytes for the advantages of these episodes (a metric: it changes nothing).

    Args:
        algorithm: an :class:`colllm_bench.baselines.algorithm.Algorithm`.
        episodes: of one iteration.
    """
    if algorithm.centralized_execution:
        return with_controller(episodes)
    agents, critic_input = len(episodes[0].trajectories), algorithm.critic_input
    sent = with_critics(critic_input, episodes) if critic_input else 0
    central = critic_input is not None and critic_input.critics(agents) == 1
    if algorithm.config.normalize_advantages and not central:
        sent += of_normalization(agents)  # a central critic sees them all anyway
    return sent


def with_critics(critic_input: CriticInput, episodes: Sequence[Episode]) -> int:
    """Tokens to the critics that read them, and a number back for every turn that they judge.

    A single critic for several agents has a machine of its own: all that it reads was sent.
    With one critic per agent, each critic runs on its agent's machine; counted are the tokens
    that it reads from other agents' trajectories and the values it returns for their turns.

    Args:
        critic_input: what the critics read (``Algorithm.critic_input``).
        episodes: of one iteration.
    """
    agents = len(episodes[0].trajectories)
    central = critic_input.critics(agents) == 1 and agents > 1
    tokens = numbers = 0
    for episode in episodes:
        owner = {id(turn): x.index for x in episode.trajectories for turn in x.turns}
        if episode.replayed:  # the critic has it; up goes each turn's ratio, down its advantage
            numbers += 2 * len(owner) * central
            continue
        reading = critic_input.read(episode)
        tokens += sum(len(row.ids) for row in reading.rows)
        for cell in reading.cells:
            critic = reading.rows[cell.observed.row].critic
            if not central and cell.agent == critic:  # its own agent's: they are there already
                tokens -= sum(s.stop - s.start for s in (cell.observed, cell.acted) if s)
        judged = {  # once each, however many of its values an advantage is made of
            (position.critic, id(turn))
            for position in reading.positions for turn in [*position.turns, *position.also]
        }
        numbers += sum(central or owner[turn] != critic for critic, turn in judged)
    return TOKEN * tokens + NUMBER * numbers


def _tokens(turns: Iterable) -> int:
    return sum(len(turn.prompt_ids) + len(turn.action_ids) for turn in turns)


def with_controller(episodes: Sequence[Episode]) -> int:
    """Centralized execution: every observation to the controller and every action back while
    the episode is played. The controller's trajectory holds them all."""
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
