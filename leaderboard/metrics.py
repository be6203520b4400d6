"""What the page compares: a list of measures, and each group's numbers for them.

A group's entry has ``mean``, ``low``, ``high``, ``seeds`` (one a seed, None where there is none),
and where runs never got to a threshold ``censored`` (of each seed; its value is the budget)
and ``bound`` (a sign before the mean: it is then at least that).
"""

from __future__ import annotations

from typing import Any

UNITS = {
    "episodes": ("Episodes", "count"),
    "agent_turns": ("Agent-turns", "count"),
    "tokens": ("Generated tokens", "count"),
    "seconds": ("Training time", "seconds"),
}
FINALS = (
    ("score", "mean", "Score", "number", "high",
     "Return of the trained team on held-out tasks; 0 is the random team, 1 the scripted expert."),
    ("score", "iqm", "Score, interquartile mean", "number", "high",
     "Mean of the middle half of the runs' scores: less moved by one lucky or unlucky run."),
    ("score", "median", "Score, median", "number", "high", "Median of the runs' scores."),
    ("score", "optimality_gap", "Optimality gap", "number", "low",
     "How far below the expert's score runs are on average; what lies above does not make up."),
    ("success", "mean", "Win rate", "share", "high",
     "Share of held-out tasks that the trained team wins."),
    ("return", "mean", "Return", "number", "high",
     "Return of the trained team on held-out tasks, as the environment pays it."),
)
VARIANCE = (
    ("area_under_curve", "Area under the curve", "number", "high",
     "Mean over all training episodes: who learns early and keeps it stands high."),
    ("dispersion_across_time", "Dispersion over time", "number", "low",
     "Interquartile range of the steps from iteration to iteration, in a sliding window."),
    ("short_term_risk", "Short-term risk", "number", "high",
     "Mean of the worst 5% of the steps from iteration to iteration: how bad a sudden loss is."),
    ("long_term_risk", "Long-term risk", "number", "high",
     "Mean of the worst 5% of the drawdowns: how far a run falls below its best so far."),
    ("dispersion_across_runs", "Dispersion over runs", "number", "low",
     "Interquartile range over runs at each iteration, averaged."),
    ("risk_across_runs", "Risk over runs", "number", "high",
     "Mean of the worst 5% of the runs' final scores; of fewer than 20 runs, the worst one."),
    ("std_across_runs", "Deviation over runs", "number", "low",
     "Standard deviation of the runs' final scores."),
    ("std_error_of_episodes", "Error of the episodes", "number", "low",
     "How far runs would differ only because each plays so many held-out episodes."),
    ("gradient_snr", "Gradient signal to noise", "number", "high",
     "Signal over noise of the policy gradient, from parts of the batch at frozen parameters."),
    ("advantage_variance", "Advantage variance", "number", None,
     "Variance of the advantages, before they are normalized."),
    ("explained_variance", "Explained variance", "number", "high",
     "Share of the return's variance that the critic explains; median over iterations."),
)
COST = (
    ("seconds_per_iteration", "Seconds an iteration", "seconds", "low", 1,
     "Wall time of an iteration, median; compare only on equal machines."),
    ("peak_memory_mib", "Peak memory", "bytes", "low", 2**20,
     "Largest memory of a run: on a GPU its own, else the process's."),
    ("bytes_exchanged", "Bytes between learners", "bytes", "low", 1,
     "What the agents' learners have to send each other in an iteration."),
)


def measures(thresholds: list[float]) -> list[dict[str, Any]]:
    """What there is to compare, in the order of the page.

    Returns:
        ``id``, ``title``, ``help``, ``format``, ``better`` (``high``, ``low``, None), ``domain``
        (what an axis shows at least, or None), ``main`` (a column of the table), ``strip`` (drawn
        small in the table), ``lines`` (of which a setting's references can be drawn beside it).
    """
    found = [
        _measure(f"{kind}-{name}", title, text, form, better,
                 domain=[0, 1] if kind != "return" and name != "optimality_gap" else None,
                 main=name == "mean" and kind != "return", strip=(kind, name) == ("score", "mean"),
                 lines=kind if name != "optimality_gap" else None)
        for kind, name, title, form, better, text in FINALS
    ]
    for threshold in sorted(thresholds, reverse=True):
        for unit, (title, form) in UNITS.items():
            found.append(_measure(
                f"samples-{threshold:g}-{unit}", f"{title} to {threshold:g}",
                f"{title} until the smoothed training curve is at {threshold:g}; geometric mean "
                "over runs. Runs that never got there count as more than their budget.",
                form, "low", main=unit == "episodes" and threshold == max(thresholds),
            ))
    found += [
        _measure(name, title, text, form, better, main=name == "area_under_curve",
                 domain=[0, 1] if name == "area_under_curve" else None)
        for name, title, form, better, text in VARIANCE
    ]
    found.append(_measure(
        "invalid", "Invalid actions", "Share of the trained team's held-out turns whose text the "
        "environment did not understand.", "share", "low", domain=[0, 1],
    ))
    return found + [
        _measure(name, title, text, form, better)
        for name, title, form, better, _, text in COST
    ]


def _measure(name: str, title: str, text: str, form: str, better: str | None, *,
             domain: list | None = None, main: bool = False, strip: bool = False,
             lines: str | None = None) -> dict[str, Any]:
    return {
        "id": name, "title": title, "help": text, "format": form, "better": better,
        "domain": domain, "main": main, "strip": strip, "lines": lines,
    }


def numbers(group: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A group's entry for each measure that it has."""
    n = len(group["seeds"])
    found: dict[str, dict[str, Any] | None] = {}
    for kind, name, *_ in FINALS:
        own = group["finals"].get(kind)
        if own and name in own:
            values = [seed["value"] for seed in own["seeds"]]
            if name == "optimality_gap":
                values = [1.0 - min(value, 1.0) for value in values]
            found[f"{kind}-{name}"] = _entry(own[name], values)
    for threshold, units in group["samples"].items():
        for unit, needed in units.items():
            if needed is not None:
                found[f"samples-{threshold}-{unit}"] = _samples(needed)
    for name, *_ in VARIANCE:
        found[name] = _estimate(group["variance"].get(name), n)
    found["invalid"] = _estimate(group["invalid"], n)
    for name, _, _, _, scale, _ in COST:
        found[name] = _estimate(group["cost"].get(name), n, scale)
    return {name: entry for name, entry in found.items() if entry is not None}


def _entry(estimate: dict[str, Any], seeds: list, scale: float = 1) -> dict[str, Any]:
    def scaled(value: float | None) -> float | None:
        return None if value is None else float(f"{value * scale:.6g}")  # the page shows four

    return {
        "mean": scaled(estimate["value"]), "low": scaled(estimate["low"]),
        "high": scaled(estimate["high"]), "seeds": [scaled(value) for value in seeds],
    }


def _estimate(found: Any, n: int, scale: float = 1) -> dict[str, Any] | None:
    """Of an estimate with its seeds, or of one number of the whole group."""
    if found is None:
        return None
    if isinstance(found, dict):
        return _entry(found, found["seeds"], scale)
    return {"mean": float(f"{found * scale:.6g}"), "low": None, "high": None, "seeds": [None] * n}


def _samples(needed: dict[str, Any]) -> dict[str, Any]:
    entry = _entry(needed, [seed["value"] for seed in needed["seeds"]])
    censored = [not seed["reached"] for seed in needed["seeds"]]
    if any(censored):
        entry["censored"] = censored
        entry["bound"] = ">"
    return entry
