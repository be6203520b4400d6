"""What of ``suite tune`` a report shows: how much an algorithm gains from more draws."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from colllm_bench.errors import ConfigError
from colllm_bench.runs import files
from colllm_bench.suites import Suite
from colllm_bench.suites.search import best_of
from colllm_bench.suites.tuned import tuned_folder

MEASURED = ("split", "tasks", "share", "seeds")
"""What two searches must have in common for their curves to compare."""


def read_searches(suite: Suite, out: Path) -> dict[str, dict[str, Any]]:
    """The first rung of every search below ``out``, by algorithm; {} where there is none.

    Only the first rung has all draws: later ones hold those that did well in it, whose best of k
    would be that of another search.

    Args:
        out: folder of the suites, ``out/SUITE/tuned/ALGO.json``.

    Returns:
        For each ``best_of`` ([n] expected best score of k of the n draws, k = 1..n:
        :func:`~colllm_bench.suites.search.best_of`), and what its scores are: ``split`` of the
        held-out tasks, ``tasks`` of the suite and ``seeds`` that they are means over, ``share``
        of the budget that the runs had.

    Raises:
        ConfigError: a file that is no search, or of another suite or version of it.
        RunError: a file that cannot be read.
    """
    paths = sorted(tuned_folder(suite, out).glob("*.json"))
    return {path.stem: _search(path, suite) for path in paths}


def _search(path: Path, suite: Suite) -> dict[str, Any]:
    table = files.read_json(path)
    again = f"python -m colllm_bench.suite tune {suite.name} --algo {path.stem}"
    try:
        rung, digest = table["rungs"][0], table["digest"]
        found = {
            "best_of": best_of(list(rung["scores"].values())), "split": table["split"],
            "tasks": table["tasks"], "share": rung["share"],
            # Files from before rungs had seeds of their own name the search's alone.
            "seeds": list(rung.get("seeds", table["seeds"])),
        }
    except (LookupError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is no search's result: {error!r}", fix=again) from error
    if digest != suite.digest:
        raise ConfigError(
            f"{path} is of suite {table['suite']} {digest}, and this is {suite.name} "
            f"{suite.digest}: results of two versions do not compare", fix=again,
        )
    return found


def comparable(searches: dict[str, dict[str, Any]]) -> list[dict[str, dict[str, Any]]]:
    """Searches in groups whose scores are of the same split, tasks, share and seeds."""
    def measured(item: tuple[str, dict[str, Any]]) -> str:
        return repr([item[1][key] for key in MEASURED])

    return [dict(group) for _, group in groupby(sorted(searches.items(), key=measured), measured)]
