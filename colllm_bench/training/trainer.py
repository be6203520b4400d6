"""The training loop, readable top to bottom: play -> credit -> loss -> step -> record."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import torch

from colllm_bench.config import RunConfig
from colllm_bench.models.critic import Critic
from colllm_bench.models.team_policy import TeamPolicy
from colllm_bench.objectives import communication
from colllm_bench.rollout import rollout
from colllm_bench.seeding import derive, torch_generator
from colllm_bench.setup.environments import make_env
from colllm_bench.setup.resolve import load_algorithm
from colllm_bench.teams.language_model import LanguageModelTeam
from colllm_bench.training.actor_learner import ActorLearner
from colllm_bench.training.critic_learner import CriticLearner
from colllm_bench.training.recording import keeps_replay
from colllm_bench.types import Episode


class Trainer:
    """Everything a run holds in memory, and one method per step of the loop.

    Args:
        config: resolved (see :func:`colllm_bench.setup.resolve.resolve`).
        date: what a chat template that prints today's date prints; None: today's.
    """

    def __init__(self, config: RunConfig, *, date: datetime.date | None = None):
        if config.threads:
            torch.set_num_threads(config.threads)
        self.config = config
        algorithm = load_algorithm(config.algo)
        self.envs = [make_env(config, split="train") for _ in range(config.batch)]
        agents = list(self.envs[0].possible_agents)
        critics = algorithm.view.critics(len(agents)) if algorithm.view else 0
        generator = torch_generator(config.seed, "adapters")
        roles = getattr(self.envs[0], "roles", None)
        self.team = TeamPolicy.build(
            config,
            agents,
            generator=generator,
            critic_slots=critics,
            roles=roles and [roles[agent] for agent in agents],
            date=date,
        )
        self.critic = None
        if algorithm.view is not None:
            critic = Critic.build(config, self.team, critics)
            self.critic = CriticLearner(critic, algorithm.view, self.team, config)
        self.algorithm = algorithm(config, critic=self.critic)
        self.actor = ActorLearner(self.team, self.algorithm, config)

    def play(self, iteration: int) -> list[Episode]:
        """The iteration's episodes: ``batch / group`` tasks, ``group`` episodes of each."""
        c = self.config
        groups = [i // c.group for i in range(c.batch)]
        seeds = [derive(c.seed, "task", iteration, group) for group in groups]
        player = LanguageModelTeam(
            self.team,
            generator=torch_generator(c.seed, "actions", iteration, device=self.team.device),
            temperature=c.temperature,
            max_action_tokens=c.max_action_tokens,
        )
        frames = 1 if keeps_replay(c, iteration) else 0
        return rollout(self.envs, seeds, groups, player, frames=frames)

    def learn(self, episodes: Sequence[Episode], iteration: int) -> dict[str, float]:
        """Credit, the critic's fit, the actors' improvement; their metrics."""
        metrics = dict(self.algorithm.credit(episodes) or {})
        metrics["bytes_exchanged"] = self.algorithm.bytes_exchanged(episodes)
        if self.critic is not None:
            metrics |= self.critic.update(episodes)
            if iteration < self.config.critic_warmup:
                return metrics  # a critic that knows nothing yet must not steer the actors
        metrics |= self.actor.update(episodes, iteration)
        metrics["bytes_exchanged"] += self._gradients_exchanged(metrics["actor_steps"])
        return metrics

    def _gradients_exchanged(self, steps: int) -> int:
        """Bytes that agents with one policy would tell each other of their gradients."""
        sharers = [self.team.slot_of_agent.count(slot) for slot in range(self.team.slots)]
        groups = self.actor.groups.values()
        sizes = [sum(t.numel() * t.element_size() for t in tensors) for tensors in groups]
        return communication.of_shared_policies(sharers, sizes, steps)

    def state_dict(self) -> dict[str, Any]:
        """All that the next iteration depends on; random streams derive from the seed."""
        return {
            "team": self.team.state_dict(),
            "algorithm": self.algorithm.state_dict(),
            "actor": self.actor.state_dict(),
            "critic": self.critic.state_dict() if self.critic else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.team.load_state_dict(state["team"])
        self.algorithm.load_state_dict(state["algorithm"])
        self.actor.load_state_dict(state["actor"])
        if self.critic:
            self.critic.load_state_dict(state["critic"])
