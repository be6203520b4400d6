"""``python -m colllm_bench.run`` within a process that a cluster has started."""

from __future__ import annotations

import contextlib
import importlib
import io

from colllm_bench import cli

COMMAND = "colllm_bench.run"
"""What a worker runs. By name: this room lies below the commands."""


def run_here(argv: list[str]) -> tuple[int, str]:
    """Run with these options; its exit code, and its last line on stderr."""
    command = importlib.import_module(COMMAND)
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        code = cli.execute(command.main, argv)
    lines = errors.getvalue().strip().splitlines()
    return code, lines[-1] if lines else ""
