"""``python -m colllm_bench COMMAND`` and ``colllm-bench COMMAND``: one door to all commands."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence

from colllm_bench import cli
from colllm_bench.errors import unknown_name

COMMANDS = {
    "run": "train a team, evaluate it on held-out tasks, keep the record",
    "sweep": "train every combination of settings, for every seed",
    "evaluate": "play frozen teams on held-out tasks, also models behind an endpoint",
    "suite": "an algorithm against committed references, with a verdict",
    "leaderboard": "tables, plots and a page from run folders; submissions",
    "play": "take a seat in a team, or watch one",
    "hub": "put a trained team on the Hugging Face hub, with a model card",
    "models": "fetch a pretrained model once, for --model",
    "pretrain": "make the built-in model again",
}
"""Each is the module ``colllm_bench.<command>``."""


def usage() -> str:
    lines = [f"  {name:<12}{what}" for name, what in COMMANDS.items()]
    return "\n".join([
        "usage: colllm-bench COMMAND [options]", "",
        "Teams of language models: train them, judge them, compare how they learn.", "", *lines,
        "", "colllm-bench COMMAND --help lists the options of each; python -m colllm_bench and",
        "python -m colllm_bench.COMMAND are the same.",
    ])


def dispatch(argv: Sequence[str]) -> int:
    """Run a command as ``python -m colllm_bench.<command>`` would.

    Returns:
        The exit code of what is no command; a command itself ends with SystemExit.
    """
    if argv and argv[0] == "--version":
        from colllm_bench import __version__

        print(__version__)
        return 0
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return 0 if argv else 2
    name, *rest = argv
    if name not in COMMANDS:
        raise unknown_name("command", name, COMMANDS, "see colllm-bench --help")
    sys.argv = [name, *rest]
    if os.getcwd() not in sys.path:  # as with python -m, for module:Class of one's own
        sys.path.insert(0, os.getcwd())
    runpy.run_module(f"colllm_bench.{name}", run_name="__main__", alter_sys=True)
    return 0


def main() -> int:
    """The console script."""
    return cli.execute(dispatch)


if __name__ == "__main__":
    sys.exit(main())
