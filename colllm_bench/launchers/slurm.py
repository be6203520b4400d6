"""Runs as Slurm jobs, through submitit: one run, one job.

A job that reaches its time limit or is preempted is queued again and goes on from the run's
last checkpoint. The nodes must see the results' folder, the working folder and this package
under the paths they have here. Only this module knows submitit.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench.errors import ConfigError
from colllm_bench.launchers.worker import run_here

AT_ONCE = 10_000
"""Jobs at a time without ``--jobs``: queueing is Slurm's work."""
ENDED_BY_SIGNAL = {130: -2, 143: -15}
"""Exit codes of a run that was asked to end, as the codes of killed processes: tried again."""


class SlurmLauncher:
    """Submits runs as Slurm jobs.

    Args:
        folder: where submitit keeps job scripts, logs and results; shared by the nodes.
        minutes: time limit of a job; a longer run is queued again and goes on.
        gpus: of a job.
        partition: None for Slurm's default.
        options: further options of sbatch by name: ``account``, ``qos``, ``mem``, ...
        cluster: what submits: ``slurm``, or submitit's ``local`` (processes of this machine).

    Raises:
        ConfigError: submitit is not installed, there is no Slurm here, or an option is refused.
    """

    def __init__(
        self, folder: str | Path, *, minutes: int = 240, gpus: int = 0,
        partition: str | None = None, options: dict[str, Any] | None = None,
        cluster: str = "slurm",
    ):
        if importlib.util.find_spec("submitit") is None:
            raise ConfigError(
                "--launcher slurm needs submitit, which is not installed",
                fix="pip install submitit, or --launcher local",
            )
        if cluster == "slurm" and shutil.which("sbatch") is None:
            raise ConfigError(
                "--launcher slurm: there is no sbatch on this machine",
                fix="start the sweep on a node that submits to Slurm, or --launcher local",
            )
        import submitit

        self.submitit = submitit
        self.executor = submitit.AutoExecutor(folder=str(folder), cluster=cluster)
        settings = {"timeout_min": minutes, "gpus_per_node": gpus, "name": "colllm_bench"}
        settings |= {"slurm_partition": partition} if partition else {}
        settings |= {"slurm_additional_parameters": options} if options else {}
        self.executor.update_parameters(**settings)

    def slots(self) -> int:
        return AT_ONCE

    def start(self, argv: Sequence[str]) -> SlurmTask:
        try:
            job = self.executor.submit(ResumableRun(), list(argv))
        except self.submitit.core.utils.FailedJobError as error:  # what sbatch said
            raise ConfigError(
                f"Slurm refuses the job: {' '.join(str(error).split())[:200]}",
                fix="--partition, --minutes, --gpus, or --slurm KEY=VALUE",
            ) from error
        return SlurmTask(job)

    def close(self) -> None:
        """Nothing to close: jobs that still run are Slurm's."""


class ResumableRun:
    """``python -m colllm_bench.run`` in a job's process; called again after a time limit."""

    def __call__(self, argv: list[str]) -> tuple[int, str]:
        return run_here(argv)

    def checkpoint(self, argv: list[str]) -> Any:
        """What submitit queues when the job's time is up: the same, which resumes."""
        from submitit.helpers import DelayedSubmission

        again = argv if "--resume" in argv else [*argv, "--resume"]
        return DelayedSubmission(ResumableRun(), again)


class SlurmTask:
    """A :class:`colllm_bench.launchers.jobs.Task` in Slurm's queue."""

    def __init__(self, job: Any):
        self.job = job
        self.ended: tuple[int, str] | None = None

    def poll(self) -> int | None:
        if self.ended is None and self.job.done():
            failure = self.job.exception()
            if failure is None:
                code, line = self.job.result()
                self.ended = ENDED_BY_SIGNAL.get(code, code), line
            else:
                self.ended = -1, f"error: job {self.job.job_id} ended as {self.job.state}: " + (
                    " ".join(str(failure).split())[-200:])
        return None if self.ended is None else self.ended[0]

    def error(self) -> str:
        return self.ended[1] if self.ended else ""

    def interrupt(self) -> None:
        self.job.cancel(check=False)

    def kill(self) -> None:
        self.job.cancel(check=False)
