"""``python -m colllm_bench.play``: take a seat in a team, or watch one play."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench import cli
from colllm_bench.errors import ConfigError
from colllm_bench.teams.specs import team_help

DESCRIPTION = """Take a seat in a team at this terminal, or watch a team play.

  python -m colllm_bench.play --env strategy                    # you, and experts
  python -m colllm_bench.play --seat 1,3 --team RUN             # two seats beside a trained team
  python -m colllm_bench.play --team untrained --team 3=RUN     # a team in each seat
  python -m colllm_bench.play --watch --team RUN                # only watch
  python -m colllm_bench.play --watch --replay RUN/replays/held-out-0.json

A TEAM is one of
"""
SEEDS = 2**31


def parser(env: str | None = None) -> cli.Parser:
    """The command's options; those of the environment are in its help."""
    command = cli.Parser(
        prog="python -m colllm_bench.play",
        usage="python -m colllm_bench.play [options]",
        description=DESCRIPTION + team_help(),
        formatter_class=RawDescriptionHelpFormatter,
    )
    players = command.add_argument_group("who plays")
    players.add_argument("--seat", metavar="SEATS",
                      help="your seats: numbers or names, with commas; all (default: 1)")
    players.add_argument("--team", metavar="[SEATS=]TEAM", action="append",
                      help="who has the other seats (default: the expert); may be repeated")
    players.add_argument("--read", metavar="STYLE", choices=("full", "brief"),
                      help="what you read: full (default), or brief, as small models do")
    players.add_argument("--base-url", metavar="URL", help="of the endpoint, for openai:MODEL")
    watch = command.add_argument_group("watching")
    watch.add_argument("--watch", action="store_true", help="all seats to the team; you watch")
    watch.add_argument("--replay", metavar="FILE", help="watch a recorded episode, or a run's")
    watch.add_argument("--delay", metavar="SECONDS", type=float,
                       help="go on by itself; without it, at a key")
    episode = command.add_argument_group("episode")
    episode.add_argument("--seed", metavar="N", type=int, help="which task (default: a new one)")
    episode.add_argument("--split", metavar="SPLIT", choices=("train", "dev", "eval"),
                      help="train (default), dev or eval: tasks for training, tuning or reports")
    episode.add_argument("--record", metavar="FILE",
                      help="keep the episode: .json to watch it again, .txt to read it")
    cli.add_config_options(command, role="play", env=env)
    command.add_argument("--list", action="store_true", help="environments, algorithms, models")
    command.add_argument("--debug", action="store_true", help="show tracebacks")
    return command


def main(argv: Sequence[str]) -> int:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded
    args = parser(cli.shown_environment(argv)).parse(argv)
    options = vars(args)
    if "list" in options:
        from colllm_bench.run import listing

        print(listing())
        return 0
    _check_options(options)
    from colllm_bench.display.console import make_console
    from colllm_bench.interactive.game import Game, show_replay

    console = make_console()
    if "replay" in options:
        show_replay(console, Path(options["replay"]), options.get("delay"))
        return 0
    from colllm_bench.interactive.lineup import assign_seats
    from colllm_bench.setup.validate import check_ranges
    from colllm_bench.teams.endpoint.options import endpoint_of

    watching = "watch" in options
    seats = None if watching else options.get("seat", "1")
    teams = options.get("team", [])
    config, _ = cli.build_config(args, base=_base(teams))
    check_ranges(config)
    lineup = assign_seats(config, teams, seats, options.get("read", "full"))
    record = Path(options["record"]) if "record" in options else None
    with console.status("loading"):
        game = Game(
            console, lineup, options.get("seed", secrets.randbelow(SEEDS)),
            split=options.get("split", "train"), temperature=options.get("temperature"),
            endpoint=endpoint_of(options), record=record,
        )
    try:
        game.play(watching, options.get("delay"))
    finally:
        game.close()
    return 0


def _check_options(options: dict[str, Any]) -> None:
    """Refuse what cannot go together, before anything is loaded."""
    if "seat" in options and ("watch" in options or "replay" in options):
        raise ConfigError("--seat with --watch: a spectator has no seat", fix="leave one out")
    if "team" in options and "replay" in options:
        raise ConfigError("--team with --replay: the record says who played", fix="leave one out")
    if "delay" in options and not ("watch" in options or "replay" in options):
        raise ConfigError("--delay without --watch has no effect", fix="--watch, or leave it out")
    if not 0 <= options.get("delay", 0) <= 3600:
        raise ConfigError(
            f"--delay {options['delay']} is out of range", allowed="0 to 3600 seconds"
        )
    if not 0 <= options.get("seed", 0) < 2**63:
        raise ConfigError(f"--seed {options['seed']} is out of range", allowed="0 or above")
    if not options.get("temperature", 0) >= 0:
        raise ConfigError(f"--temperature {options['temperature']}", allowed="0 (greedy) or above")
    if "record" in options:
        path = Path(options["record"])
        if path.suffix not in (".json", ".txt"):
            raise ConfigError(f"--record {path} has no known ending", allowed=".json, .txt")
        if path.exists():
            raise ConfigError(f"--record {path} is there already", fix="another name")
        if not path.parent.is_dir():
            raise ConfigError(f"--record {path}: no folder {path.parent}", fix="make it first")
        try:  # now, not after the game
            tempfile.TemporaryFile(dir=path.parent).close()
        except OSError as error:
            raise ConfigError(
                f"--record {path}: nothing can be written to {path.parent} ({error.strerror})",
                fix="another folder",
            ) from error


def _base(teams: Sequence[str]) -> Any:
    """The task of the first trained team; None: the defaults."""
    from colllm_bench.runs.folder import holds_run, read_config

    for text in teams:
        for path in (text, text.partition("=")[2]):
            if path and holds_run(path):
                return read_config(path)
    return None


if __name__ == "__main__":
    sys.exit(cli.execute(main))
