"""What of an iteration is recorded, and when."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from colllm_bench.config import RunConfig
from colllm_bench.runs.checkpoints import is_due
from colllm_bench.runs.replays import KEPT
from colllm_bench.types import Episode

RESERVED = (
    "iteration", "episodes", "return", "length", "invalid", "agent_turns", "tokens",
    "sampled_entropy", "context_exceeded", "success",
)
"""Names in an iteration's line that the harness writes."""


def keeps_checkpoint(config: RunConfig, iteration: int) -> bool:
    """Whether an iteration ends with a checkpoint; its first episode is then kept to be read."""
    return is_due(config, iteration + 1)


def keeps_replay(config: RunConfig, iteration: int) -> bool:
    """Whether that episode is also kept as data: at the first checkpoint, the second, fourth,
    eighth, ..., and the last, so that a long run keeps few."""
    nth = (iteration + 1) // config.checkpoint_every
    doubled = nth & (nth - 1) == 0
    return keeps_checkpoint(config, iteration) and (doubled or iteration + 1 == config.iterations)


def describe(episodes: Sequence[Episode]) -> dict[str, float]:
    """What an iteration's episodes were like: the numbers that come before any learning."""
    turns = [turn for e in episodes for x in e.trajectories for turn in x.turns]
    row = {
        "return": fmean(e.return_ for e in episodes),
        "length": fmean(len(e.rewards) for e in episodes),
        "invalid": fmean(bool(turn.info.get("invalid")) for turn in turns),
        "agent_turns": len(turns),
        "tokens": sum(len(turn.action_ids) for turn in turns),
        # Of the sampled tokens, per turn: an unbiased estimate of the policy's entropy.
        "sampled_entropy": -fmean(sum(turn.logprobs) for turn in turns),
    }
    if exceeded := sum(e.context_exceeded for e in episodes):
        row["context_exceeded"] = exceeded  # only where it happens: most models never need it
    if all(e.success is not None for e in episodes):
        row["success"] = fmean(e.success for e in episodes)
    return row


def evaluates(config: RunConfig, iteration: int) -> bool:
    """Whether the team plays the held-out tasks after an iteration (``--eval-every``)."""
    return config.eval_every > 0 and (iteration + 1) % config.eval_every == 0


def describe_held_out(episodes: Sequence[Episode]) -> dict[str, float]:
    """Of held-out episodes during training: the mean return, the share of invalid actions and,
    where every episode has a verdict, the share of successes. Names begin with ``eval_``."""
    kept = ("return", "invalid", "success")
    return {f"eval_{k}": v for k, v in describe(episodes).items() if k in kept}


def record_iteration(
    folder: Any, trainer: Any, row: dict, episodes: list[Episode], seconds: dict
) -> None:
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


def keep_replays(folder: Any, team: str, episodes: Sequence[Episode]) -> None:
    """The first held-out episodes of a team, to be watched again."""
    name = "held-out" if team == "trained" else team
    for k, episode in enumerate(episodes[: KEPT.get(team, 0)]):
        folder.write_replay(f"{name}-{k}", episode, team=team, split=folder.config.eval_split)
