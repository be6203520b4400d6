"""A team of scripted policies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from colllm_bench.seeding import derive
from colllm_bench.teams.base import replicas
from colllm_bench.types import Episode, Trajectory, Turn


class ScriptedTeam:
    """A team of scripted policies, one object an agent, each seeing only its own text.

    Args:
        policy: a class with ``reset(agent, instructions, seed)`` and ``act(observation, info)``.
        seed: with the episode's seed and the agent, seeds each policy; where several episodes
            start from one seed, each has policies of its own.
    """

    def __init__(self, policy: Callable[[], Any], seed: int = 0):
        self.policy = policy
        self.seed = seed

    def reset(self, episodes: Sequence[Episode]) -> None:
        self.policies = [
            [self._policy(episode, replica, trajectory) for trajectory in episode.trajectories]
            for episode, replica in zip(episodes, replicas(episodes), strict=True)
        ]

    def _policy(self, episode: Episode, replica: int, trajectory: Trajectory) -> Any:
        # Not the place in the batch: how a team plays a task must not depend on its company.
        policy = self.policy()
        seed = derive(self.seed, "scripted", episode.seed, replica, trajectory.agent)
        policy.reset(trajectory.agent, trajectory.instructions, seed)
        return policy

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        for policies, own in zip(self.policies, turns, strict=True):
            for policy, turn in zip(policies, own, strict=True):
                if turn is not None:
                    turn.action_text = policy.act(turn.observation, turn.info)

    def keep_running(self, running: Sequence[int]) -> None:
        self.policies = [self.policies[i] for i in running]

    def observe_final(self, trajectory: Trajectory, observation: str) -> None:
        pass
