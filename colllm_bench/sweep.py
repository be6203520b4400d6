"""``python -m colllm_bench.sweep``: a grid of runs, each in the folder that ``run`` gives it."""

from __future__ import annotations

import os
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import Any

from colllm_bench import cli
from colllm_bench.errors import ConfigError
from colllm_bench.launchers import grid

DESCRIPTION = """Train every combination of the settings, for every seed.

  python -m colllm_bench.sweep --env strategy --algo mc,cc,dc --agents 2,4 --seeds 0:5
  python -m colllm_bench.sweep --algo cc --lr 1e-3,3e-3 --env-option level=1,2 --jobs 4
  python -m colllm_bench.sweep --config study.toml --dry-run

Every setting takes values with commas between them. Runs lie where `run` with the same
settings puts them. The same command again skips what is complete and goes on with the rest.
"""
SWEEP_OPTIONS = (
    "name", "out", "jobs", "launcher", "address", "gpus", "retries", "log", "minutes", "partition",
    "slurm",
)
"""What a --config file may set beside the settings."""


LAUNCHERS = {
    "local": set(), "ray": {"address", "gpus"}, "slurm": {"gpus", "minutes", "partition", "slurm"},
}
"""Where runs go, and the options that only some of these read."""


def parser(algo: str = "mc,cc,dc", env: str | None = None) -> cli.Parser:
    """The command's options; those of these algorithms and environments are in its help."""
    command = cli.Parser(
        prog="python -m colllm_bench.sweep",
        usage="python -m colllm_bench.sweep [options]",
        description=DESCRIPTION,
        formatter_class=RawDescriptionHelpFormatter,
    )
    grid.add_grid_options(command, algo, env)
    group = command.add_argument_group("sweep")
    group.add_argument("--seeds", metavar="SEEDS", help="0,1,2 or 0:3: every setting with each")
    group.add_argument("--name", help="the runs' name (default: from the settings that differ)")
    group.add_argument(
        "--out", metavar="FOLDER",
        help="where run folders go: FOLDER/ENV/ALGO/NAME/seedK (default: results)",
    )
    group.add_argument("--jobs", type=int, metavar="N", help="runs at a time (default: cores)")
    group.add_argument(
        "--retries", type=int, metavar="N",
        help="how often a run whose process was killed starts again (default: 3)",
    )
    group.add_argument(
        "--launcher", choices=tuple(LAUNCHERS),
        help="local: processes of this machine (default); ray: tasks of a Ray cluster; slurm: jobs "
        "in Slurm's queue",
    )
    group.add_argument(
        "--address", metavar="HOST:PORT",
        help="of the Ray cluster, or auto (default: one is started on this machine)",
    )
    group.add_argument(
        "--gpus", type=float, metavar="X",
        help="GPUs that a run takes of the cluster (default: 1 with --device cuda, else 0)",
    )
    group.add_argument(
        "--minutes", type=int, metavar="N",
        help="time limit of a Slurm job; a longer run is queued again and goes on (default: 240)",
    )
    group.add_argument("--partition", metavar="NAME", help="of Slurm (default: its own)")
    group.add_argument(
        "--slurm", metavar="KEY=VALUE", action="append",
        help="a further option of sbatch (account=mine)",
    )
    group.add_argument(
        "--log", metavar="NAMES", help="copy the metrics to tensorboard, wandb (or both, a,b)"
    )
    group.add_argument("--no-eval", action="store_true", help="train only; again without evaluates")
    group.add_argument(
        "--dry-run", action="store_true",
        help="print the grid and the time it needs, as far as like runs tell; start nothing",
    )
    group.add_argument("--quiet", action="store_true", help="print nothing but errors")
    group.add_argument("--debug", action="store_true", help="show tracebacks")
    return command


def main(argv: Sequence[str]) -> int:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    args = parser(cli.algorithm_of(argv), cli.shown_environment(argv)).parse(argv)
    options = vars(args)
    if "seeds" in options:
        options["seed"] = cli.parse_seeds(options["seeds"])
    grids, others = grid.read_grids(args, SWEEP_OPTIONS)
    options.update({key: value for key, value in others.items() if key not in options})
    check_options(options)
    if "log" in options:
        from colllm_bench.training.loggers import parse_names

        options["log"] = ",".join(parse_names(options["log"]))
    from colllm_bench.launchers.plan import plan_runs  # rich, which --help must not wait for

    runs = plan_runs(grids, options)
    if "dry_run" in options:
        from colllm_bench.launchers.time_estimate import print_estimate

        return print_estimate(runs, options)
    return start_runs(runs, options)


def check_options(options: dict[str, Any]) -> None:
    """Refuse values of the sweep's own options. A file's have not been looked at yet."""
    for name, least in {"jobs": 1, "retries": 0, "gpus": 0, "minutes": 1}.items():
        value = options.get(name)
        right = isinstance(value, (int, float) if name == "gpus" else int)
        if value is not None and not (right and value >= least):
            raise ConfigError(f"--{name} {value!r} is out of range", allowed=f"{least} or more")
    launcher = options.get("launcher", "local")
    if launcher not in LAUNCHERS:
        raise ConfigError(f"--launcher {launcher!r} is unknown", allowed=", ".join(LAUNCHERS))
    for name in sorted(set().union(*LAUNCHERS.values()) - LAUNCHERS[launcher]):
        if name in options:
            readers = [f"--launcher {key}" for key, read in LAUNCHERS.items() if name in read]
            raise ConfigError(
                f"--{name} {options[name]} has no effect with the {launcher} launcher",
                fix=f"{' or '.join(readers)}, or leave it out",
            )
    if launcher == "slurm" and options.get("gpus", 0) % 1:
        raise ConfigError(f"--gpus {options['gpus']} with --launcher slurm", allowed="whole GPUs")


def start_runs(runs: Sequence[Any], options: dict[str, Any]) -> int:
    """Run what is not complete; the exit code is 0 only if every run of the grid is."""
    from colllm_bench.display.console import make_wide_console
    from colllm_bench.launchers import plan
    from colllm_bench.launchers.jobs import exit_code

    plan.refuse_invalid(runs)
    console = make_wide_console(quiet="quiet" in options)
    launcher = plan.make_launcher(runs, options)
    jobs, titles = plan.make_jobs(runs, options)
    console.print(plan.overview(runs), soft_wrap=True)
    # Ray starts killed runs again itself.
    retries = 0 if options.get("launcher") == "ray" else options.get("retries", plan.RETRIES)
    failed = plan.work_through(
        jobs, titles, launcher, console, at_once=options.get("jobs"), retries=retries
    )
    if failed:
        cli.say(f"error: {len(failed)} of {len(jobs)} runs failed")
    return exit_code(jobs)


if __name__ == "__main__":
    sys.exit(cli.execute(main))
