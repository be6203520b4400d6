"""How often the reports' intervals hold what they claim to: simulation with known truths.

    python results/statistics/coverage.py results/statistics [--datasets 4000]

Writes ``coverage.json`` (for every cell how many of the simulated experiments' 95% intervals
held the truth, and their median width) and ``coverage.md`` (the tables of docs/statistics.md).
An experiment is n runs whose scores are drawn from a distribution; the truth is the aggregate of
four million draws. Every cell has a seed of its own, so that it can be made again alone.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import time
from functools import cache
from pathlib import Path

import numpy as np

from colllm_bench.leaderboard.statistics import estimators
from colllm_bench.leaderboard.statistics import training_curves as curves
from colllm_bench.runs import files
from colllm_bench.seeding import derive

RUNS = (3, 5, 10, 20)
ORDINARY = {
    "normal": lambda rng, size: rng.normal(0.7, 0.1, size),
    "uniform": lambda rng, size: rng.uniform(0.4, 1.0, size),
    "heavy tails (t, 3 d.f.)": lambda rng, size: 0.7 + 0.05 * rng.standard_t(3, size),
    "skewed: Beta(8, 2)": lambda rng, size: rng.beta(8, 2, size),
    "at a ceiling: Beta(9, 1)": lambda rng, size: rng.beta(9, 1, size),
    "exponential below 1": lambda rng, size: 1 - rng.exponential(0.1, size),
    "lognormal, sigma 0.5": lambda rng, size: rng.lognormal(0, 0.5, size),
    "wins of 200, shares Beta(48, 2)":
        lambda rng, size: rng.binomial(200, rng.beta(48, 2, size)) / 200,
}
"""Runs that differ, and of whose ways of ending each is seen often."""
HARD = {
    "lognormal, sigma 1": lambda rng, size: rng.lognormal(0, 1.0, size),
    "half the runs fail": lambda rng, size: _modes(rng, size, 0.5),
    "a fifth of the runs fail": lambda rng, size: _modes(rng, size, 0.2),
}
"""Runs of which few decide the mean: three or five of them often show no sign of it."""
COMPARED = 500
"""Experiments in which a percentile bootstrap is tried as well."""
AGGREGATES = ("mean", "iqm", "median", "optimality_gap")


def _modes(rng: np.random.Generator, size, failing: float) -> np.ndarray:
    middle = np.where(rng.random(size) < failing, 0.3, 0.9)
    return middle + rng.normal(0, 0.05, size)


@cache
def large_sample(draw) -> np.ndarray:
    return np.sort(draw(np.random.default_rng(derive(0, "truth")), 4_000_000))


def truth(draw, aggregate: str, n: int) -> float:
    """The aggregate of the distribution; an IQM cuts off as much as it does of n runs."""
    ordered = large_sample(draw)
    if aggregate != "iqm":
        return float(estimators.AGGREGATES[aggregate](ordered))
    cut = len(ordered) * (n // 4) // n
    return float(ordered[cut : len(ordered) - cut].mean())


def aggregates(name: str, draw, n: int, datasets: int) -> list[dict]:
    rows = []
    for aggregate in AGGREGATES:
        rng = np.random.default_rng(derive(0, name, n, aggregate))
        target = truth(draw, aggregate, n)
        # A bootstrap of many runs is what takes the time.
        share = 1 if aggregate in ("mean", "optimality_gap") else 2 if n <= 5 else 4
        experiments, widths, held, percentile = datasets // share, [], 0, 0
        for k, values in enumerate(draw(rng, (experiments, n))):
            found = estimators.estimate(values, aggregate, rng=rng)
            held += found.low <= target <= found.high
            widths.append(found.high - found.low)
            if k < COMPARED:
                draws = estimators.AGGREGATES[aggregate](estimators.resampled([values], rng, 500))
                low, high = np.quantile(draws, (0.025, 0.975))
                percentile += low <= target <= high
        rows.append({
            "what": aggregate, "distribution": name, "runs": n, "experiments": experiments,
            "held": int(held), "percentile_bootstrap": percentile / min(COMPARED, experiments),
            "median_width": float(np.median(widths)), "truth": target,
        })
    return rows


def improvement(n: int, datasets: int) -> list[dict]:
    """Probability of improvement of normal runs over others, at several true values."""
    rows = []
    for theta in (0.5, 0.75, 0.9, 0.98):
        rng = np.random.default_rng(derive(0, "improvement", n, theta))
        shift = math.sqrt(2) * _normal_quantile(theta)
        held, widths = 0, []
        for _ in range(datasets):
            ours, theirs = rng.normal(shift, 1, n), rng.normal(0, 1, n)
            found = estimators.probability_of_improvement([(ours, theirs)])
            held += found.low <= theta <= found.high
            widths.append(found.high - found.low)
        rows.append({
            "what": "probability of improvement", "distribution": f"truth {theta}", "runs": n,
            "experiments": datasets, "held": int(held), "median_width": float(np.median(widths)),
            "truth": theta,
        })
    return rows


def ratios(n: int, datasets: int) -> list[dict]:
    """Ratio of samples to a threshold, all runs having got there."""
    rows = []
    for spread in (0.1, 0.5):
        rng = np.random.default_rng(derive(0, "ratio", n, spread))
        held, widths = 0, []
        for _ in range(datasets):
            ours, theirs = (
                curves.Samples(tuple(center * np.exp(rng.normal(0, spread, n))), (True,) * n)
                for center in (2000.0, 1000.0)
            )
            found = curves.sample_ratio(ours, theirs)
            held += found.low <= 2.0 <= found.high
            widths.append(math.log(found.high / found.low))
        rows.append({
            "what": "ratio of samples", "distribution": f"log-spread {spread}", "runs": n,
            "experiments": datasets, "held": int(held), "median_width": float(np.median(widths)),
            "truth": 2.0,
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--datasets", type=int, default=4000)
    args = parser.parse_args()
    began, rows = time.process_time(), []
    for n in RUNS:
        for name, draw in {**ORDINARY, **HARD}.items():
            rows += aggregates(name, draw, n, args.datasets)
        rows += improvement(n, args.datasets // 2)
        rows += ratios(n, args.datasets) + shares(n, args.datasets)
    data = {
        "command": f"python results/statistics/coverage.py results/statistics --datasets "
                   f"{args.datasets}",
        "cpu_seconds": round(time.process_time() - began), "python": platform.python_version(),
        "numpy": np.__version__, "level": estimators.LEVEL, "repetitions": estimators.REPETITIONS,
        "rows": rows,
    }
    args.out.mkdir(parents=True, exist_ok=True)
    compact = json.dumps(data, indent=None).replace("}, {", "},\n{")
    files.write_text(args.out / "coverage.json", compact + "\n")
    text = []
    for what in AGGREGATES:
        text += table(rows, what, list(ORDINARY)) + [""]
        text += table(rows, what, list(HARD)) + [""]
    for what in ("probability of improvement", "ratio of samples", "performance profile"):
        names = list(dict.fromkeys(r["distribution"] for r in rows if r["what"] == what))
        text += table(rows, what, names) + [""]
    files.write_text(args.out / "coverage.md", "\n".join(text))


if __name__ == "__main__":
    main()
