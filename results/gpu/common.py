"""What the steps share: reports that are written at once, timing on a device, profiles."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


def read(folder: Path, step: str) -> dict[str, Any]:
    """A step's report, or an empty one."""
    try:
        return json.loads((folder / f"{step}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def write(folder: Path, step: str, data: dict[str, Any]) -> None:
    """Whole or not at all."""
    path = folder / f"{step}.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    os.replace(part, path)


class Report:
    """A step's results: every part is on disk as soon as it is measured.

    Args:
        seconds: budget of the step; :attr:`left` says what remains of it.
    """

    def __init__(self, folder: Path, step: str, *, tiny: bool, seconds: float):
        self.folder, self.step, self.tiny = folder, step, tiny
        self._began, self._seconds = time.monotonic(), seconds
        self.data: dict[str, Any] = {"step": step, "tiny": tiny, "complete": False, "errors": []}

    @property
    def left(self) -> float:
        return self._seconds - (time.monotonic() - self._began)

    def add(self, key: str, value: Any) -> None:
        self.data[key] = value
        self.data["seconds"] = round(time.monotonic() - self._began, 1)
        write(self.folder, self.step, self.data)

    def part(self, key: str, measure: Callable[[], Any]) -> None:
        """Add what ``measure`` returns; where it fails, its error, and go on."""
        try:
            self.add(key, measure())
        except Exception as error:  # whatever a card, a driver or a foreign trainer raises
            traceback.print_exc()
            text = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            self.data["errors"].append(f"{key}: {text}")
            self.add(key, {"error": text})
        finally:
            free()

    def close(self) -> None:
        self.data["complete"] = not self.data["errors"]
        self.add("device", device_name())

    @classmethod
    def fail(cls, folder: Path, step: str, error: str) -> None:
        """Record why a step has no end; what it measured stays."""
        data = {"step": step, "errors": []} | read(folder, step)
        data["errors"].append(error)
        write(folder, step, data | {"complete": False})


def device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def device_name() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def synchronize() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def free() -> None:
    """Give memory of what is no longer used back, and begin a new peak."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_gib() -> float:
    """Most device memory that tensors took since :func:`free`; on a CPU the process's peak."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def seconds_of(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds until the device is done with ``work``, and what it returned."""
    synchronize()
    began = time.perf_counter()
    result = work()
    synchronize()
    return time.perf_counter() - began, result


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def token_profile(team: Any, episodes: int, prompt: int, tokens: int = 9) -> dict[str, Any]:
    """What a generated token costs: kernel launches, copies, waits, operators.

    The difference between turns of ``tokens`` and of one token, divided by the tokens between;
    rows differ in length, as they do after a first turn.
    """
    import torch

    def session(limit: int):
        return team.session(
            episodes, generator=torch.Generator(team.device).manual_seed(0),
            temperature=1.0, max_action_tokens=limit, end_ids=(),
        )

    rows = len(team.agents) * episodes
    feeds = [[5 + (row + i) % 200 for i in range(prompt + row % 2)] for row in range(rows)]
    counts, seconds, events = {}, {}, None
    for limit in (1, tokens):
        session(limit).generate(feeds)  # warm
        tries = [session(limit) for _ in range(3)]
        seconds[limit] = min(seconds_of(lambda s=s: s.generate(feeds))[0] for s in tries)
        activities = [torch.profiler.ProfilerActivity.CPU]
        if torch.cuda.is_available():
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        watched = session(limit)
        with torch.profiler.profile(activities=activities) as profile:
            watched.generate(feeds)
            synchronize()
        events = profile.key_averages()
        counts[limit] = _kinds(events)
    each = {
        kind: (counts[tokens][kind] - counts[1][kind]) / (tokens - 1) for kind in counts[tokens]
    }
    return {
        "rows": rows,
        "ms_a_token": 1000 * (seconds[tokens] - seconds[1]) / (tokens - 1),
        **{f"{kind}_a_token": round(value, 1) for kind, value in each.items()},
        "top": _top(events),
    }


def _kinds(events: Any) -> dict[str, int]:
    names = {
        "launches": ("cudaLaunchKernel", "cuLaunchKernel"),
        "copies": ("cudaMemcpyAsync",),
        "waits": ("cudaStreamSynchronize", "cudaEventSynchronize"),
        "operators": ("aten::",),
    }
    return {
        kind: sum(e.count for e in events if e.key.startswith(starts))
        for kind, starts in names.items()
    }


def _top(events: Any, lines: int = 12) -> list[dict[str, Any]]:
    """The dearest lines, by the device's own time (on a CPU by the CPU's)."""
    import torch

    def own(event: Any) -> float:
        if torch.cuda.is_available():
            return float(getattr(event, "self_device_time_total", 0.0))
        return float(event.self_cpu_time_total)

    dearest = sorted(events, key=own, reverse=True)[:lines]
    return [
        {"name": e.key[:80], "calls": e.count, "device_us": round(own(e)),
         "cpu_us": round(e.self_cpu_time_total)}
        for e in dearest
    ]
