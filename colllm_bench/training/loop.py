"""The training loop, readable top to bottom: play, learn, record."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from colllm_bench import processes
from colllm_bench.config import RunConfig
from colllm_bench.evaluation.held_out import (
    evaluate_team,
    raw_results,
    reference_teams,
    summarize_teams,
)
from colllm_bench.learners import critic_files
from colllm_bench.runs.folder import RunFolder, holds_run
from colllm_bench.runs.replays import KEPT
from colllm_bench.setup.environments import provenance_of
from colllm_bench.setup.resolve import resolve
from colllm_bench.setup.validate import check_config
from colllm_bench.training.callbacks import Callback
from colllm_bench.training.recording import (
    describe,
    describe_held_out,
    evaluates,
    keep_replays,
    record_iteration,
)
from colllm_bench.training.trainer import Trainer


def train(
    config: RunConfig, folder: RunFolder | str | Path | None = None,
    callback: Callback | None = None,
) -> Trainer:
    """Train a team; with a run folder, record it and go on from its last checkpoint.

    Of several processes (:mod:`colllm_bench.processes`) each calls this with the same
    configuration, and the first alone may have a folder.

    Args:
        config: what to run; open questions are filled in by ``resolve``.
        folder: None to record nothing; a path is that of a run folder, begun or gone on with.
        callback: told of the progress; several as a
            :class:`colllm_bench.training.callbacks.CallbackList`.

    Returns:
        The trainer with the trained team.

    Raises:
        ConfigError: the configuration cannot be run.
        RunError: writing failed; the folder stays resumable.
    """
    config = resolve(config)
    check_config(config)
    if isinstance(folder, (str, Path)):
        with (RunFolder.resume if holds_run(folder) else RunFolder.create)(folder, config) as own:
            return train(config, own, callback)
    started = folder.date if folder else None
    recorded, date = processes.from_first((folder is not None, started))
    trainer = Trainer(config, date=date)
    callback = callback or Callback()
    if not recorded:
        trainer.begin()
    start = _restore(trainer, folder) if recorded else 0
    callback.on_start(config.iterations * config.batch, start * config.batch)
    try:
        for iteration in range(start, config.iterations):
            began = time.perf_counter()
            with _checkpointing_on_failure(trainer, folder, iteration):
                episodes = trainer.play(iteration)
            played = time.perf_counter()
            metrics = trainer.learn(episodes, iteration)
            row: dict[str, float] = {"iteration": iteration}
            row["episodes"] = (iteration + 1) * config.batch
            row |= describe(episodes) | metrics
            seconds = {"rollout": played - began, "learn": time.perf_counter() - played}
            if evaluates(config, iteration):
                # From generators of its own: training goes on as if it had not taken place.
                row |= describe_held_out(evaluate_team(config, trainer.team))
                seconds["evaluate"] = time.perf_counter() - began - sum(seconds.values())
            if folder is not None:
                record_iteration(folder, trainer, row, episodes, seconds)
            callback.on_iteration(row, episodes)
    finally:
        callback.on_train_end()
    return trainer


def _restore(trainer: Trainer, folder: RunFolder | None) -> int:
    """Load the newest checkpoint, or evaluate the untrained team where there is none. Processes
    without a folder get it from the first.

    Returns:
        The iteration to go on with.
    """
    start, checkpoint = 0, None
    if folder is not None:
        folder.note_base(trainer.team.loaded.digest)
        checkpoint = folder.load_checkpoint()
    checkpoint = processes.from_first(checkpoint)
    if checkpoint is not None:
        start, state = checkpoint
        trainer.load_state_dict(state)
    if folder is not None:
        folder.rewind(start)
    if start == 0:
        if checkpoint is None:
            trainer.begin()
        untrained = evaluate_team(trainer.config, trainer.team, frames=KEPT["untrained"])
        if folder is not None:
            keep_replays(folder, "untrained", untrained)
            folder.write_json("untrained.json", raw_results(untrained))
    return start


@contextlib.contextmanager
def _checkpointing_on_failure(
    trainer: Trainer, folder: RunFolder | None, iteration: int
) -> Iterator[None]:
    """Around the play of an iteration: Ctrl-C or an exception first saves a checkpoint.

    Playing changes nothing that is learned, so the state is that after the last iteration: a
    resumed run trains as if it had not been interrupted. While learning the state is between
    two iterations; a resumed run then repeats those since the last checkpoint.
    """
    try:
        yield
    except BaseException:
        if folder is not None and iteration > folder.last_checkpoint:
            with contextlib.suppress(Exception):  # the failure is what must be told
                folder.save_checkpoint(iteration, trainer.state_dict())
        raise


def follow() -> int:
    """One of several processes of a run, and not the first: plays and learns its share of what
    that one hands out, and says nothing but errors. Returns the exit code."""
    warnings.simplefilter("ignore")  # the first one warns
    job = processes.hand_out(None)
    if job is not None:
        trainer = train(job["config"])
        if job["evaluate"]:
            finish(trainer, None)
    processes.leave()
    return 0


def finish(trainer: Trainer, folder: RunFolder | None) -> dict[str, Any]:
    """Evaluate the trained team and the reference teams, and write ``summary.json``. Processes
    without a folder play their share of the trained team's tasks; {}.

    Returns:
        The summary (see :func:`colllm_bench.evaluation.held_out.summarize_teams`), and
        ``parameters``:
        how many the base ``model`` has, and how many of the policies are ``trained``.
    """
    config = trainer.config
    played = {"trained": evaluate_team(config, trainer.team, frames=KEPT["trained"])}
    if folder is None:
        return {}
    played |= reference_teams(config)
    teams = {
        "trained": raw_results(played["trained"]), "untrained": folder.read_json("untrained.json")
    }
    teams |= {name: raw_results(episodes) for name, episodes in played.items() if name != "trained"}
    summary = summarize_teams(config, teams) | {"parameters": trainer.team.parameter_counts()}
    if about := provenance_of(trainer.envs[0]):
        summary["provenance"] = about
    for name, episodes in played.items():
        keep_replays(folder, name, episodes)
    for k, episode in enumerate(played["trained"][: KEPT["trained"]]):
        folder.write_transcript(f"held-out-{k}", episode)
    trainer.team.save(folder.path / "team")
    critic_files.save(trainer.critic, folder.path)
    folder.write_summary(summary)
    return summary
