"""When two machines owe each other the same bytes.

Two processors of one name may have other instruction sets, and libraries that choose their inner
loops by them round differently: two machines called ``AMD EPYC`` with equal packages gave .990
and .915 for one seed, because one had AVX2 only. So everything that decides the loops must be
equal, and recorded: a run of a version that did not record it is of another machine. Runs in
portable arithmetic (:mod:`colllm_bench.runs.arithmetic`) owe the same bytes on any processor.
"""

from __future__ import annotations

from typing import Any

from colllm_bench.runs.arithmetic import VARIABLES, is_portable

ALWAYS = ("python", "packages", "machine", "accelerators")
"""Fields of ``environment.json`` that must be equal for results to match exactly."""
UNLESS_PORTABLE = ("cpu", "processor")
"""Those that must be equal too, unless both ran in portable arithmetic."""


def other_machine(
    recorded: dict[str, Any], now: dict[str, Any], *, all_cores: bool = False
) -> list[str]:
    """What differs between the machine of a run and this one, a line each; empty: results must
    match exactly.

    Args:
        recorded: ``environment.json`` of the run.
        now: the same of this process, with torch loaded.
        all_cores: the run computes with as many threads as there are cores, so these count.
    """
    portable = is_portable(recorded) and is_portable(now)
    keys = ALWAYS + (() if portable else UNLESS_PORTABLE) + (("cores",) if all_cores else ())
    lines = [_line(key, recorded.get(key), now.get(key)) for key in keys
             if recorded.get(key) != now.get(key)]
    if not portable:
        if not _known(recorded.get("processor")):
            lines.append("the run did not record its processor: its bytes are not owed here")
        there, here = (_variables(environment) for environment in (recorded, now))
        lines += [_line(name, there.get(name), here.get(name)) for name in VARIABLES
                  if there.get(name) != here.get(name)]
    return lines


def _known(processor: Any) -> bool:
    """Whether a run recorded what torch computes with: without it two records prove nothing."""
    return isinstance(processor, dict) and bool(processor.get("capability"))


def _variables(environment: dict[str, Any]) -> dict[str, Any]:
    variables = environment.get("variables")
    return variables if isinstance(variables, dict) else {}


def _line(key: str, there: Any, here: Any) -> str:
    if isinstance(there, dict) and isinstance(here, dict):
        names = sorted(name for name in there.keys() | here.keys()
                       if there.get(name) != here.get(name))
        there, here = ({name: side.get(name) for name in names} for side in (there, here))
    return f"{key} {_words(there)} there, {_words(here)} here"


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(part)}" for name, part in sorted(value.items()))[:200]
    if isinstance(value, list):
        return " ".join(map(str, value))[:200]
    return str(value)[:80]
