"""The texts of single cells in the tables that people read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from colllm_bench.leaderboard.metrics import Metric
from colllm_bench.leaderboard.statistics.estimators import LEVEL


def text(value: float | None, digits: int = 3) -> str:
    """A number to read: fixed digits below 100, whole above."""
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{round(value, digits) + 0.0:.{digits}f}"


def interval(estimate: dict[str, Any] | None, digits: int = 3, seeds: Sequence[Any] = ()) -> str:
    """``0.961 (0.912 to 0.984) [0.945, 0.965, 0.975]``; with more digits where an interval would
    look as if it had no width."""
    if not estimate or estimate["value"] is None:
        return ""
    ends = estimate["low"], estimate["high"]
    numbers = [estimate["value"], *(() if None in ends else ends)]
    forms = [
        *(lambda number, more=more: text(number, digits + more) for more in range(4)),
        lambda number: f"{number:.6g}",
    ]
    for form in forms:
        shown = [form(number) for number in numbers]
        if len(shown) == 1 or shown[1] != shown[2]:
            break
    line = shown[0] + (f" ({shown[1]} to {shown[2]})" if len(shown) == 3 else "")
    return line + (f" [{', '.join(text(seed, digits) for seed in seeds)}]" if seeds else "")


def cell(metric: Metric, estimate: dict[str, Any] | None) -> str:
    """A metric's text, as ``1727 (1532 to 1947) [1664, 1728, 1792]``, ``2200 (1800 to 2560)
    [2010, >2560]``, and ``>2560 [no run]`` where none got there."""
    if not estimate or metric.in_table == "value":
        return text(estimate and estimate["value"], metric.digits)
    if not estimate.get("reached"):
        seeds = estimate["seeds"] if metric.in_table == "seeds" else ()
        return interval(estimate, metric.digits, seeds)
    if not any(estimate["reached"]):
        return f">{text(estimate['value'])} [no run]"
    seeds = [
        ("" if reached else ">") + text(value)
        for value, reached in zip(estimate["seeds"], estimate["reached"])
    ]
    return f"{interval(estimate)} [{', '.join(seeds)}]"


def ratio_cell(ratio: dict[str, Any] | None) -> str:
    """``1.69 (1.06 to 2.70)``, with ``, 3/3 and 2/3 got there`` where not all runs did."""
    if not ratio:
        return ""
    if not any(ratio["reached"]):
        return "none got there"
    got = " and ".join(f"{k}/{n}" for k, n in zip(ratio["reached"], ratio["n"]))
    all_there = tuple(ratio["reached"]) == tuple(ratio["n"])
    return interval(ratio, 2) + ("" if all_there else f", {got} got there")


def p_cell(test: dict[str, Any] | None) -> str:
    """A corrected p, or ``n`` where no outcome of so few runs could have been one."""
    if not test or test["p_holm"] is None:
        return ""
    return "n" if test["smallest_p"] > 1 - LEVEL else f"{test['p_holm']:.3f}"
