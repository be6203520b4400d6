"""``sweep --dry-run``: the grid, and the time it needs: from like runs, or measured here."""

from __future__ import annotations

import heapq
import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from colllm_bench import registry
from colllm_bench.config import RunConfig, fields_with
from colllm_bench.display.job_table import JobTable, console_for
from colllm_bench.display.progress import duration
from colllm_bench.display.tables import plain_table
from colllm_bench.errors import ColllmError
from colllm_bench.launchers.jobs import Job, Pool, exit_code
from colllm_bench.options import options_of
from colllm_bench.runs import files
from colllm_bench.runs.folder import read_config
from colllm_bench.runs.provenance import environment
from colllm_bench.sweep import Point, label, make_launcher, overview, run_argv

EVALUATIONS = 3
"""A run's evaluations in units of its team's play: before and after training by the team, and
the two reference teams, which need no model, by about one more."""
START = 10.0
"""Seconds to load everything, where nothing was measured."""


@dataclass
class Pace:
    """What runs of a setting take.

    Attributes:
        rollout, learn: seconds an iteration.
        start: seconds before the first one.
        source: where that is known from.
        failure: why it is not known.
    """

    rollout: float = 0.0
    learn: float = 0.0
    start: float = START
    source: str = ""
    failure: str = ""

    def seconds(self, config: RunConfig, done: int = 0) -> float:
        """What a run takes from iteration ``done`` on, its evaluations included."""
        left = config.iterations - done
        evaluated = config.eval_episodes * (EVALUATIONS if done == 0 else EVALUATIONS - 1)
        play = left + evaluated / config.batch
        return self.start + play * self.rollout + left * self.learn


def print_forecast(points: Sequence[Point], given: dict[str, Any]) -> int:
    """Print the grid and its time. Returns the exit code: not 0 if some runs cannot be."""
    console = console_for(quiet="quiet" in given)
    console.print(overview(points), highlight=False)
    launcher = make_launcher(points, given)
    at_once = given.get("jobs") or launcher.slots()
    paces = like_runs(Path(given.get("out", "results")))
    open_points = [p for p in points if p.standing in ("new", "started")]
    unknown = {pace_key(p.resolved): p for p in reversed(open_points)
               if pace_key(p.resolved) not in paces}
    iterations = given.get("calibrate", 2)
    code = 0
    if unknown and iterations:
        code = calibrate(unknown, paces, launcher, given, console)
    else:
        launcher.close()
    console.print(forecast_table(points, paces))
    times = [p_seconds for p in open_points if (p_seconds := seconds_left(p, paces)) is not None]
    if times:
        missing = len(open_points) - len(times)
        console.print(
            f"\n{duration(sum(times))} of work; with {at_once} at a time about "
            f"{duration(makespan(times, at_once))}"
            + (f", and {missing} runs of unknown length" if missing else ""),
            highlight=False,
        )
    for reason in dict.fromkeys(p.reason for p in points if p.standing == "refused"):
        console.print(reason, highlight=False, markup=False, soft_wrap=True)
    return code or (2 if any(p.standing == "refused" for p in points) else 0)


def pace_key(resolved: RunConfig) -> str:
    """What runs of one pace have in common."""
    cheap = fields_with(time=False) | {"algo_options"}
    same = {k: v for k, v in resolved.to_dict().items() if k not in cheap}
    about = options_of(registry.options_class(resolved.algo))
    same |= {k: v for k, v in resolved.algo_options.items() if about[k].time}
    return json.dumps(files.plain(same), sort_keys=True)


def like_runs(root: Path) -> dict[str, Pace]:
    """The paces of the runs under ``root`` that were made on a machine like this one."""
    here, rows, counts = environment(), {}, {}
    for path in root.glob("*/*/*/seed*"):
        try:
            config = read_config(path)
            there = files.read_json(path / "environment.json")
        except ColllmError:
            continue  # no run, a torn one, or one of another version
        if any(there.get(key) != here[key] for key in ("cpu", "cores", "accelerators")):
            continue
        found = full_iterations(path, config)
        if len(found) >= 3:
            key = pace_key(config)
            rows.setdefault(key, []).extend(found)
            counts[key] = counts.get(key, 0) + 1
    return {
        key: pace_of(own, f"{counts[key]} like run{'s' if counts[key] > 1 else ''}")
        for key, own in rows.items()
    }


