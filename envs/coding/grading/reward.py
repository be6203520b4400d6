"""From a verdict to numbers: the components of the score, and the three forms of the reward."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from colllm_bench.envs.coding.grading.grader import Verdict
from colllm_bench.envs.coding.grading.parsing import Piece

REWARDS = ("sparse", "milestone", "dense")
WEIGHTS = {
    "defined": 0.05,
    "parses": 0.05,
    "units": 0.30,
    "tests": 0.40,
    "not_wrapper": 0.10,
    "not_ignored": 0.10,
}
"""Weights of the dense score; they sum to 1, which only a program without a fault gets. The last
three count times ``used``: a program that passes tests without its teammates' functions has done
another task, and one that passes none earns nothing by calling them."""


def score(pieces: Sequence[Piece], verdict: Verdict | None, specified: bool) -> dict[str, float]:
    """The named components, each from 0 to 1, and their weighted ``total``.

    * ``defined``: share of the functions that are defined, with the right parameters.
    * ``parses``: 1 if everybody's text is Python.
    * ``units``: share of hidden tests passed by the functions each for itself, teammates' as
      specified, mean over functions. Where helpers are free there is none, and ``tests`` has
      its weight too.
    * ``tests``: share of hidden tests that the whole program passes.
    * ``used``: share of the helpers on which the program's results depend.
    * ``not_wrapper``: 1 if tests pass and the entry is more than a teammate's call passed on.
    * ``not_ignored``: 1 if tests pass and no helper is called for nothing.
    """
    verdict = verdict or Verdict()
    tests = _share(*verdict.tests)
    found = {
        "defined": fmean(piece.defined for piece in pieces),
        "parses": float(all(piece.parses for piece in pieces)),
        "tests": tests,
        "used": fmean(verdict.used) if verdict.used else 0.0,
        "not_wrapper": float(tests > 0 and not pieces[-1].wrapper),
        "not_ignored": float(tests > 0 and not any(verdict.ignored)),
    }
    weights = dict(WEIGHTS)
    if specified:
        found["units"] = fmean(_share(*pair) for pair in verdict.units) if verdict.units else 0.0
    else:
        weights["tests"] += weights.pop("units")
    together = weights["tests"] + sum(
        weights[name] * found[name] for name in ("not_wrapper", "not_ignored")
    )
    own = sum(weights[name] * found[name] for name in ("defined", "parses", "units")
              if name in weights)
    found["total"] = own + tests * found["used"] * together
    if verdict.passes:
        # The sum of the weights, without what adding floats leaves.
        found["total"] = round(found["total"], 12)
    return {name: float(value) for name, value in found.items()}


def potential(kind: str, verdict: Verdict | None, found: dict[str, float]) -> float:
    """What a program is worth under a form of the reward. A turn is paid the difference to the
    turn before, so that an episode's return is what its last program is worth.

    * ``sparse``: 1 for success, else 0.
    * ``milestone``: 0.5 times the share of functions that pass all their own tests (of the
      functions that are defined, where helpers are free), and 0.5 for success.
    * ``dense``: the score's ``total``.
    """
    if kind == "dense":
        return found["total"]
    success = float(verdict is not None and verdict.passes)
    if kind == "sparse":
        return success
    units = verdict.units if verdict is not None else ()
    done = fmean(ok == n > 0 for ok, n in units) if units else found["defined"]
    return 0.5 * done + 0.5 * success


def _share(passed: int, tests: int) -> float:
    return passed / tests if tests else 0.0
