"""The run folder: everything a run leaves behind, resumable at any instant.

======================  ==================================================================
``config.json``         the resolved configuration and its digest
``environment.json``    versions, commit, hardware
``metrics.jsonl``       a line an iteration; the same bytes for the same run
``episodes.jsonl``      a line an episode; likewise
``timing.jsonl``        a line an iteration: wall seconds, memory; differs from run to run
``transcripts/``        episodes as readable text
``replays/``            episodes as data, to be watched again
``checkpoints/``        the last two: adapters, critics, optimizers
``untrained.json``      the held-out results before training
``team/``               the trained team, an adapter per agent
``code/``               the files of ``./file.py:Class``, as they were at the start
``critic.safetensors``  the trained critic, and ``critic.json``: what it fits (``--critic-from``)
``summary.json``        the held-out evaluation; its presence says that the run is complete
``summary-N.json``      that of a run that ended after N episodes and went on for longer
``error.txt``           the traceback of a run that failed
======================  ==================================================================

JSON files appear whole or not at all; a torn last line is cut off on resume. A checkpoint is
renamed into place after the lines of its iterations are on the disk, so it never lacks them.
"""

from __future__ import annotations

import datetime
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.runs import checkpoints, files
from colllm_bench.runs.code_copies import CODE, keep_code
from colllm_bench.runs.origin import note_resumed, recorded_date, require_base
from colllm_bench.runs.provenance import environment, peak_memory
from colllm_bench.runs.replays import REPLAYS, replay_of, write_replay
from colllm_bench.runs.status import (
    SUBFOLDERS,
    check_free,
    holds_run,
    read_config,
    refuse_changes,
)
from colllm_bench.runs.transcripts import episode_text
from colllm_bench.types import Episode

__all__ = ["RunFolder", "check_free", "holds_run", "read_config"]

METRICS, EPISODES, TIMING = "metrics.jsonl", "episodes.jsonl", "timing.jsonl"
STARTED = "config.json environment.json untrained.json replays/untrained-*.json code/*.py".split()


