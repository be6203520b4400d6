"""How often the reports' intervals hold what they claim to: simulation with known truths.

    python results/statistics/coverage.py results/statistics [--datasets 4000]
    python results/statistics/coverage.py results/statistics --datasets 2000 --add "NAME"

Writes ``coverage.json`` (for every cell how many of the simulated experiments' 95% intervals
held the truth, and their median width) and ``coverage.md`` (the tables of docs/statistics.md).
An experiment is n runs whose scores are drawn from a distribution; the truth is the aggregate of
four million draws. Distributions of scores are given with their range (0 to 1), the others without
one, so that their intervals know of no runs but those seen. Every cell has a seed of its own,
so that it can be made again alone; ``--add`` makes those of one distribution and puts them to
the others.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import time
from pathlib import Path

import numpy as np
from coverage_pairs import ratios, tasks, two_sides
from distributions import FAILING, NAMED, ORDINARY, span, truth

from colllm_bench.leaderboard.statistics import differences, estimators
from colllm_bench.runs import files
from colllm_bench.seeding import derive

RUNS = (3, 5, 10, 20)
COMPARED = 500
"""Experiments in which a percentile bootstrap is tried as well."""
AGGREGATES = ("mean", "iqm", "median", "optimality_gap")


def aggregate(what: str, name: str, draw, n: int, datasets: int) -> dict:
    """The cell of one aggregate, distribution and number of runs."""
    rng = np.random.default_rng(derive(0, name, n, what))
    target = truth(draw, what, n)
    # A bootstrap of many runs is what takes the time.
    share = 1 if what in ("mean", "optimality_gap") else 2 if n <= 5 else 4
    experiments, widths, held, percentile = datasets // share, [], 0, 0
    for k, values in enumerate(draw(rng, (experiments, n))):
        found = estimators.estimate(values, what, rng=rng, **span(name))
        if found.low is not None:  # none of n equal medians: counted as not held
            held += found.low <= target <= found.high
            widths.append(found.high - found.low)
        if k < COMPARED:
            draws = estimators.AGGREGATES[what](estimators.resampled([values], rng, 500))
            low, high = np.quantile(draws, (0.025, 0.975))
            percentile += low <= target <= high
    return {
        "what": what, "distribution": name, "runs": n, "experiments": experiments,
        "held": int(held), "without_interval": experiments - len(widths),
        "narrowest": float(min(widths)),
        "percentile_bootstrap": percentile / min(COMPARED, experiments),
        "median_width": float(np.median(widths)), "truth": target,
    }


def improvement(n: int, datasets: int) -> list[dict]:
    """Probability of improvement of normal runs over others, at several true values."""
    rows = []
    for theta in (0.5, 0.75, 0.9, 0.98):
        rng = np.random.default_rng(derive(0, "improvement", n, theta))
        shift = math.sqrt(2) * _normal_quantile(theta)
        held, widths = 0, []
        for _ in range(datasets):
            ours, theirs = rng.normal(shift, 1, n), rng.normal(0, 1, n)
            found = differences.probability_of_improvement([(ours, theirs)])
            held += found.low <= theta <= found.high
            widths.append(found.high - found.low)
        rows.append({
            "what": "probability of improvement", "distribution": f"truth {theta}", "runs": n,
            "experiments": datasets, "held": int(held), "median_width": float(np.median(widths)),
            "truth": theta,
        })
    return rows


def shares(n: int, datasets: int) -> list[dict]:
    """A performance profile's band at a threshold that a share p of runs pass."""
    rows = []
    for p in (0.5, 0.8, 0.95):
        rng = np.random.default_rng(derive(0, "share", n, p))
        bounds = [estimators.clopper_pearson(k, n) for k in range(n + 1)]
        found = [bounds[k] for k in rng.binomial(n, p, datasets)]
        rows.append({
            "what": "performance profile", "distribution": f"share {p}", "runs": n,
            "experiments": datasets, "held": sum(low <= p <= high for low, high in found),
            "median_width": float(np.median([high - low for low, high in found])), "truth": p,
        })
    return rows


def _normal_quantile(p: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)


def table(rows: list[dict], what: str, names: list[str]) -> list[str]:
    cells = {(row["distribution"], row["runs"]): row for row in rows if row["what"] == what}
    lines = [f"| {what} | " + " | ".join(f"n = {n}" for n in RUNS) + " |", "|" + "---|" * 5]
    for name in names:
        found = [cells[name, n] for n in RUNS]
        shown = [f"{row['held'] / row['experiments']:.3f}" for row in found]
        if "percentile_bootstrap" in found[0]:
            shown = [
                f"{text} ({row['percentile_bootstrap']:.2f})" for text, row in zip(shown, found)
            ]
        lines.append(f"| {name} | " + " | ".join(shown) + " |")
    return lines


SECTIONS = (
    "probability of improvement", "difference", "difference, cautious", "ratio of samples",
    "ratio of samples, cautious", "tasks", "performance profile",
)


def simulate(datasets: int) -> list[dict]:
    """Every cell."""
    rows = []
    for n in RUNS:
        for name, draw in {**ORDINARY, **FAILING, **NAMED}.items():
            rows += [aggregate(what, name, draw, n, datasets) for what in AGGREGATES]
        rows += improvement(n, datasets // 2)
        rows += two_sides(n, datasets // 4) + ratios(n, datasets // 4) + tasks(n, datasets // 4)
        rows += shares(n, datasets)
    return rows


def tables(rows: list[dict]) -> str:
    text = []
    for what in AGGREGATES:
        for names in (ORDINARY, FAILING, NAMED):
            text += table(rows, what, list(names)) + [""]
    for what in SECTIONS:
        names = list(dict.fromkeys(r["distribution"] for r in rows if r["what"] == what))
        text += table(rows, what, names) + [""]
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--datasets", type=int, default=4000)
    parser.add_argument("--add", metavar="NAME", help="of runs' distributions, this one alone")
    args = parser.parse_args()
    if args.add:
        return add(args.out, args.add, args.datasets)
    began = time.process_time()
    rows = simulate(args.datasets)
    data = {
        "command": f"python results/statistics/coverage.py results/statistics --datasets "
                   f"{args.datasets}",
        "cpu_seconds": round(time.process_time() - began), "python": platform.python_version(),
        "numpy": np.__version__, "level": estimators.LEVEL, "repetitions": estimators.REPETITIONS,
        "rows": rows,
    }
    args.out.mkdir(parents=True, exist_ok=True)
    save(args.out, data)


def add(out: Path, name: str, datasets: int) -> None:
    """The cells of one distribution of runs, made alone, among those that are there."""
    data = json.loads((out / "coverage.json").read_text())
    rows = [row for row in data["rows"] if row["distribution"] != name]
    draw = {**ORDINARY, **FAILING, **NAMED}[name]
    data["rows"] = rows + [
        aggregate(what, name, draw, n, datasets) for n in RUNS for what in AGGREGATES
    ]
    save(out, data)


def save(out: Path, data: dict) -> None:
    compact = json.dumps(data, indent=None).replace("}, {", "},\n{")
    files.write_text(out / "coverage.json", compact + "\n")
    files.write_text(out / "coverage.md", tables(data["rows"]))


if __name__ == "__main__":
    main()
