"""``sweep --dry-run``: the grid, and the time it needs, known from like runs."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.table import Table

from colllm_bench import registry
from colllm_bench.config import RunConfig, fields_with
from colllm_bench.display.console import make_wide_console
from colllm_bench.display.progress import duration
from colllm_bench.display.tables import plain_table
from colllm_bench.errors import ColllmError
from colllm_bench.launchers.plan import PlannedRun, label_runs, make_launcher, overview
from colllm_bench.options import options_of
from colllm_bench.runs import files
from colllm_bench.runs.provenance import environment
from colllm_bench.runs.status import read_config

EVALUATIONS = 3
"""A run's evaluations in units of its team's play: before and after training by the team, and
the two reference teams, which need no model, by about one more."""
START = 10.0
"""Seconds to load everything."""
LEAST = 3
"""Iterations that a run must have had to be measured by."""


@dataclass
class IterationTime:
    """What an iteration of like runs took.

    Attributes:
        rollout, learn: seconds.
        source: where that is known from.
    """

    rollout: float
    learn: float
    source: str = ""

    def of_run(self, config: RunConfig, done: int = 0) -> float:
        """Seconds of a run from iteration ``done`` on, its evaluations included."""
        left = config.iterations - done
        evaluated = config.eval_episodes * (EVALUATIONS if done == 0 else EVALUATIONS - 1)
        play = left + evaluated / config.batch
        return START + play * self.rollout + left * self.learn


def print_estimate(runs: Sequence[PlannedRun], options: dict[str, Any]) -> int:
    """Print the grid and its time. Returns the exit code: not 0 if some runs cannot be."""
    console = make_wide_console(quiet="quiet" in options)
    console.print(overview(runs))
    root = Path(options.get("out", "results"))
    times = times_of_runs(root)
    console.print(estimate_table(runs, times))
    left = [seconds_left(run, times) for run in runs if run.open]
    known = [seconds for seconds in left if seconds is not None]
    if known:
        at_once = options.get("jobs") or _slots(runs, options)
        console.print(
            f"\n{duration(sum(known))} of work; with {at_once} at a time about "
            f"{duration(makespan(known, at_once))}"
        )
    if len(known) < len(left):
        console.print(
            f"\n{len(left) - len(known)} runs of unknown length: below {root} no run with like "
            f"settings has trained {LEAST} iterations on a machine like this one",
            soft_wrap=True,
        )
    for reason in dict.fromkeys(run.reason for run in runs if run.reason):
        console.print(reason, soft_wrap=True)
    return 2 if any(run.reason for run in runs) else 0


def _slots(runs: Sequence[PlannedRun], options: dict[str, Any]) -> int:
    launcher = make_launcher(runs, options)
    try:
        return launcher.slots()
    finally:
        launcher.close()


def speed_key(resolved: RunConfig) -> str:
    """What runs have in common whose iterations take the same time."""
    cheap = fields_with(time=False) | {"algo_options"}
    same = {k: v for k, v in resolved.to_dict().items() if k not in cheap}
    about = options_of(registry.options_class(resolved.algo))
    same |= {k: v for k, v in resolved.algo_options.items() if about[k].time}
    return json.dumps(files.plain(same), sort_keys=True)


def times_of_runs(root: Path) -> dict[str, IterationTime]:
    """:func:`speed_key` -> the times of the runs below ``root`` on machines like this one."""
    here, rows, counts = environment(), {}, {}
    for path in root.glob("*/*/*/seed*"):
        try:
            config = read_config(path)
            there = files.read_json(path / "environment.json")
        except ColllmError:
            continue  # no run, a torn one, or one of another version
        if any(there.get(key) != here[key] for key in ("cpu", "cores", "accelerators")):
            continue
        measured = full_iterations(path, config)
        if len(measured) >= LEAST:
            key = speed_key(config)
            rows.setdefault(key, []).extend(measured)
            counts[key] = counts.get(key, 0) + 1
    return {
        key: IterationTime(
            fmean(row["rollout"] for row in measured), fmean(row["learn"] for row in measured),
            f"{counts[key]} like run{'s' if counts[key] > 1 else ''}",
        )
        for key, measured in rows.items()
    }


def full_iterations(path: Path, config: RunConfig) -> list[dict[str, Any]]:
    """A run's timings of iterations in which the actors learned too."""
    first = config.algo_options.get("critic_warmup", 0)
    rows = files.read_lines(path / "timing.jsonl")
    return [row for row in rows if row.get("iteration", 0) >= first and "learn" in row]


def seconds_left(run: PlannedRun, times: dict[str, IterationTime]) -> float | None:
    """What a run still takes; None where no like run is known."""
    time = times.get(speed_key(run.resolved))
    if time is None:
        return None
    done = 0
    if run.status == "started":
        every = run.resolved.checkpoint_every
        done = len(files.read_lines(run.path / "metrics.jsonl")) // every * every
    return time.of_run(run.resolved, done)


def makespan(times: Iterable[float], at_once: int) -> float:
    """Seconds until all are done, each started in order as soon as one of ``at_once`` ends."""
    ends = [0.0] * at_once
    for seconds in times:
        heapq.heappush(ends, heapq.heappop(ends) + seconds)
    return max(ends)


def estimate_table(runs: Sequence[PlannedRun], times: dict[str, IterationTime]) -> Table:
    """A line for each setting: its runs, how many are to do, and the time of each."""
    titles, labels = label_runs([run.config for run in runs])
    table = plain_table(*titles[:-1], "runs", "to do", "an iteration", "a run")
    table.add_column("known from", overflow="fold")
    groups: dict[tuple, list[PlannedRun]] = {}
    for run, texts in zip(runs, labels, strict=True):
        groups.setdefault(texts[:-1], []).append(run)
    for texts, members in groups.items():
        todo = sum(run.open for run in members)
        resolved = members[0].resolved
        time = times.get(speed_key(resolved)) if resolved else None
        cells = ("?", "?", "no like run")
        if resolved is None:
            cells = ("", "", "cannot be run")
        elif time is not None:
            whole = duration(time.of_run(resolved))
            cells = (f"{time.rollout + time.learn:.2f} s", whole, time.source)
        table.add_row(*texts, str(len(members)), str(todo), *cells)
    return table