class RunFolder:
    """A run's folder, locked against a second writer until :meth:`close`. It comes from
    :meth:`create` or :meth:`resume`, never from the constructor."""

    def __init__(self, path: Path, config: RunConfig):
        self.path = path
        self.config = config
        self._new_folders = files.missing_folders(path)
        self._moved: RunConfig | None = None  # recorded, with another name of the base
        with files.writing(path):
            for name in SUBFOLDERS:
                (path / name).mkdir(parents=True, exist_ok=True)
        self._lock = files.lock_folder(path)

    # -- opening

    @classmethod
    def create(cls, path: str | Path, config: RunConfig) -> RunFolder:
        """A new run's folder.

        Args:
            path: must not hold anything yet.
            config: resolved.

        Raises:
            ConfigError: the folder holds something, cannot be written, or is in use.
            RunError: no space left.
        """
        path = Path(path)
        check_free(path)
        folder = cls(path, config)
        try:
            check_free(path)  # again, now that nobody else can come between
            (path / "error.txt").unlink(missing_ok=True)
            noted = environment() | {"date": datetime.date.today().isoformat()}
            files.write_json(path / "environment.json", noted)
            keep_code(path, config)
            # Last, because its presence makes the folder a run that can be resumed.
            files.write_json(path / "config.json", _config_json(config))
        except BaseException:
            folder.close()
            folder._remove_empty_folders()
            raise
        return folder

    @classmethod
    def resume(cls, path: str | Path, config: RunConfig | None = None) -> RunFolder:
        """The folder of a run that was started before.

        Args:
            path: the run's folder.
            config: resolved; None takes the recorded one.

        Raises:
            ConfigError: there is no run, its configuration is another one (each key is named,
                with both values), or another process is writing it.
        """
        path = Path(path)
        recorded = read_config(path)
        changed = refuse_changes(path, recorded, config or recorded)
        folder = cls(path, config or recorded)
        try:
            folder._moved = recorded if "model" in changed else None
            if changed and not folder._moved:
                folder._rewrite_config(recorded)
            for stray in [*path.glob(".*.tmp"), *(path / "checkpoints").glob(".*.tmp")]:
                stray.unlink(missing_ok=True)  # what a killed process was writing
            note_resumed(path)
        except BaseException:
            folder.close()
            raise
        return folder

    def _rewrite_config(self, recorded: RunConfig) -> None:
        """Record other settings. With more episodes the run is no longer complete: its summary
        stays under another name, its critic and what is drawn of it are made again."""
        summary = self.path / "summary.json"
        if self.config.episodes > recorded.episodes and summary.exists():
            for name in ("learning_curve.png", "critic.json", "critic.safetensors"):
                (self.path / name).unlink(missing_ok=True)
            with files.writing(summary):
                summary.rename(self.path / f"summary-{recorded.episodes}.json")
        # Last: a process killed before it leaves a run that evaluates itself again.
        files.write_json(self.path / "config.json", _config_json(self.config))

    def close(self) -> None:
        """Release the lock; nothing else is pending."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def discard(self) -> bool:
        """Remove a folder in which nothing was learned yet, and the empty folders above it that
        were made for it; False (and untouched) otherwise."""
        if self._checkpoints() or (self.path / METRICS).exists():
            return False
        for path in [path for pattern in STARTED for path in self.path.glob(pattern)]:
            path.unlink(missing_ok=True)
        self.close()
        self._remove_empty_folders()
        return not self.path.exists()

    def _remove_empty_folders(self) -> None:
        """Remove this folder and those above it that it needed, as far as they are empty."""
        inside = (self.path / name for name in (*SUBFOLDERS, CODE))
        files.remove_empty([*inside, self.path, *self._new_folders])

    @property
    def complete(self) -> bool:
        """The held-out evaluation has been written."""
        return (self.path / "summary.json").exists()

    # -- lines

    def append_metrics(self, row: dict[str, Any]) -> None:
        """A line an iteration. ``row["iteration"]`` counts from 0 without gaps."""
        files.append_lines(self.path / METRICS, [row])

    def append_timing(self, row: dict[str, Any]) -> None:
        """A line an iteration of what may differ between equal runs; memory is added."""
        files.append_lines(self.path / TIMING, [{**row, **peak_memory()}])

    def append_episodes(self, rows: Sequence[dict[str, Any]]) -> None:
        """A line an episode; each has its ``iteration``."""
        files.append_lines(self.path / EPISODES, rows)

    def rewind(self, iteration: int) -> None:
        """Forget all lines of ``iteration`` and later ones; repair torn last lines.

        Raises:
            RunError: a line of an earlier iteration is missing.
        """
        for name in (METRICS, TIMING, EPISODES):
            kept = files.truncate_lines(
                self.path / name, lambda row: row.get("iteration", iteration) < iteration
            )
            if name == METRICS and kept != iteration:
                raise RunError(
                    f"{self.path / name} has {kept} whole lines where the checkpoint needs "
                    f"{iteration}; the file was changed by hand: start anew with another --name"
                )
        (self.path / "error.txt").unlink(missing_ok=True)

    # -- whole files

    def write_json(self, name: str, data: Any) -> None:
        files.write_json(self.path / name, data)

    def read_json(self, name: str) -> Any:
        return files.read_json(self.path / name)

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write ``summary.json``: the run is complete."""
        self.write_json("summary.json", summary)

    def write_transcript(self, name: str, episode: Episode | str) -> Path:
        """Write ``transcripts/<name>.txt``; where it lies."""
        path = self.path / "transcripts" / f"{name}.txt"
        files.write_text(path, episode if isinstance(episode, str) else episode_text(episode))
        return path

    def write_replay(self, name: str, episode: Episode, **about: Any) -> Path:
        """Write ``replays/<name>.json``; where it lies.

        Args:
            name: ``held-out-0``, ``untrained-0``, ``iteration-00004``.
            episode: played to its end.
            about: ``team``, ``split``, ``iteration``: see :mod:`colllm_bench.runs.replays`.
        """
        path = self.path / REPLAYS / f"{name}.json"
        about = {"env": self.config.env, "algo": self.config.algo, **about}
        write_replay(path, replay_of(episode, **about))
        return path

    def write_error(self, text: str) -> None:
        """Keep a failure's traceback; silent where even that cannot be written."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            files.write_text(self.path / "error.txt", text)
        except (ConfigError, RunError, OSError):
            pass  # the failure is told on the terminal in any case

    # -- the base model, and the day

    @property
    def date(self) -> datetime.date | None:
        """The day on which the run started, for chat templates that print it."""
        return recorded_date(self.path)

    def note_base(self, digest: str | None) -> None:
        """Record the digest of the base model's files, or compare it with the recorded one.

        Raises:
            ConfigError: the run was started with other files.
        """
        noted = self.read_json("environment.json")
        require_base(self.path, digest, self.config.model)
        if "base_digest" not in noted and digest is not None:
            self.write_json("environment.json", {**noted, "base_digest": digest})
        if self._moved:
            self._rewrite_config(self._moved)
            self._moved = None

    # -- checkpoints

    def save_checkpoint(self, iteration: int, state: dict[str, Any]) -> Path:
        """Write what :meth:`load_checkpoint` gives back; older ones but one are removed
        (:func:`colllm_bench.runs.checkpoints.save`).

        Args:
            iteration: the iteration to go on with: lines of all earlier ones are written.
            state: tensors, numbers, texts, and lists and dicts of them.
        """
        for name in (METRICS, EPISODES, TIMING):
            files.sync(self.path / name)
        due = functools.partial(checkpoints.is_due, self.config)
        return checkpoints.save(self.path / "checkpoints", iteration, state, due)

    @property
    def last_checkpoint(self) -> int:
        """The iteration that the newest checkpoint goes on with; 0 without one."""
        return max(map(checkpoints.iteration_of, self._checkpoints()), default=0)

    def load_checkpoint(self) -> tuple[int, dict[str, Any]] | None:
        """(iteration to go on with, state) of the newest whole checkpoint, or None."""
        return checkpoints.load(self.path / "checkpoints")

    def _checkpoints(self) -> list[Path]:
        return checkpoints.checkpoint_files(self.path / "checkpoints")


def _config_json(config: RunConfig) -> dict[str, Any]:
    from colllm_bench import __version__

    return {"version": __version__, "digest": config.digest, "config": config.to_dict()}
