"""``python -m colllm_bench.evaluate``: teams on held-out tasks."""

from __future__ import annotations

import os
import sys
import warnings
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from colllm_bench import cli
from colllm_bench.errors import ConfigError
from colllm_bench.runs.arithmetic import make_portable_if_asked
from colllm_bench.teams.endpoint.options import add_endpoint_options
from colllm_bench.teams.specs import allowed_teams, team_help

if TYPE_CHECKING:
    from colllm_bench.evaluation.comparison import Contestant

DESCRIPTION = """Play frozen teams on held-out tasks and say how they did.

  python -m colllm_bench.evaluate results/strategy/cc/default/seed0
  python -m colllm_bench.evaluate RUN RUN untrained scripted --episodes 100 --greedy
  python -m colllm_bench.evaluate RUN --decentralized
  python -m colllm_bench.evaluate --cross-play RUN RUN RUN
  python -m colllm_bench.evaluate --team openai:MODEL --base-url http://127.0.0.1:8000/v1

A TEAM is one of
"""


def parser(env: str | None = None) -> cli.Parser:
    """The command's options; those of the environment are in its help."""
    command = cli.Parser(
        prog="python -m colllm_bench.evaluate",
        usage="python -m colllm_bench.evaluate [TEAM ...] [options]",
        description=DESCRIPTION + team_help(),
        formatter_class=RawDescriptionHelpFormatter,
    )
    teams = command.add_argument_group("what to play")
    teams.add_argument("teams", metavar="TEAM", nargs="*", help="teams, see above")
    teams.add_argument("--team", metavar="TEAM", action="append", help="the same, as an option")
    teams.add_argument(
        "--episodes", type=int, metavar="N", dest="held_out",
        help="held-out tasks to play (default: 200, or the run's eval_episodes)",
    )
    teams.add_argument("--greedy", action="store_true", help="the likeliest token, always")
    teams.add_argument(
        "--decentralized", action="store_true",
        help="every agent of a trained team in a process of its own, which shares nothing with "
        "the others but the environment's text",
    )
    teams.add_argument(
        "--cross-play", metavar="TEAM", nargs="+",
        help="a matrix: the first seats by each of these, the other seats by each of these",
    )
    teams.add_argument(
        "--row-seats", type=int, metavar="N",
        help="seats that the matrix's rows take (default: half of them, rounded down)",
    )
    cli.add_config_options(command, role="evaluation", env=env)
    add_endpoint_options(command.add_argument_group("endpoints (openai:MODEL)"))
    out = command.add_argument_group("output")
    out.add_argument(
        "--out", metavar="FOLDER", help="records go to FOLDER/evaluations/ENV/NAME (default: "
        "results)",
    )
    out.add_argument("--name", help="the record's name (default: from the teams and the settings)")
    out.add_argument("--quiet", action="store_true", help="print nothing but errors")
    out.add_argument("--debug", action="store_true", help="show tracebacks")
    return command


def main(argv: Sequence[str]) -> int:
    # Before torch is loaded: threads that wait by spinning take other processes' time.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    make_portable_if_asked()
    args = parser(cli.shown_environment(argv)).parse(argv)
    options = vars(args)
    names = [*options.get("teams", []), *options.get("team", [])]
    cross = options.get("cross_play")
    if cross and (names or "decentralized" in options):
        raise ConfigError(
            "--cross-play with other teams, or decentralized", fix="two calls: one for the matrix"
        )
    if "row_seats" in options and not cross:
        raise ConfigError("--row-seats without --cross-play", fix="leave it out")
    if not names and not cross:
        raise ConfigError(
            "no team to evaluate", allowed=allowed_teams(),
            fix="python -m colllm_bench.evaluate results/strategy/cc/default/seed0",
        )
    from colllm_bench.evaluation.contestants import make_contestants

    contestants = make_contestants(names or cross, args)
    run = run_cross_play if cross else run_evaluation
    return run(contestants, args)


def run_evaluation(contestants: Sequence[Contestant], args: Namespace) -> int:
    """Play, record, print. Returns the exit code."""
    from colllm_bench.display.console import make_console, plain
    from colllm_bench.display.evaluation_report import print_evaluation
    from colllm_bench.evaluation.comparison import compare, settings_of, with_references
    from colllm_bench.evaluation.record import keeping, open_folder

    console = make_console(quiet="quiet" in vars(args))
    with console.status("reading the teams") as status:
        contestants = with_references(contestants)
        labels = [c.label for c in contestants if not c.spec.kind.is_reference]
        settings = settings_of(contestants)
        folder = open_folder(settings, labels or ["references"], **_place(args))
        with keeping(folder):
            record = compare(contestants, folder, lambda line: status.update(plain(line)))
    print_evaluation(console, folder.path, record, contestants)
    return 0


def run_cross_play(contestants: Sequence[Contestant], args: Namespace) -> int:
    """Play, record, draw, print. Returns the exit code."""
    from colllm_bench.display.console import make_console, plain
    from colllm_bench.display.evaluation_report import print_cross_play, print_places
    from colllm_bench.evaluation import cross_play
    from colllm_bench.evaluation.record import keeping, open_folder
    from colllm_bench.runs import files

    seats = cross_play.check(contestants, vars(args).get("row_seats"))
    console = make_console(quiet="quiet" in vars(args))
    labels = [contestant.label for contestant in contestants]
    with console.status("reading the teams") as status:
        settings = cross_play.cross_play_settings(contestants, seats)
        names = ["cross-play", *labels]
        folder = open_folder(settings, names, file=cross_play.FILE, **_place(args))
        with keeping(folder):
            notify = lambda line: status.update(plain(line))  # noqa: E731
            record = cross_play.cross_play(contestants, seats, folder, notify)
            csv = folder.path / "crossplay.csv"
            files.write_text(csv, cross_play.matrix_csv(labels, record))
            picture = _draw(folder.file)
    print_cross_play(console, labels, record)
    places = {"matrix": csv, "record": folder.file}
    print_places(console, places | ({"picture": picture} if picture else {}))
    return 0


def _place(args: Namespace) -> dict[str, Any]:
    """Where the record goes, as far as the command says."""
    return {name: value for name, value in vars(args).items() if name in ("out", "name")}


def _draw(record: Path) -> Path | None:
    """The matrix as a picture beside its record; None without matplotlib."""
    try:
        from colllm_bench.leaderboard.plots.cross_play import heatmap
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        cli.say("no picture drawn: pip install -e '.[plots]' in the checkout")
        return None
    return heatmap(record, record.with_suffix(".png"))


class _CallableModule(ModuleType):
    """``colllm_bench.evaluate(config, team)`` was the name of ``evaluate_team`` until 0.1."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from colllm_bench.evaluation.held_out import evaluate_team

        warnings.warn(
            "colllm_bench.evaluate(...) is now colllm_bench.evaluate_team(...)",
            DeprecationWarning, stacklevel=2,
        )
        return evaluate_team(*args, **options)


sys.modules[__name__].__class__ = _CallableModule

if __name__ == "__main__":
    sys.exit(cli.execute(main))
