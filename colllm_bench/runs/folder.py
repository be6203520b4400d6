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
``summary.json``        the held-out evaluation; its presence says that the run is complete
``error.txt``           the traceback of a run that failed
======================  ==================================================================

JSON files appear whole or not at all; lines are appended whole, and a torn last line is cut
off on resume. A checkpoint is renamed into place after the lines of its iterations are on the
disk, so it never lacks them.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.runs import checkpoints, files
from colllm_bench.runs.provenance import environment, peak_memory
from colllm_bench.runs.replays import REPLAYS, replay_of, write_replay
from colllm_bench.runs.transcripts import episode_text
from colllm_bench.types import Episode

MAY_CHANGE = frozenset({"micro_batch", "gradient_checkpointing", "checkpoint_every", "threads"})
"""Fields that a resumed run may set anew: memory and pace, nothing that is learned (rounding
aside), so that a run that ran out of memory need not be lost."""
OF_THE_RUN = ("date", "base_digest", "resumed")
"""What ``environment.json`` says of the run, not of a machine."""
METRICS, EPISODES, TIMING = "metrics.jsonl", "episodes.jsonl", "timing.jsonl"
WITHIN = ("checkpoints", "transcripts", REPLAYS)


def run_path(root: str | Path, env: str, algo: str, name: str, seed: int) -> Path:
    """``root/env/algo/name/seed<k>``: where a run of these lies."""
    return Path(root) / env / algo / name / f"seed{seed}"


class RunFolder:
    """A run's folder, locked against a second writer until :meth:`close`.

    Use :meth:`create` or :meth:`resume`, never the constructor.
    """

    def __init__(self, path: Path, config: RunConfig):
        self.path = path
        self.config = config
        self._moved = False  # resumed with another name of the base, which is to be checked
        with files.writing(path):
            for name in WITHIN:
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
        check_free(path)  # again, now that nobody else can come between
        (path / "error.txt").unlink(missing_ok=True)
        today = datetime.date.today().isoformat()
        files.write_json(path / "environment.json", {**environment(), "date": today})
        # Last, because its presence makes the folder a run that can be resumed.
        files.write_json(path / "config.json", _config_json(config))
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
        changed = _refuse_changes(path, recorded, config or recorded)
        folder = cls(path, config or recorded)
        folder._moved = "model" in changed
        if changed and not folder._moved:
            files.write_json(path / "config.json", _config_json(config))
        for stray in [*path.glob(".*.tmp"), *(path / "checkpoints").glob(".*.tmp")]:
            stray.unlink(missing_ok=True)  # what a killed process was writing
        folder._note_environment()
        return folder

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
        """Remove a folder in which nothing was learned yet; False (and untouched) otherwise."""
        if (self.path / METRICS).exists() or checkpoints.found(self.path / "checkpoints"):
            return False
        for name in ("config.json", "environment.json", "untrained.json"):
            (self.path / name).unlink(missing_ok=True)
        for path in (self.path / REPLAYS).glob("untrained-*.json"):
            path.unlink(missing_ok=True)
        self.close()
        try:
            for name in WITHIN:
                (self.path / name).rmdir()
            self.path.rmdir()
        except OSError:
            return False  # something of someone else's lies there
        return True

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
            files.write_json(self.path / "config.json", _config_json(self.config))
            self._moved = False

    # -- checkpoints

    def save_checkpoint(self, iteration: int, state: dict[str, Any]) -> Path:
        """Write what :meth:`load_checkpoint` gives back; older ones but one are removed.

        Args:
            iteration: the iteration to go on with: lines of all earlier ones are written.
            state: tensors, numbers, texts, and lists and dicts of them.
        """
        for name in (METRICS, EPISODES, TIMING):
            files.sync(self.path / name)
        return checkpoints.save(self.path / "checkpoints", iteration, state)

    def load_checkpoint(self) -> tuple[int, dict[str, Any]] | None:
        """(iteration to go on with, state) of the newest whole checkpoint, or None."""
        return checkpoints.load(self.path / "checkpoints")

    def _note_environment(self) -> None:
        """A run that goes on on another machine or version says so."""
        noted, now = self.read_json("environment.json"), environment()
        resumed = noted.get("resumed", [])
        first = {key: value for key, value in noted.items() if key not in OF_THE_RUN}
        if now not in (first, *resumed):
            self.write_json("environment.json", {**noted, "resumed": [*resumed, now]})


