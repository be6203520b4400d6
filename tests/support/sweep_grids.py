"""The grid of a sweep's command line."""

from __future__ import annotations

from colllm_bench import cli, sweep
from colllm_bench.config import RunConfig
from colllm_bench.launchers import grid


def configs_of(*argv: str) -> list[RunConfig]:
    args = sweep.parser().parse(argv)
    given = vars(args)
    if "seeds" in given:
        given["seed"] = cli.parse_seeds(given["seeds"])
    return list(grid.configs(grid.read_grids(args, sweep.SWEEP_OPTIONS)[0]))
