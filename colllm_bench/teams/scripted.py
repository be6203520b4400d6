"""A team of scripted policies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from colllm_bench.seeding import derive
from colllm_bench.teams.base import Team, replicas
from colllm_bench.types import Episode, Trajectory, Turn


class ScriptedTeam(Team):
    """A team of scripted policies: one object per agent, which sees only its agent's text.

    Args:
        policy: a class with ``reset(agent, instructions, seed)`` and ``act(observation, info)``.
        seed: each policy's seed derives from this, the episode's seed and the agent; where
            several episodes start from one seed, each has its own policies.
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
        # Seed by task, not by batch index, so that results do not depend on the other episodes
        # in the batch.
        policy = self.policy()
        seed = derive(self.seed, "scripted", episode.seed, replica, trajectory.agent)
        policy.reset(trajectory.agent, trajectory.instructions, seed)
        return policy

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        for policies, episode_turns in zip(self.policies, turns, strict=True):
            for policy, turn in zip(policies, episode_turns, strict=True):
                if turn is not None:
                    turn.action_text = policy.act(turn.observation, turn.info)

    def keep_running(self, running: Sequence[int]) -> None:
        self.policies = [self.policies[i] for i in running]
