"""``python -m colllm_bench.sweep``: a grid of runs, each in the folder that ``run`` gives it."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colllm_bench import cli, run
from colllm_bench.config import RunConfig
from colllm_bench.errors import ColllmError, ConfigError
from colllm_bench.launchers import grid

DESCRIPTION = """Train every combination of the settings, for every seed.

  python -m colllm_bench.sweep --env strategy --algo mc,cc,dc --agents 2,4 --seeds 0:5
  python -m colllm_bench.sweep --algo cc --lr 1e-3,3e-3 --env-option level=1,2 --jobs 4
  python -m colllm_bench.sweep --config study.toml --dry-run

Every setting takes values with commas between them. Runs lie where `run` with the same
settings puts them. The same command again skips what is complete and goes on with the rest.
"""
SWEEP_OPTIONS = ("name", "out", "jobs", "launcher", "address", "gpus", "retries", "log")
"""What a --config file may set beside the settings."""
RETRIES = 3
"""How often a run starts again whose process was killed. Ray does that itself."""


@dataclass
class Point:
    """A run of the grid.

    Attributes:
        standing: ``new``, ``started``, ``complete`` or ``refused``.
        reason: why it is refused.
        resolved: its configuration without open questions; None where it is refused.
    """

    config: RunConfig
    path: Path
    standing: str = "new"
    reason: str = ""
    resolved: RunConfig | None = None


def parser(algo: str = "mc,cc,dc") -> cli.Parser:
    made = cli.Parser(
        prog="python -m colllm_bench.sweep",
        usage="python -m colllm_bench.sweep [options]",
        description=DESCRIPTION,
        formatter_class=RawDescriptionHelpFormatter,
    )
    grid.add_grid_options(made, algo)
    what = made.add_argument_group("sweep")
    what.add_argument("--seeds", metavar="SEEDS", help="0,1,2 or 0:3: every setting with each")
    what.add_argument("--name", help="the runs' name (default: from the settings that differ)")
    what.add_argument(
        "--out", metavar="FOLDER",
        help="where run folders go: FOLDER/ENV/ALGO/NAME/seedK (default: results)",
    )
    what.add_argument("--jobs", type=int, metavar="N", help="runs at a time (default: cores)")
    what.add_argument(
        "--retries", type=int, metavar="N",
        help="how often a run whose process was killed starts again (default: 3)",
    )
    what.add_argument(
        "--launcher", choices=("local", "ray"),
        help="local: processes of this machine (default); ray: tasks of a Ray cluster",
    )
    what.add_argument(
        "--address", metavar="HOST:PORT",
        help="of the Ray cluster, or auto (default: one is started on this machine)",
    )
    what.add_argument(
        "--gpus", type=float, metavar="X",
        help="GPUs that a run takes of the Ray cluster (default: 1 with --device cuda, else 0)",
    )
    what.add_argument(
        "--log", metavar="NAMES", help="copy the metrics to tensorboard, wandb (or both, a,b)"
    )
    what.add_argument("--no-eval", action="store_true", help="train only; again without evaluates")
    what.add_argument(
        "--dry-run", action="store_true",
        help="print the grid and the time it needs, from like runs or a short calibration",
    )
    what.add_argument(
        "--calibrate", type=int, metavar="N",
        help="iterations that --dry-run measures of each setting; 0: none (default: 2)",
    )
    what.add_argument("--quiet", action="store_true", help="print nothing but errors")
    what.add_argument("--debug", action="store_true", help="show tracebacks")
    return made


def main(argv: Sequence[str]) -> int:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    args = parser(cli.algorithm_of(argv)).parse(argv)
    given = vars(args)
    if "seeds" in given:
        given["seed"] = cli.parse_seeds(given["seeds"])
    grids, others = grid.read_grids(args, SWEEP_OPTIONS)
    given.update({key: value for key, value in others.items() if key not in given})
    check_options(given)
    if "log" in given:
        from colllm_bench.training.loggers import parse_names

        given["log"] = ",".join(parse_names(given["log"]))
    points = plan_runs(grids, args)
    prepared: dict[str, Any] = {}
    for point in points:
        stand(point, prepared)
    if "dry_run" in given:
        from colllm_bench.launchers.time_estimate import print_forecast

        return print_forecast(points, given)
    return run_points(points, given)


def check_options(given: dict[str, Any]) -> None:
    """Refuse values of the sweep's own options. A file's have not been looked at yet."""
    for name, least in {"jobs": 1, "retries": 0, "gpus": 0, "calibrate": 0}.items():
        value = given.get(name)
        right = isinstance(value, (int, float) if name == "gpus" else int)
        if value is not None and not (right and value >= least):
            raise ConfigError(f"--{name} {value!r} is out of range", allowed=f"{least} or more")
    launcher = given.get("launcher", "local")
    if launcher not in ("local", "ray"):
        raise ConfigError(f"--launcher {launcher!r} is unknown", allowed="local, ray")
    for name in ("address", "gpus"):
        if name in given and launcher != "ray":
            raise ConfigError(
                f"--{name} {given[name]} has no effect with the local launcher",
                fix="--launcher ray, or leave it out",
            )


def plan_runs(grids: Sequence[grid.Grid], args: Namespace) -> list[Point]:
    """The points of the grids with their folders.

    Raises:
        ConfigError: an unknown environment or algorithm, or two runs in one folder.
    """
    points: dict[Path, Point] = {}
    for config in grid.configs(list(grids)):
        run.check_cheaply(config)
        path = run.run_folder(config, args)
        if path in points:
            one, other = points[path].config.to_dict(), config.to_dict()
            differ = ", ".join(key for key in one if one[key] != other[key])
            named = "name" in vars(args)
            raise ConfigError(
                f"two runs of the grid that differ in {differ} share the folder {path}",
                fix="leave --name out" if named else f"one value of {differ} a sweep, or --name",
            )
        points[path] = Point(config, path)
    return list(points.values())


def stand(point: Point, prepared: dict[str, Any]) -> None:
    """Find out how far a point's run is, or why it cannot be one; loads no model.

    Args:
        prepared: by the settings without the seed, what was found out of earlier points:
            the resolved configuration, or why it cannot be. This point's is added.
    """
    from colllm_bench.runs.folder import standing

    key = point.config.digest
    if key not in prepared:
        try:
            prepared[key] = run.prepare(point.config)
        except ColllmError as error:
            prepared[key] = error
    try:
        if isinstance(prepared[key], ColllmError):
            raise prepared[key]
        point.resolved = prepared[key].replace(seed=point.config.seed)
        point.standing = standing(point.path, point.resolved)
    except ColllmError as error:
        point.standing, point.reason = "refused", "error: " + " ".join(str(error).split())


def run_points(points: Sequence[Point], given: dict[str, Any]) -> int:
    """Run what is not complete; the exit code is 0 only if every run of the grid is."""
    from colllm_bench.display.job_table import JobTable, console_for, failures_table, settings_table
    from colllm_bench.launchers.jobs import Pool, exit_code

    console = console_for(quiet="quiet" in given)
    launcher = make_launcher(points, given)
    jobs, titles = make_jobs(points, given)
    console.print(overview(points), highlight=False, soft_wrap=True)
    try:
        with JobTable(jobs, titles, console) as board:
            again = 0 if "ray" == given.get("launcher") else given.get("retries", RETRIES)
            Pool(jobs, launcher, given.get("jobs"), again).work(board.show)
    except KeyboardInterrupt as interrupt:
        raise type(interrupt)("interrupted: the same command goes on") from None
    console.print(settings_table(jobs, titles))
    failed = [job for job in jobs if job.code != 0]
    if failed:
        errors = console_for(stderr=True)
        errors.print(failures_table(failed, titles))
        errors.print("\ngo on with one of them alone:", highlight=False)
        for job in failed:
            errors.print(f"  {job.resume_command}", highlight=False, markup=False, soft_wrap=True)
        cli.say(f"error: {len(failed)} of {len(jobs)} runs failed")
    return exit_code(jobs)


def overview(points: Sequence[Point]) -> str:
    """How many runs there are, and how they stand."""
    counts = Counter(point.standing for point in points)
    said = {"complete": "complete", "started": "to go on with", "new": "new", "refused": "refused"}
    parts = [f"{counts[name]} {text}" for name, text in said.items() if counts[name]]
    return f"{len(points)} runs: {', '.join(parts)}"


def make_jobs(points: Sequence[Point], given: dict[str, Any]) -> tuple[list[Any], tuple[str, ...]]:
    """A job for every point, and the titles of their labels' columns."""
    from colllm_bench.launchers.jobs import Job

    titles, labels = label([point.config for point in points])
    jobs = []
    for point, texts in zip(points, labels, strict=True):
        argv = run_argv(point.config, given)
        job = Job(texts, point.path, [*argv, "--resume", "--quiet"])
        if point.standing == "refused":
            job.fail(2, point.reason)
        elif point.standing == "complete":
            job.code = 0
        jobs.append(job)
    return jobs, titles


