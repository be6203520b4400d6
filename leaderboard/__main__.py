"""``python -m colllm_bench.leaderboard``: reports and submissions, from files alone.

Each command is a module of its own, imported only when it is called: a function
``main(argv) -> exit code`` that parses its own options.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from colllm_bench import cli

COMMANDS = {
    "build": "statistics, tables, plots and the page, from run folders",
    "submit": "a submission from all seeds of a run",
    "verify": "play a submission's teams again and recompute its numbers",
}
"""Each is the module ``colllm_bench.leaderboard.<command>``."""


def usage() -> str:
    lines = [f"  {name:<8}{what}" for name, what in COMMANDS.items()]
    return "\n".join([
        "usage: python -m colllm_bench.leaderboard COMMAND [options]", "",
        "Reports and submissions, from files alone.", "", *lines, "",
        "python -m colllm_bench.leaderboard COMMAND --help lists the options of each.",
    ])


def main(argv: Sequence[str]) -> int:
    return cli.run_command("colllm_bench.leaderboard", COMMANDS, usage, argv)


if __name__ == "__main__":
    sys.exit(cli.execute(main))
