"""``python -m colllm_bench.hub RUN NAME/REPOSITORY``: a trained team on the Hugging Face hub."""

from __future__ import annotations

import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence

from colllm_bench import cli
from colllm_bench.errors import ConfigError
from colllm_bench.hub.push import export_team, push_to_hub

DESCRIPTION = """Put a run's trained team on the Hugging Face hub, with a model card.

  python -m colllm_bench.hub results/strategy/cc/default/seed0 me/strategy-team
  python -m colllm_bench.hub results/strategy/cc/default/seed0 --to folder    # no upload

It uses the login of `hf auth login`.
"""


def parser() -> cli.Parser:
    command = cli.Parser(
        prog="python -m colllm_bench.hub",
        usage="python -m colllm_bench.hub RUN (NAME/REPOSITORY | --to FOLDER) [options]",
        description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter,
    )
    command.add_argument("run", metavar="RUN", nargs="?", help="folder of a complete run")
    command.add_argument("repository", metavar="NAME/REPOSITORY", nargs="?", help="on the hub")
    command.add_argument("--to", metavar="FOLDER", help="write the files there; upload nothing")
    command.add_argument("--public", action="store_true", help="make the repository a public one")
    command.add_argument("--license", metavar="NAME", help="of the team, for the card (mit, ...)")
    command.add_argument("--debug", action="store_true", help="show tracebacks")
    return command


def main(argv: Sequence[str]) -> int:
    options = vars(parser().parse(argv))
    if "run" not in options or ("repository" in options) == ("to" in options):
        raise ConfigError(
            "one run folder, and one place for it", allowed="NAME/REPOSITORY or --to FOLDER",
            fix="see python -m colllm_bench.hub --help",
        )
    license = options.get("license")
    if "to" in options:
        print(export_team(options["run"], options["to"], license=license))
        return 0
    print(push_to_hub(
        options["run"], options["repository"], private="public" not in options, license=license
    ))
    return 0


if __name__ == "__main__":
    sys.exit(cli.execute(main))
