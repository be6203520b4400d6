"""``python -m colllm_bench.models list``: the names that ``--model`` takes."""

from __future__ import annotations

from collections.abc import Sequence

from colllm_bench import cli
from colllm_bench.registry import MODELS
from colllm_bench.registry.packaged import PACKAGED


def main(argv: Sequence[str]) -> int:
    command = cli.Parser(
        prog="python -m colllm_bench.models list",
        description="The names that --model takes, and which are on this machine.",
    )
    command.add_argument("--debug", action="store_true", help="show tracebacks")
    command.parse(argv)
    rows = [(spec.name, spec.summary, "built in") for spec in MODELS.values()]
    for spec in PACKAGED.values():
        rows.append((spec.name, spec.summary, str(spec.folder) if spec.is_here else "not fetched"))
    width = max(len(name) for name, _, _ in rows)
    for name, summary, where in rows:
        print(f"{name:<{width}}  {summary}\n{'':<{width}}  {where}")
    return 0
