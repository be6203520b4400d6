"""The training loop, readable top to bottom: play -> credit -> loss -> step -> record."""

from __future__ import annotations

import datetime
import math
import numbers
from collections.abc import Sequence
from typing import Any

from colllm_bench import processes
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.learners import critic_files, gradient_snr
from colllm_bench.learners.actor_learner import ActorLearner
from colllm_bench.learners.critic_learner import CriticLearner
from colllm_bench.learners.engine_correction import correct_for_engine
from colllm_bench.learners.replay import ReplayBuffer
from colllm_bench.models.vllm_engine import make_engine
from colllm_bench.objectives import communication
from colllm_bench.rollout import rollout, settle_success
from colllm_bench.seeding import derive
from colllm_bench.setup.curriculum import Curriculum
from colllm_bench.setup.environments import close_all, make_env
from colllm_bench.setup.resolve import load_algorithm
from colllm_bench.teams.language_model import LanguageModelTeam, streams_of
from colllm_bench.teams.loading import build_policy
from colllm_bench.training.recording import RESERVED, keeps_replay
from colllm_bench.types import Episode, written


class Trainer:
    """Everything a run holds in memory, and one method per step of the loop.

    Args:
        config: resolved (see :func:`colllm_bench.setup.resolve.resolve`).
        date: what a chat template that prints today's date prints; None: today's.
    """

    def __init__(self, config: RunConfig, *, date: datetime.date | None = None):
        self.config = config
        algorithm = load_algorithm(config.algo)
        _require_shares(config)
        self.envs = self._make_envs(config)
        self.curriculum = Curriculum(config, self.envs[0])
        self._played = config.env_options
        """The options that ``envs`` were made with."""
        self.algorithm = algorithm(config)
        agents = len(self.envs[0].possible_agents)
        slots = self.algorithm.critic_slots(agents, self.algorithm.options)
        self.team = build_policy(config, self.envs[0], critic_slots=slots, date=date)
        self.critic = self.algorithm.build_critic(self.team, self.envs[0])
        _require_critic(self.algorithm, self.critic)
        self.actor = ActorLearner(self.team, self.algorithm, config)
        self.engine = make_engine(self.team, config)
        self.replay = _replay_buffer(self.algorithm, self.critic)

    def _make_envs(self, config: RunConfig) -> list[Any]:
        """An environment for each episode of an iteration that this process plays."""
        return [make_env(config, split="train") for _ in processes.own(range(config.batch))]

    def close(self) -> None:
        """End the environments. The team stays."""
        close_all(self.envs)

    def begin(self) -> None:
        """Before the first iteration of a run; not when it is resumed.

        Raises:
            ConfigError: ``critic_from`` names no critic that fits.
        """
        source = getattr(self.algorithm.options, "critic_from", None)
        if source is not None:
            critic_files.load(self.critic, source)

    def play(self, iteration: int) -> list[Episode]:
        """The iteration's episodes: ``batch / group`` tasks, ``group`` episodes of each."""
        c = self.config
        group, mine = written(c.group), processes.own(range(c.batch))
        groups = [i // group for i in mine]
        seeds = [derive(c.seed, "task", iteration, group) for group in groups]
        player = LanguageModelTeam(
            self.team,
            **streams_of(c, self.team.device, "actions", iteration),
            temperature=c.temperature,
            max_action_tokens=written(c.max_action_tokens),
            replicas=[i % group for i in mine],
            engine=self.engine,
        )
        frames = 1 if processes.is_first() and keeps_replay(c, iteration) else 0
        stage = self.curriculum.of(iteration)
        if stage.env_options != self._played:
            easier = c.replace(env_options=stage.env_options)
            before, self.envs = self.envs, self._make_envs(easier)
            close_all(before)
            self._played = stage.env_options
        episodes = processes.gather(rollout(
            self.envs, seeds, groups, player, frames=frames, options=stage.reset_options
        ))
        if self.engine is not None:
            self.engine.sleep()
        settle_success(episodes)
        return episodes

    def learn(self, episodes: Sequence[Episode], iteration: int) -> dict[str, float]:
        """Values, advantages, the critic's update, the actors' update; their metrics.

        With ``replay`` actors and critic learn from the iterations before, too: as many optimizer
        steps as without, each from more episodes.
        """
        fresh = episodes
        if self.replay is not None:
            self.actor.write_log_ratios(self.replay.episodes)
            episodes = [*self.replay.episodes, *fresh]
        metrics = self._learn(episodes, iteration) | self.curriculum.of(iteration).metrics
        if self.replay is not None:
            self.replay.add(fresh)
        self.curriculum.note(fresh)
        return metrics

    def _learn(self, episodes: Sequence[Episode], iteration: int) -> dict[str, float]:
        if self.critic is not None:
            self.critic.write_values(episodes)
        metrics = dict(self.algorithm.compute_advantages(episodes) or {})
        _require_metrics(self.algorithm, metrics)
        _require_numbers(self.algorithm, episodes, "advantage")
        if isinstance(self.critic, CriticLearner):
            _require_numbers(self.algorithm, episodes, "return_")
        # An algorithm whose learners send each other something else has counted it itself.
        if "bytes_exchanged" not in metrics:
            metrics["bytes_exchanged"] = communication.bytes_exchanged(self.algorithm, episodes)
        if self.critic is not None:
            metrics |= self.critic.update(episodes)
        if isinstance(self.critic, CriticLearner):
            groups = self.critic.groups.values()
            processes.require_same("critic", (t for own in groups for t in own))
        if not self.algorithm.trains_actors(iteration):
            if self.replay is not None:  # later iterations read these log-probabilities
                metrics |= self.actor.rescore(episodes)
            return metrics
        if self.engine is not None:
            cap = self.config.sampling_factor_cap
            metrics |= correct_for_engine(self.actor, episodes, cap)
        every, noise = self.config.gradient_snr_every, {}
        if every and iteration % every == 0:
            noise = gradient_snr.measure(self.actor, episodes)
        metrics |= self.actor.update(episodes, iteration)
        processes.require_same("policies", (t for own in self.actor.groups.values() for t in own))
        metrics["bytes_exchanged"] += self._gradients_exchanged(metrics["actor_steps"])
        return metrics | noise

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
            **({"replay": self.replay.state_dict()} if self.replay is not None else {}),
            **({"curriculum": self.curriculum.state_dict()} if self.curriculum.stages else {}),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.team.load_state_dict(state["team"])
        self.algorithm.load_state_dict(state["algorithm"])
        self.actor.load_state_dict(state["actor"])
        if self.critic:
            self.critic.load_state_dict(state["critic"])
        if self.curriculum.stages:
            self.curriculum.load_state_dict(state["curriculum"])
        if self.replay is not None:
            self.replay.load_state_dict(state["replay"])
            if isinstance(self.critic, CriticLearner):
                self.critic.recall(self.replay.groups)


def _require_shares(config: RunConfig) -> None:
    """Refuse to share out what cannot be played apart."""
    if processes.size() > 1 and config.random_streams != "episode":
        raise ConfigError(
            f"{processes.size()} processes and random_streams {config.random_streams!r}: what an "
            "agent draws depends on the whole batch", allowed="random_streams 'episode'",
            fix="go on in one process, without torchrun",
        )
    if processes.size() > 1 and config.rollouts != "torch":
        raise ConfigError(
            f"--rollouts {config.rollouts} in {processes.size()} processes",
            allowed="--rollouts torch", fix="one process, without torchrun",
        )
    if config.batch < processes.size():
        raise ConfigError(
            f"batch {config.batch} for {processes.size()} processes",
            allowed=f"{processes.size()} or more", fix="a larger --batch, or fewer processes",
        )


def _replay_buffer(algorithm: Any, critic: Any) -> ReplayBuffer | None:
    """Where the last iterations' episodes are kept; None where each is learned from once."""
    iterations = getattr(algorithm.options, "replay", 1)
    if iterations == 1:
        return None
    return ReplayBuffer(iterations, texts=not isinstance(critic, CriticLearner))


def _require_critic(algorithm: Any, critic: Any) -> None:
    """Refuse a critic of a plug-in's own that lacks what the loop calls."""
    lacks = [
        part for part in ("write_values", "update", "state_dict", "load_state_dict")
        if not callable(getattr(critic, part, None))
    ]
    if critic is not None and lacks:
        raise ConfigError(
            f"{type(algorithm).__name__}.build_critic returned {critic!r:.60} without "
            f"{', '.join(lacks)}",
            allowed="None, or an object with the methods of CriticProtocol",
        )


def _require_numbers(algorithm: Any, episodes: Sequence[Episode], field: str) -> None:
    """Refuse turns whose advantage or return is no finite number: nothing must be learned from
    them."""
    value: Any  # a stranger's algorithm may leave anything
    for turn in (turn for e in episodes for x in e.trajectories for turn in x.turns):
        value = getattr(turn, field)
        if field == "return_" and turn.returns is not None:
            value = math.fsum(map(float, (value, *turn.returns)))  # finite where all of them are
        if not isinstance(value, numbers.Real) or not math.isfinite(value):
            raise RunError(
                f"{type(algorithm).__name__}.compute_advantages left a turn with the "
                f"{field.rstrip('_')} {value!r:.60}; allowed: a finite number (float(x) of a "
                f"tensor) in turn.{field} of every turn"
            )


def _require_metrics(algorithm: Any, metrics: dict[str, Any]) -> None:
    """Refuse metrics under names that the harness writes, and what is no number."""
    for name, value in metrics.items():
        if name in RESERVED or not (value is None or isinstance(value, numbers.Real)):
            raise RunError(
                f"{type(algorithm).__name__}.compute_advantages returned the metric {name!r} with "
                f"{value!r:.60}; allowed: numbers, under other names than {', '.join(RESERVED)}"
            )
