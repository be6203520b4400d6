"""Runs as tasks of a Ray cluster: one run, one task, one process.

A task whose worker is lost is started again by Ray, and goes on from the run's last checkpoint.
The workers must see the results' folder and this package under the paths that they have here: a
cluster of one machine does, others need shared storage. Only this module knows Ray.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
from collections.abc import Sequence
from typing import Any

from colllm_bench import cli
from colllm_bench.errors import ConfigError
from colllm_bench.provenance import cores

STORE = 80 * 2**20
"""Bytes of shared memory of a cluster started here: nothing of size passes through it."""


class Stopped(Exception):
    """A run was asked to end (a machine that is taken back, say): Ray shall start it again."""


class Ray:
    """A Ray cluster; without an address one is started on this machine, for this sweep alone:
    bound to loopback, without a dashboard, and telling nobody.

    Args:
        address: of a running cluster, or None (and no RAY_ADDRESS in the environment).
        cpus: of the cluster that is started; None for the cores of this machine.
        gpus: that a run takes.
        retries: how often Ray starts a run again whose worker was lost.
    """

    def __init__(
        self, address: str | None = None, *, cpus: int | None = None, gpus: float = 0,
        retries: int = 3,
    ):
        if importlib.util.find_spec("ray") is None:
            raise ConfigError(
                "--launcher ray needs ray, which is not installed",
                fix="pip install 'colllm-bench[ray]', or --launcher local",
            )
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Workers of runs on the CPU leave the choice of devices alone; so does Ray in future.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        address = address or os.environ.get("RAY_ADDRESS")
        if address is None:
            # What Ray does by itself on other systems than Linux: everything on 127.0.0.1.
            # _node_ip_address="127.0.0.1" does not: it is turned into the outward address.
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        import ray

        self.ray = ray
        settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if address is None:
            address = "local"
            settings |= {
                "num_cpus": cpus or cores(), "include_dashboard": False,
                "object_store_memory": STORE,
            }
        try:
            ray.init(address=address, **settings)
        except (ConnectionError, ValueError) as error:
            raise ConfigError(
                f"no Ray cluster answers at {address!r} ({' '.join(str(error).split())[:120]})",
                allowed="HOST:PORT, auto", fix="ray start --head, or leave --address out",
            ) from error
        # A process a run: what it imported and allocated goes with it.
        self.work = ray.remote(
            num_cpus=1, num_gpus=gpus, max_calls=1, max_retries=retries, retry_exceptions=[Stopped]
        )(work)

    def slots(self) -> int:
        """CPUs of the cluster now: it may grow and shrink."""
        return max(1, int(self.ray.cluster_resources().get("CPU", 1)))

    def start(self, argv: Sequence[str]) -> RayTask:
        return RayTask(self.ray, self.work.remote(list(argv), os.getcwd()))

    def close(self) -> None:
        self.ray.shutdown()


def work(argv: list[str], folder: str) -> tuple[int, str]:
    """On a worker: ``python -m colllm_bench.run`` in this process.

    Returns:
        Its exit code, and the last line that it said on stderr.
    """
    from colllm_bench import run

    os.chdir(folder)
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = cli.execute(run.main, argv)
    if code in (130, 143):
        raise Stopped
    lines = said.getvalue().strip().splitlines()
    return code, lines[-1] if lines else ""


class RayTask:
    """A :class:`colllm_bench.launch.Task` on the cluster."""

    def __init__(self, ray: Any, reference: Any):
        self.ray, self.reference = ray, reference
        self.ended: tuple[int, str] | None = None

    def poll(self) -> int | None:
        if self.ended is None:
            ready, _ = self.ray.wait([self.reference], timeout=0)
            if not ready:
                return None
            try:
                self.ended = self.ray.get(self.reference)
            except self.ray.exceptions.RayError as error:
                kind = type(error).__name__
                self.ended = -1, f"error: Ray gave the run up: {kind}: {_first_line(error)}"
        return self.ended[0]

    def error(self) -> str:
        return self.ended[1] if self.ended else ""

    def interrupt(self) -> None:
        self.ray.cancel(self.reference)  # a KeyboardInterrupt there

    def kill(self) -> None:
        self.ray.cancel(self.reference, force=True)


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "")[:200]
