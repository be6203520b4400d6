"""``python -m colllm_bench.suite COMMAND SUITE [options]``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from colllm_bench import cli

COMMANDS = {
    "run": "train an algorithm on every task and seed; verdicts against the references",
    "tune": "choose its settings by the search that every algorithm has",
    "plan": "seeds that a claim needs, and the time they take",
    "report": "verdicts, tables and plots of what was run",
    "doctor": "expert, random, blind and untrained teams score here what is stated",
}
"""Each is the module ``colllm_bench.suite.<command>``."""


def usage() -> str:
    from colllm_bench.suites.spec import shipped

    lines = [f"  {name:<8}{what}" for name, what in COMMANDS.items()]
    return "\n".join([
        "usage: python -m colllm_bench.suite COMMAND SUITE [options]", "",
        "Tasks, budgets, seeds and a protocol that make a difference count.", "", *lines, "",
        f"SUITE: {', '.join(shipped())}, or a file of your own (./mine.toml)", "",
        "  python -m colllm_bench.suite run v3-mini --algo ./mine.py:Mine", "",
        "python -m colllm_bench.suite COMMAND --help lists the options of each.",
    ])


def main(argv: Sequence[str]) -> int:
    # Before torch is loaded: threads that wait by spinning take other processes' time.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return cli.run_command("colllm_bench.suite", COMMANDS, usage, argv)


if __name__ == "__main__":
    sys.exit(cli.execute(main))
