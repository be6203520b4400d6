"""Runs as tasks of a Ray cluster: one run, one task, one process.

A task whose worker is lost is started again by Ray, and goes on from the run's last checkpoint.
The workers must see the results' folder and this package under the paths they have here: a
cluster of one machine does, others need shared storage. Only this module knows Ray.
"""

from __future__ import annotations

import importlib.util
import math
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from colllm_bench import cli
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.launchers.worker import run_here
from colllm_bench.runs.provenance import cores

STORE = 80 * 2**20
"""Bytes of shared memory of a cluster started here: nothing of size passes through it."""
STARTS = 3
"""How often a cluster is tried to be started."""
COUNT_EVERY = 30.0
"""Seconds between two counts of the cluster's CPUs."""


class RayLauncher:
    """A Ray cluster; without an address one is started on this machine, for this sweep alone:
    bound to loopback, without a dashboard, and telling nobody.

    Args:
        address: of a running cluster, or None (and no RAY_ADDRESS in the environment).
        cpus: of the cluster that is started; None for the cores of this machine.
        gpus: that a run takes.
        retries: how often Ray starts a run again whose worker was lost.

    Raises:
        ConfigError: Ray is not installed, no cluster answers, or the cluster that is started
            here has not the GPUs that a run takes.
    """

    def __init__(
        self, address: str | None = None, *, cpus: int | None = None, gpus: float = 0,
        retries: int = 3,
    ):
        if importlib.util.find_spec("ray") is None:
            raise ConfigError(
                "--launcher ray needs ray, which is not installed",
                fix="pip install -e '.[ray]' in the checkout, or --launcher local",
            )
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Workers of runs on the CPU leave the choice of devices alone; so does Ray in future.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        address = address or os.environ.get("RAY_ADDRESS")
        if address is None or address.startswith(("127.", "localhost")):
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
            _check_reachable(address)
            self._connect(address, settings)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"no Ray cluster answers at {address!r} ({' '.join(str(error).split())[:120]})",
                allowed="HOST:PORT, auto",
                fix="ray start --head; RAY_AUTH_MODE=token for one that wants Ray's token; or "
                "leave --address out",
            ) from error
        cli.end_on_sigterm()  # Ray has replaced our handler by its own
        self._check_gpus(gpus, started_here="num_cpus" in settings)
        self.counted: tuple[float, int] = (-math.inf, 1)
        # A process a run: what it imported and allocated goes with it.
        self.work = ray.remote(
            num_cpus=1, num_gpus=gpus, max_calls=1, max_retries=retries,
            retry_exceptions=[InterruptedError],
        )(_portable_work())

    def _connect(self, address: str, settings: dict[str, Any]) -> None:
        """Ray gives itself 30 s to start, which a busy machine may exceed: tried again."""
        for left in reversed(range(STARTS)):
            try:
                self.ray.init(address=address, **settings)
                return
            except (OSError, ValueError):
                raise
            except Exception as error:
                self.ray.shutdown()
                if not left:
                    raise RunError(f"Ray does not start: {_reason(error)}") from error

    def _check_gpus(self, gpus: float, *, started_here: bool) -> None:
        """Ray waits without a word for GPUs that no node has."""
        nodes = [node for node in self.ray.nodes() if node.get("Alive")]
        most = max((node["Resources"].get("GPU", 0) for node in nodes), default=0)
        if gpus <= most:
            return
        lack = f"--gpus {gpus:g}: a node of the Ray cluster has {most:g} GPUs at most"
        if started_here:
            self.close()
            raise ConfigError(
                lack, allowed=f"0 to {most:g}",
                fix="--gpus 0 with --device cpu, or --address of a cluster with GPUs",
            )
        # A cluster of several machines may grow.
        cli.say(f"{lack}; runs wait until a node with more joins it (Ctrl-C ends the sweep)")

    def slots(self) -> int:
        """CPUs of the cluster now: it may grow and shrink."""
        when, count = self.counted
        if time.monotonic() - when > COUNT_EVERY:
            count = max(1, int(self.ray.cluster_resources().get("CPU", 1)))
            self.counted = time.monotonic(), count
        return count

    def start(self, argv: Sequence[str]) -> RayTask:
        return RayTask(self.ray, self.work.remote(list(argv), os.getcwd()))

    def close(self) -> None:
        self.ray.shutdown()


def _portable_work() -> Callable[[list[str], str], tuple[int, str]]:
    """:func:`work` for workers that do not know yet where this package lies."""
    root = str(Path(__file__).resolve().parents[2])

    def portable_work(argv: list[str], folder: str) -> tuple[int, str]:  # travels as code
        if root not in sys.path:
            sys.path.insert(0, root)
        os.chdir(folder)
        from colllm_bench.launchers.ray_cluster import work

        return work(argv)

    return portable_work


def work(argv: list[str]) -> tuple[int, str]:
    """On a worker: ``python -m colllm_bench.run`` in this process.

    Raises:
        InterruptedError: it was asked to end, because its machine is taken back for instance;
            Ray starts it again.
    """
    code, line = run_here(argv)
    if code in (130, 143):
        raise InterruptedError
    return code, line


class RayTask:
    """A :class:`colllm_bench.launchers.jobs.Task` on the cluster."""

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
                self.ended = -1, f"error: Ray gave the run up: {_reason(error)}"
        return self.ended[0]

    def error(self) -> str:
        return self.ended[1] if self.ended else ""

    def interrupt(self) -> None:
        self.ray.cancel(self.reference)  # a KeyboardInterrupt there

    def kill(self) -> None:
        self.ray.cancel(self.reference, force=True)


def _check_reachable(address: str) -> None:
    """Raise OSError if nobody listens there: Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "//" not in address:
        socket.create_connection((host, int(port)), timeout=10).close()


def _reason(error: BaseException) -> str:
    """Ray's errors in a line: of a traceback the last one, of an explanation the first."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    line = lines[-1] if "Traceback" in text or "ray::" in lines[0] else lines[0]
    return f"{type(error).__name__.partition('(')[0]}: {line[:200]}"
