"""Behaviour cloning of demonstrations, until the clone scores as its demonstrators do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from colllm_bench.evaluation.held_out import evaluate_team, play_held_out, raw_results
from colllm_bench.learners.micro_batching import MicroBatchSizer
from colllm_bench.objectives.batches import action_tokens, collate, padded_tokens
from colllm_bench.runs import checkpoints
from colllm_bench.teams.scripted import ScriptedTeam
from colllm_bench.types import Episode, written
from colllm_bench.warm_start.demonstrations import Demonstrator, novice_class
from colllm_bench.warm_start.plan import Plan

PLAYS = 4
"""How often the demonstrators play each development task: they play by lot."""
SAVE_EVERY = 10
"""Steps between checkpoints."""


@dataclass
class Progress:
    """How far a warm start is.

    Attributes:
        step: optimizer steps done.
        losses: nats per action token of each step's demonstrations, before the step.
        tokens: tokens read, action tokens among them.
        checks: plays on the development set: ``step``, ``return``, ``success`` (or None),
            ``invalid``.
        goal: the demonstrators' mean return on the same tasks.
        seconds: time taken, over all processes.
    """

    goal: float
    step: int = 0
    losses: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=lambda: [0, 0])
    checks: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def reached(self) -> bool:
        return bool(self.checks) and self.checks[-1]["return"] >= self.goal


def demonstrators_return(plan: Plan) -> float:
    """Mean return of the novices on the development tasks, :data:`PLAYS` times each."""
    novice = novice_class(plan.config.env)
    played = [
        episode.return_
        for seed in range(PLAYS)
        for episode in play_held_out(plan.config, ScriptedTeam(novice, seed), scripted=True)
    ]
    return fmean(played)


class Cloning:
    """Trains a team's one policy on demonstrations.

    Args:
        plan: the settings.
        policy: a :class:`colllm_bench.models.team_policy.TeamPolicy` of ``plan.config``.
        folder: of the checkpoints; the newest is gone on with.
    """

    def __init__(self, plan: Plan, policy: Any, folder: Path):
        self.plan, self.policy, self.folder = plan, policy, folder
        self.tensors = [tensor for own in policy.parameters().values() for tensor in own]
        self.optimizer = torch.optim.AdamW(self.tensors, lr=plan.lr, weight_decay=0.0)
        self.sizer = MicroBatchSizer.for_model(policy.model, plan.config, policy.device)
        found = checkpoints.load(folder)
        if found is None:
            self.progress = Progress(goal=demonstrators_return(plan))
        else:
            state = found[1]
            self.progress = Progress(**state["progress"])
            policy.load_state_dict(state["policy"])
            self.optimizer.load_state_dict(state["optimizer"])

    def run(self, report: Callable[[Progress], None]) -> Progress:
        """Step after step, until the goal, the last step or the time is up; ``report`` is told
        of each."""
        demonstrator = Demonstrator(self.plan.config, self.policy.prompts)
        p = self.progress
        last = p.step >= self.plan.steps
        try:
            while not (last or p.reached):
                began = time.monotonic()
                self._step(demonstrator)
                spent = p.seconds + time.monotonic() - began
                last = p.step >= self.plan.steps or spent >= 60 * self.plan.minutes
                if p.step % self.plan.check_every == 0 or last:
                    p.checks.append(self._check())
                p.seconds += time.monotonic() - began
                if p.step % SAVE_EVERY == 0 or p.checks and p.checks[-1]["step"] == p.step:
                    self._save()
                report(p)
        finally:
            demonstrator.close()
        return p

    def _step(self, demonstrator: Demonstrator) -> None:
        p, size = self.progress, self.plan.episodes
        episodes = [demonstrator.episode(p.step * size + k) for k in range(size)]
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.rate(p.step)
        self.optimizer.zero_grad(set_to_none=True)
        turns = [turn for e in episodes for x in e.trajectories for turn in x.turns]
        total = sum(len(written(turn.action_ids)) for turn in turns)
        loss = self._backward(episodes, total)
        torch.nn.utils.clip_grad_norm_(self.tensors, self.plan.config.max_grad_norm)
        self.optimizer.step()
        p.step += 1
        p.losses.append(loss)
        p.tokens[1] += total

    def _backward(self, episodes: list[Episode], total: int) -> float:
        """Gradients of the mean over ``total`` action tokens; that mean, in nats."""
        pad, device, loss = self.policy.prompts.pad_id, self.policy.device, 0.0
        micro = self.sizer.episodes(padded_tokens(episodes), action_tokens(episodes))
        for first in range(0, len(episodes), micro):
            batch = collate(episodes[first : first + micro], pad, device)
            self.progress.tokens[0] += int(batch.mask.sum())
            logprobs = self.policy.evaluate_actions(batch).logprobs  # [K]
            part = -logprobs.sum() / total
            part.backward()
            loss += float(part.detach())
        return loss

    def _check(self) -> dict[str, Any]:
        """The clone on the development tasks, sampled as in a rollout."""
        result = raw_results(evaluate_team(self.plan.config, self.policy))
        successes = result["successes"]
        return {
            "step": self.progress.step, "return": fmean(result["returns"]),
            "success": None if successes is None else fmean(successes),
            "invalid": result["invalid"],
        }

    def _save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        checkpoints.save(self.folder, self.progress.step, {
            "progress": vars(self.progress), "policy": self.policy.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        })
