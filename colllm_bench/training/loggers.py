"""Metrics to TensorBoard and W&B beside the run folder: off by default, never instead of it.

``metrics.jsonl`` is the record. A logger copies it, from the file's first line on whenever a run
goes on (``--resume`` of a complete run with ``--log`` logs it afterwards). A logger that fails,
without a network for instance, costs a line on stderr and not the run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from colllm_bench import cli
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.runs import files
from colllm_bench.training.callbacks import Callback

KNOWN = ("tensorboard", "wandb")
LOGS = "logs"
"""The folder in the run folder that holds what is logged."""


def parse_names(text: str | Sequence[str]) -> list[str]:
    """``"tensorboard,wandb"`` (or a TOML list) as names, each with its package installed.

    Raises:
        ConfigError: an unknown name, or a package that is missing, with the way to get it.
    """
    names = text.split(",") if isinstance(text, str) else list(text)
    for name in names:
        if name not in KNOWN:
            raise ConfigError(
                f"--log {name!r} is unknown", allowed=", ".join(KNOWN), fix=f"--log {KNOWN[0]}"
            )
        if importlib.util.find_spec(name) is None:
            raise ConfigError(
                f"--log {name} needs {name}, which is not installed",
                fix="pip install -e '.[log]' in the checkout, or leave --log out",
            )
    return list(dict.fromkeys(names))


def make_loggers(names: Sequence[str], path: Path, config: RunConfig) -> list[Logger]:
    """A logger for each of ``names``, of the run in the folder ``path``."""
    kinds = {"tensorboard": TensorBoard, "wandb": WandB}
    return [kinds[name](path, config) for name in names]


class Logger(Callback):
    """A callback that copies rows of metrics to the place that a subclass writes to.

    Opened with the first row, so that a run that never began leaves nothing. An exception of a
    subclass's ``open``, ``write`` or ``close`` ends this logger with a line, not the run.
    """

    name: str

    def __init__(self, path: Path, config: RunConfig):
        self.path, self.config = path, config
        self.opened = self.failed = False

    def open(self) -> None:
        """Get ready to write rows of the run ``config`` in the folder ``path``."""

    def write(self, row: dict[str, Any]) -> None:
        """A row of ``metrics.jsonl``. All rows of the run come, from the first on."""

    def close(self, results: dict[str, float]) -> None:
        """The end, with the held-out results (empty where there are none)."""

    def on_start(self, total: int, done: int) -> None:
        for row in files.read_lines(self.path / "metrics.jsonl"):
            self.on_iteration(row, ())

    def on_iteration(self, row: dict[str, Any], episodes: Sequence[Any]) -> None:
        if self.failed:
            return
        with self._stopping_on_failure():
            if not self.opened:
                self.open()
                self.opened = True
            self.write(row)

    def on_run_end(self, summary: dict[str, Any] | None) -> None:
        if self.opened and not self.failed:
            with self._stopping_on_failure():
                self.close(held_out_means(summary or {}))
            self.opened = False

    @contextlib.contextmanager
    def _stopping_on_failure(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.failed = True
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            cli.say(f"--log {self.name} stopped ({reason}); the run goes on")


def numbers(row: dict[str, Any]) -> dict[str, float]:
    """The values of a row that can be plotted."""
    axes = ("iteration", "episodes")
    return {k: v for k, v in row.items() if isinstance(v, (int, float)) and k not in axes}


def held_out_means(summary: dict[str, Any]) -> dict[str, float]:
    """``score/trained`` and so on: the means of a ``summary.json``."""
    return {
        f"{measure}/{team}": result["mean"]
        for measure in ("score", "return", "success")
        for team, result in (summary.get(measure) or {}).items()
        if result.get("mean") is not None
    }


class TensorBoard(Logger):
    """Event files in ``logs/tensorboard``, over episodes. They are written anew from
    ``metrics.jsonl`` when a run goes on: every iteration is one point."""

    name = "tensorboard"

    def open(self) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = self.path / LOGS / self.name
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        # purge_step: a running TensorBoard drops the points of the old file.
        self.writer = SummaryWriter(str(folder), purge_step=0, flush_secs=10)

    def write(self, row: dict[str, Any]) -> None:
        for key, value in numbers(row).items():
            self.writer.add_scalar(f"train/{key}", value, row["episodes"])

    def close(self, results: dict[str, float]) -> None:
        step = self.config.iterations * self.config.batch
        for key, value in results.items():
            self.writer.add_scalar(f"held_out/{key}", value, step)
        self.writer.close()


class WandB(Logger):
    """A W&B run in ``logs/wandb``. WANDB_MODE=offline keeps it on this machine; WANDB_PROJECT
    and the other variables of W&B choose where it goes otherwise.

    ``logs/wandb.json`` holds its id and how many iterations were logged: a resumed run keeps its
    id and logs no iteration twice.
    """

    name = "wandb"

    def open(self) -> None:
        import wandb

        self.file = self.path / LOGS / "wandb.json"
        self.file.parent.mkdir(exist_ok=True)
        self.state = {"id": uuid.uuid4().hex[:8], "iterations": 0}
        if self.file.exists():
            self.state = files.read_json(self.file)
        names = self.path.absolute().parts[-4:]
        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "colllm_bench"),
            id=self.state["id"], resume="allow", name="/".join(names),
            group="/".join(names[:-1]), config=self.config.to_dict(), dir=str(self.file.parent),
            # Metrics and settings, and nothing else of this machine or this checkout.
            settings=wandb.Settings(
                console="off", silent=True, disable_code=True, disable_git=True,
                x_disable_meta=True, x_disable_stats=True, x_disable_machine_info=True,
            ),
        )
        self.run.define_metric("*", step_metric="episodes")

    def write(self, row: dict[str, Any]) -> None:
        if row["iteration"] < self.state["iterations"]:
            return
        step = {"episodes": row["episodes"]}
        self.run.log(numbers(row) | step, step=row["iteration"])
        self.state["iterations"] = row["iteration"] + 1
        files.write_json(self.file, self.state)

    def close(self, results: dict[str, float]) -> None:
        self.run.summary.update({f"held_out/{key}": value for key, value in results.items()})
        self.run.finish()
