"""The training loop, readable top to bottom: play -> credit -> loss -> step -> record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import fmean
from typing import Any

import torch

from colllm_bench.config import RunConfig
from colllm_bench.evaluation.held_out import (
    evaluate_team,
    reference_teams,
    results,
    summarize_teams,
)
from colllm_bench.models.critic import Critic
from colllm_bench.models.team_policy import Team
from colllm_bench.objectives import communication
from colllm_bench.rollout import rollout
from colllm_bench.runs.replays import KEPT
from colllm_bench.seeding import derive, torch_generator
from colllm_bench.setup.environments import make_env, provenance_of
from colllm_bench.setup.validate import check_config, load_algorithm, resolve
from colllm_bench.teams.language_model import TeamPlayer
from colllm_bench.training.actor_learner import ActorLearner, CriticLearner
from colllm_bench.types import Episode


class Trainer:
    """Everything a run holds in memory, and one method per step of the loop.

    Args:
        config: resolved (see :func:`colllm_bench.setup.validate.resolve`).
    """

    def __init__(self, config: RunConfig):
        if config.threads:
            torch.set_num_threads(config.threads)
        self.config = config
        algorithm = load_algorithm(config.algo)
        self.envs = [make_env(config, split="train") for _ in range(config.batch)]
        agents = list(self.envs[0].possible_agents)
        critics = algorithm.view.critics(len(agents)) if algorithm.view else 0
        generator = torch_generator(config.seed, "adapters")
        roles = getattr(self.envs[0], "roles", None)
        self.team = Team.build(
            config,
            agents,
            generator=generator,
            critic_slots=critics,
            roles=roles and [roles[agent] for agent in agents],
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
        player = TeamPlayer(
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
            metrics |= self.critic.fit(episodes)
            if iteration < self.config.critic_warmup:
                return metrics  # a critic that knows nothing yet must not steer the actors
        metrics |= self.actor.improve(episodes, iteration)
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


def train(config: RunConfig, folder: Any = None, listener: Any = None) -> Trainer:
    """Train a team; with a run folder, record it and go on from its last checkpoint.

    Args:
        config: what to run; open questions are filled in by ``resolve``.
        folder: a :class:`colllm_bench.runs.folder.RunFolder`, or None to record nothing.
        listener: shows progress (:mod:`colllm_bench.display.progress`), or None.

    Returns:
        The trainer with the trained team.

    Raises:
        ConfigError: the configuration cannot be run.
        RunError: writing failed; the folder stays resumable.
    """
    config = resolve(config)
    check_config(config)
    trainer = Trainer(config)
    start = 0
    if folder is not None:
        found = folder.load_checkpoint()
        if found is not None:
            start, state = found
            trainer.load_state_dict(state)
        folder.rewind(start)
        if start == 0:
            untrained = evaluate_team(config, trainer.team, frames=KEPT["untrained"])
            _keep_replays(folder, "untrained", untrained)
            folder.write_json("untrained.json", results(untrained))
    if listener:
        listener.start(config.iterations * config.batch, start * config.batch)
    for iteration in range(start, config.iterations):
        began = time.perf_counter()
        episodes = trainer.play(iteration)
        played = time.perf_counter()
        learned = trainer.learn(episodes, iteration)
        row = {"iteration": iteration, "episodes": (iteration + 1) * config.batch}
        row |= describe(episodes) | learned
        if folder is not None:
            seconds = {"rollout": played - began, "learn": time.perf_counter() - played}
            _record(folder, trainer, row, episodes, seconds)
        if listener:
            listener.iteration(row, episodes)
    if listener:
        listener.close()
    return trainer


def keeps_checkpoint(config: RunConfig, iteration: int) -> bool:
    """Whether an iteration ends with a checkpoint; its first episode is then kept to be read."""
    return iteration + 1 == config.iterations or (iteration + 1) % config.checkpoint_every == 0


def keeps_replay(config: RunConfig, iteration: int) -> bool:
    """Whether that episode is also kept as data: at the first checkpoint, the second, fourth,
    eighth, ..., and the last, so that a long run keeps few."""
    nth = (iteration + 1) // config.checkpoint_every
    doubled = nth & (nth - 1) == 0
    return keeps_checkpoint(config, iteration) and (doubled or iteration + 1 == config.iterations)


def describe(episodes: Sequence[Episode]) -> dict[str, float]:
    """What an iteration's episodes were like: the numbers that come before any learning."""
    turns = [turn for e in episodes for x in e.transcripts for turn in x.turns]
    row = {
        "return": fmean(e.return_ for e in episodes),
        "length": fmean(len(e.rewards) for e in episodes),
        "invalid": fmean(bool(turn.info.get("invalid")) for turn in turns),
        "agent_turns": len(turns),
        "tokens": sum(len(turn.action_ids) for turn in turns),
        # Of the sampled tokens, per turn: an unbiased estimate of the policy's entropy.
        "sampled_entropy": -fmean(sum(turn.logprobs) for turn in turns),
    }
    if all(e.success is not None for e in episodes):
        row["success"] = fmean(e.success for e in episodes)
    return row


def _record(folder: Any, trainer: Trainer, row: dict, episodes: list[Episode], seconds: dict):
    """Write an iteration; its checkpoint last, so that a checkpoint never lacks its lines."""
    config, iteration = trainer.config, row["iteration"]
    folder.append_metrics(row)
    folder.append_timing({"iteration": iteration, **seconds})
    folder.append_episodes([
        {
            "iteration": iteration,
            "seed": e.seed,
            "group": e.group,
            "return": e.return_,
            "success": e.success,
            "turns": len(e.rewards),
            "score": e.score,
        }
        for e in episodes
    ])
    name = f"iteration-{iteration:05d}"
    if keeps_replay(config, iteration):
        folder.write_replay(name, episodes[0], team="training", split="train", iteration=iteration)
    if keeps_checkpoint(config, iteration):
        folder.write_transcript(name, episodes[0])
        folder.save_checkpoint(iteration + 1, trainer.state_dict())


def _keep_replays(folder: Any, team: str, episodes: Sequence[Episode]) -> None:
    """The first held-out episodes of a team, to be watched again."""
    name = "held-out" if team == "trained" else team
    for k, episode in enumerate(episodes[: KEPT.get(team, 0)]):
        folder.write_replay(f"{name}-{k}", episode, team=team, split="eval")


def finish(trainer: Trainer, folder: Any) -> dict[str, Any]:
    """Evaluate the trained team and the reference teams, and write ``summary.json``.

    Returns:
        The summary (see :func:`colllm_bench.evaluation.held_out.summarize_teams`), and
        ``parameters``:
        how many the base ``model`` has, and how many of the policies are ``trained``.
    """
    config = trainer.config
    played = {"trained": evaluate_team(config, trainer.team, frames=KEPT["trained"])}
    played |= reference_teams(config)
    teams = {"trained": results(played["trained"]), "untrained": folder.read_json("untrained.json")}
    teams |= {name: results(episodes) for name, episodes in played.items() if name != "trained"}
    summary = summarize_teams(config, teams) | {"parameters": trainer.team.counts()}
    if about := provenance_of(trainer.envs[0]):
        summary["provenance"] = about
    for name, episodes in played.items():
        _keep_replays(folder, name, episodes)
    for k, episode in enumerate(played["trained"][: KEPT["trained"]]):
        folder.write_transcript(f"held-out-{k}", episode)
    trainer.team.save(folder.path / "team")
    folder.write_summary(summary)
    return summary
