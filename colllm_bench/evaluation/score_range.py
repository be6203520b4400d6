"""The returns of scores 0 and 1: known to the environment, or those of its reference teams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError

RangeOf = Callable[[dict[str, dict[str, Any]]], tuple[float, float] | None]
"""From every team's :func:`raw_results` to the returns of scores 0 and 1; None: no score."""


def known_range(config: RunConfig) -> RangeOf | None:
    """The returns of scores 0 and 1 that the environment knows; None: they must be measured."""
    try:
        entry = registry.env_spec(config.env).score_range
    except ConfigError:  # of a record whose environment is not on this machine
        entry = None
    if entry is None:
        return None
    options = {"agents": config.agents, **config.env_options}
    ends = registry.load(entry, "score range")(**options)
    return lambda teams: ends


def range_of(summary: Mapping[str, Any]) -> tuple[float, float] | None:
    """The returns of scores 0 and 1 of a run's summary: known ones (its ``score_range``), else
    the measured ones of its ``held_out`` teams; None where it has no scale."""
    if "score_range" in summary:
        known = summary["score_range"]
        return None if known is None else (float(known[0]), float(known[1]))
    return measured_range(summary["held_out"])


def measured_range(teams: dict[str, dict[str, Any]]) -> tuple[float, float] | None:
    """Mean returns of the random and of the scripted team, the scores 0 and 1; None where one is
    missing or the expert is no better than the random team."""
    floor, ceiling = (
        fmean(teams[name]["returns"]) if name in teams else None
        for name in ("random", "scripted")
    )
    if floor is None or ceiling is None or not ceiling > floor:
        return None
    return floor, ceiling