def label(configs: Sequence[RunConfig]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """What tells the runs of a grid from each other: the names of the settings that vary (and
    always the algorithm and, last, the seed), and each run's values as texts."""
    rows = []
    for config in configs:
        row = config.to_dict()
        rows.append({**row.pop("env_options"), **row.pop("algo_options"), **row})
    first = ("env", "algo", "agents")
    names = dict.fromkeys(name for row in reversed(rows) for name in (*first, *row))
    titles = [
        name for name in names
        if name == "algo" or name != "seed" and len({str(row.get(name)) for row in rows}) > 1
    ]
    titles.append("seed")
    texts = [tuple("" if row.get(t) is None else str(row[t]) for t in titles) for row in rows]
    return tuple(titles), texts


def run_argv(config: RunConfig, given: dict[str, Any]) -> list[str]:
    """The arguments with which ``run`` does the same."""
    argv = ["--env", config.env, "--algo", config.algo, "--seed", str(config.seed)]
    plain = RunConfig()
    for name, value in config.to_dict().items():
        flag = "--" + name.replace("_", "-")
        if name in ("env", "algo", "seed") or value == getattr(plain, name):
            continue
        if isinstance(value, dict):
            for key, option in value.items():
                text = option if _is_plain(option) else json.dumps(option)
                argv += [flag.removesuffix("s"), f"{key}={text}"]
        elif isinstance(value, bool):
            argv.append(flag if value else f"--no-{flag[2:]}")
        else:
            argv.append(f"{flag}={value}")
    argv += [f"--{name}={given[name]}" for name in ("name", "out", "log") if given.get(name)]
    return argv + (["--no-eval"] if "no_eval" in given else [])


def _is_plain(option: Any) -> bool:
    """A text that a command line gives back as it is."""
    return isinstance(option, str) and cli.pair(f"key={option}")[1] == option


def make_launcher(points: Sequence[Point], given: dict[str, Any]) -> Any:
    if given.get("launcher", "local") == "ray":
        from colllm_bench.launchers.ray_cluster import Ray

        cuda = any(point.config.device.startswith("cuda") for point in points)
        gpus = given.get("gpus", 1 if cuda else 0)
        return Ray(
            given.get("address"), cpus=given.get("jobs"), gpus=gpus,
            retries=given.get("retries", RETRIES),
        )
    from colllm_bench.launchers.jobs import Local

    return Local()


if __name__ == "__main__":
    sys.exit(cli.execute(main))