def full_iterations(path: Path, config: RunConfig) -> list[dict[str, Any]]:
    """A run's timings of iterations in which the actors learned too."""
    first = config.algo_options.get("critic_warmup", 0)
    rows = files.read_lines(path / "timing.jsonl")
    return [row for row in rows if row.get("iteration", 0) >= first and "learn" in row]


def pace_of(rows: Sequence[dict[str, Any]], source: str) -> Pace:
    return Pace(fmean(r["rollout"] for r in rows), fmean(r["learn"] for r in rows), source=source)


def calibrate(
    unknown: dict[str, Point], paces: dict[str, Pace], launcher: Any, given: dict[str, Any],
    console: Console,
) -> int:
    """Measure the settings in ``unknown`` by short runs, as many at a time as the sweep would
    have, and put them into ``paces``. Returns their exit code."""
    # A cluster's workers see the results' folder, and not this machine's temporary ones.
    out = Path(given.get("out", "results")) if given.get("launcher") == "ray" else None
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    titles, labels = label([point.config for point in unknown.values()])
    with tempfile.TemporaryDirectory(prefix=".calibration-", dir=out) as folder:
        jobs = {}
        for k, (key, point) in enumerate(unknown.items()):
            where = {"out": folder, "name": f"setting{k}", "no_eval": True}
            config = shortened(point, given.get("calibrate", 2))
            path = Path(folder) / f"{point.path.parts[-4]}/{point.path.parts[-3]}"
            path = path / f"setting{k}" / f"seed{config.seed}"
            jobs[key] = Job(labels[k], path, [*run_argv(config, where), "--quiet"])
        console.print(f"measuring {len(jobs)} settings", highlight=False)
        with JobTable(list(jobs.values()), titles, console) as board:
            Pool(list(jobs.values()), launcher, given.get("jobs")).work(board.show)
        for key, job in jobs.items():
            rows = full_iterations(job.path, read_config(job.path)) if job.code == 0 else []
            paces[key] = pace_of(rows, f"{len(rows)} iterations") if rows else Pace(
                failure=job.failure
            )
            if rows:
                timing = files.read_lines(job.path / "timing.jsonl")
                busy = sum(row["rollout"] + row["learn"] for row in timing)
                paces[key].start = max(0.0, job.seconds - busy)
    return exit_code(list(jobs.values()))


def shortened(point: Point, iterations: int) -> RunConfig:
    """The setting for one iteration of its critic alone, and so many whole ones."""
    has_critic = bool(point.resolved.critic_epochs)
    batch = point.resolved.batch
    changes = {"critic_warmup": 1} if has_critic else {}
    return point.config.replace(
        episodes=batch * (iterations + has_critic), eval_episodes=1, **changes
    )


def seconds_left(point: Point, paces: dict[str, Pace]) -> float | None:
    """What a run still takes; None where that is not known."""
    pace = paces.get(pace_key(point.resolved))
    if pace is None or pace.failure:
        return None
    done = 0
    if point.standing == "started":
        every = point.resolved.checkpoint_every
        done = len(files.read_lines(point.path / "metrics.jsonl")) // every * every
    return pace.seconds(point.resolved, done)


def makespan(times: Iterable[float], row_groups: int) -> float:
    """Seconds until all are done, each started in order as soon as a lane is free."""
    ends = [0.0] * row_groups
    for seconds in times:
        heapq.heappush(ends, heapq.heappop(ends) + seconds)
    return max(ends)


def forecast_table(points: Sequence[Point], paces: dict[str, Pace]) -> Table:
    """A line a setting: its runs, how they stand, and what they take."""
    titles, labels = label([point.config for point in points])
    table = plain_table(*titles[:-1], "runs", "to do", "an iteration", "a run")
    table.add_column("known from", overflow="fold")
    groups: dict[tuple, list[Point]] = {}
    for point, texts in zip(points, labels, strict=True):
        groups.setdefault(texts[:-1], []).append(point)
    for texts, own in groups.items():
        todo = [point for point in own if point.standing in ("new", "started")]
        resolved = own[0].resolved
        pace = paces.get(pace_key(resolved)) if resolved else None
        cells = ("", "", "refused" if resolved is None else "")
        if pace is not None and pace.failure:
            cells = ("", "", pace.failure)
        elif pace is not None:
            whole = duration(pace.seconds(resolved))
            cells = (f"{pace.rollout + pace.learn:.2f} s", whole, pace.source)
        table.add_row(*texts, str(len(own)), str(len(todo)), *cells)
    return table