def holds_run(path: str | Path) -> bool:
    """Whether a run was started in this folder."""
    return (Path(path) / "config.json").exists()


def recorded_date(path: str | Path) -> datetime.date | None:
    """The day on which a run started; None of a run that did not record it."""
    day = _environment(path).get("date")
    return datetime.date.fromisoformat(day) if day else None


def base_digest(path: str | Path) -> str | None:
    """The digest of the base model's files when a run started; None where it is not recorded."""
    return _environment(path).get("base_digest")


def require_base(path: str | Path, digest: str | None, model: str) -> None:
    """Refuse a base model with other files than a run started with.

    Args:
        digest: :func:`colllm_bench.models.base_files.digest` of ``model`` as it is now.
    """
    recorded = base_digest(path)
    if recorded is not None and digest is not None and digest != recorded:
        raise ConfigError(
            f"{path} was trained on a base model with digest {recorded}, and that of {model!r} "
            f"is {digest}",
            fix="--model with the place of the same files",
        )


def _environment(path: str | Path) -> dict[str, Any]:
    file = Path(path) / "environment.json"
    return files.read_json(file) if file.exists() else {}


def read_config(path: str | Path) -> RunConfig:
    """The configuration that a run folder recorded.

    Raises:
        ConfigError: no run lies there, or one of another version with other fields.
    """
    path = Path(path)
    if not holds_run(path):
        raise ConfigError(
            f"{path} holds no run to resume", allowed="a folder with a config.json",
            fix="check the path, or leave --resume out",
        )
    try:
        return RunConfig.from_dict(files.read_json(path / "config.json")["config"])
    except (TypeError, KeyError, RunError) as error:
        raise ConfigError(
            f"{path / 'config.json'} cannot be read by this version ({error})",
            fix="resume with the version in environment.json, or start anew with another --name",
        ) from error


def standing(path: str | Path, config: RunConfig) -> str:
    """How far a run of ``config`` (resolved) is in this folder: ``new``, ``started`` or
    ``complete``. Touches nothing.

    Raises:
        ConfigError: the folder holds something else, or a run of another configuration (each
            key is named, with both values).
    """
    path = Path(path)
    if not holds_run(path):
        check_free(path)
        return "new"
    _refuse_changes(path, read_config(path), config)
    return "complete" if (path / "summary.json").exists() else "started"


def check_free(path: str | Path) -> None:
    """Refuse a folder that holds something or cannot be written; creates nothing.

    Raises:
        ConfigError: names the folder and the ways out.
    """
    path = Path(path)
    with files.writing(path):
        taken = path.exists() and any(not _leftover(entry) for entry in path.iterdir())
    if taken:
        what = "a complete run" if (path / "summary.json").exists() else "files already"
        ways = "--resume to go on with it, or " if holds_run(path) else ""
        raise ConfigError(f"{path} holds {what}", fix=f"{ways}--name NAME for a new run beside it")
    parent = path
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise ConfigError(f"cannot write {path}: {parent} is read-only", fix="--out FOLDER")


def _leftover(entry: Path) -> bool:
    """What a run that was killed or failed before it learned anything leaves behind."""
    if entry.is_dir():
        return entry.name in WITHIN and not any(entry.iterdir())
    started = entry.name in ("environment.json", "error.txt")
    return started or (entry.name[0] == "." and entry.suffix == ".tmp")


def _config_json(config: RunConfig) -> dict[str, Any]:
    from colllm_bench import __version__

    return {"version": __version__, "digest": config.digest, "config": config.to_dict()}


def _refuse_changes(path: Path, recorded: RunConfig, config: RunConfig) -> dict[str, Any]:
    """The fields that may change and did; raises ConfigError for others."""
    changed = _changes(recorded, config)
    # A base that lies elsewhere now; its digest is compared once it is loaded.
    movable = {"model"} if base_digest(path) else set()
    if changed.keys() - MAY_CHANGE - movable:
        named = ", ".join(f"{k} was {a!r}, is now {b!r}" for k, (a, b) in changed.items())
        raise ConfigError(
            f"{path} was started with another configuration: {named}",
            fix=f"--resume {path} alone, or --name NAME for a new run",
        )
    return changed


def _changes(old: RunConfig, new: RunConfig) -> dict[str, tuple[Any, Any]]:
    """Fields that differ, with both values."""
    before, after = files.plain(old.to_dict()), files.plain(new.to_dict())
    return {key: (before[key], after[key]) for key in before if before[key] != after[key]}
