"""``python -m colllm_bench.evaluate``: teams on held-out tasks."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import warnings
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from colllm_bench import cli
from colllm_bench.cli.field_docs import field_docs
from colllm_bench.errors import ConfigError
from colllm_bench.teams.endpoint.client import Endpoint

DESCRIPTION = """Play frozen teams on held-out tasks and say how they did.

  python -m colllm_bench.evaluate results/strategy/cc/default/seed0
  python -m colllm_bench.evaluate RUN RUN untrained scripted --episodes 100 --greedy
  python -m colllm_bench.evaluate RUN --decentralized
  python -m colllm_bench.evaluate --cross-play RUN RUN RUN
  python -m colllm_bench.evaluate --team openai:MODEL --base-url http://127.0.0.1:8000/v1

A team is a run folder (its trained team), untrained (the model), scripted, random, or
openai:MODEL (a model behind an OpenAI-compatible endpoint)."""
READ = (
    "env", "algo", "agents", "env_options", "style", "model", "device", "dtype",
    "chat_template", "batch", "max_action_tokens", "temperature", "seed", "threads",
)
"""Fields of RunConfig that decide an evaluation."""
def parser() -> cli.Parser:
    made = cli.Parser(
        prog="python -m colllm_bench.evaluate",
        usage="python -m colllm_bench.evaluate [TEAM ...] [options]",
        description=DESCRIPTION,
        formatter_class=RawDescriptionHelpFormatter,
    )
    what = made.add_argument_group("what to play")
    what.add_argument("teams", metavar="TEAM", nargs="*", help="teams, see above")
    what.add_argument("--team", metavar="TEAM", action="append", help="the same, as an option")
    what.add_argument(
        "--episodes", type=int, metavar="N", dest="held_out",
        help="held-out tasks to play (default: 200, or the run's eval_episodes)",
    )
    what.add_argument("--greedy", action="store_true", help="the likeliest token, always")
    what.add_argument(
        "--decentralized", action="store_true",
        help="every agent of a trained team in a process of its own, which shares nothing with "
        "the others but the environment's text",
    )
    what.add_argument(
        "--cross-play", metavar="TEAM", nargs="+",
        help="a matrix: the first seats by each of these, the other seats by each of these",
    )
    what.add_argument(
        "--row-seats", type=int, metavar="N",
        help="seats that the matrix's rows take (default: half of them, rounded down)",
    )
    cli.add_config_options(made, only=READ)
    _add_endpoint_options(made.add_argument_group("endpoints (openai:MODEL)"))
    out = made.add_argument_group("output")
    out.add_argument(
        "--out", metavar="FOLDER", help="records go to FOLDER/evaluations/ENV/NAME (default: "
        "results)",
    )
    out.add_argument("--name", help="the record's name (default: from the teams and the settings)")
    out.add_argument("--quiet", action="store_true", help="print nothing but errors")
    out.add_argument("--debug", action="store_true", help="show tracebacks")
    return made


def _add_endpoint_options(group: Any) -> None:
    """A flag for every field of :class:`colllm_bench.teams.endpoint.client.Endpoint`."""
    kinds = {"concurrency": int, "rpm": int, "tpm": int, "retries": int, "timeout": float,
             "price_in": float, "price_out": float, "max_cost": float}
    for name, doc in field_docs(Endpoint).items():
        default = getattr(Endpoint, name, None)
        text = doc.text.replace("%", "%%")
        if name == "options":
            group.add_argument(
                "--request-option", metavar="KEY=VALUE", action="append",
                help="a further field of every request, such as top_p=0.9; null leaves one out",
            )
            continue
        text += "" if default is None else f" (default: {default})"
        group.add_argument(
            f"--{name.replace('_', '-')}", type=kinds.get(name, str), help=text,
            metavar={int: "N", float: "X"}.get(kinds.get(name), name.rpartition("_")[2].upper()),
        )


def main(argv: Sequence[str]) -> int:
    # Before torch is loaded: threads that wait by spinning take other processes' time.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    args = parser().parse(argv)
    given = vars(args)
    names = [*given.get("teams", []), *given.get("team", [])]
    cross = given.get("cross_play")
    if cross and (names or "decentralized" in given):
        raise ConfigError(
            "--cross-play with other teams, or decentralized", fix="two calls: one for the matrix"
        )
    if "row_seats" in given and not cross:
        raise ConfigError("--row-seats without --cross-play", fix="leave it out")
    if not names and not cross:
        raise ConfigError(
            "no team to evaluate", allowed="a run folder, untrained, scripted, random, "
            "openai:MODEL", fix="python -m colllm_bench.evaluate results/strategy/cc/default/seed0",
        )
    from colllm_bench.evaluation.entries import make_entries

    teams = make_entries(names or cross, args)
    if cross:
        from colllm_bench.evaluation.cross_play import run_cross_play

        return run_cross_play(teams, args)
    return run_evaluation(teams, args)


def run_evaluation(teams: Sequence[Any], args: Namespace) -> int:
    """Play, record, print. Returns the exit code."""
    from colllm_bench.display.console import make_console, plain
    from colllm_bench.evaluation.comparison import compare, settings_of, with_references

    console = make_console(quiet="quiet" in vars(args))
    with console.status("reading the teams") as status:
        teams = with_references(teams)
        own = [team.label for team in teams if team.spec.kind not in ("random", "scripted")]
        folder = open_folder(settings_of(teams), own or ["references"], args)
        with keeping(folder):
            record = compare(teams, folder, notify=lambda text: status.update(plain(text)))
    print_evaluation(console, folder.path, record)
    return 0


@contextlib.contextmanager
def keeping(folder: Any) -> Iterator[None]:
    """Around an evaluation's work: the folder is closed, and Ctrl-C says what is kept."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        kept = "the same command goes on" if folder.holds_work else "nothing was played yet"
        raise type(interrupt)(f"interrupted; {kept}") from None
    finally:
        folder.close()


def open_folder(
    settings: dict[str, Any], names: Sequence[str], args: Namespace, file: str = "evaluation.json"
) -> Any:
    """The evaluation's folder."""
    from colllm_bench.evaluation.comparison import slug
    from colllm_bench.evaluation.record import Folder, digest

    given = vars(args)
    name = given.get("name")
    if name is None:
        name = f"{'+'.join(map(slug, names))[:60]}-{digest(settings)}"
    elif re.sub(r"[\w.+=-]", "", name) or name.startswith("."):
        raise ConfigError(
            f"--name {name!r} is no folder name", allowed="letters, digits and _ . + = -"
        )
    env = settings["env"].rpartition("_v")[0]
    return Folder(Path(given.get("out", "results")) / "evaluations" / env / name, settings, file)


def print_evaluation(console: Any, path: Path, record: dict[str, Any]) -> None:
    """The table, what endpoints used, and where the record lies."""
    from colllm_bench.display.tables import TEAMS, teams_table

    teams = record["teams"]
    played = next((t for t in teams.values() if t["kind"] not in ("random", "scripted")), None)
    how = ""
    if played is not None:
        warm = played["temperature"]
        how = f", sampled at temperature {warm:g}" if warm else ", greedy"
    console.print(
        f"\n{record['env']}, {record['agents']} agents, {record['episodes']} held-out tasks{how}\n",
        highlight=False,
    )
    order = sorted(teams, key=lambda label: _place(teams[label]["kind"]))
    titles = {label: TEAMS.get(label, shortened(label)) for label in order}
    console.print(teams_table(record, titles))
    console.print()
    for label, about in teams.items():
        for line in _notes(label, about, record):
            console.print(line, soft_wrap=True)
    console.print(f"record          {path / 'evaluation.json'}", soft_wrap=True)
    first = next(iter(sorted((path / "transcripts").glob("*.txt"))), None)
    if first:
        console.print(f"transcripts     {first.parent}", soft_wrap=True)


def shortened(label: str, most: int = 32) -> str:
    """A label that leaves room for the numbers: its end tells it from others."""
    return label if len(label) <= most else f"{label[:8]}…{label[9 - most:]}"


def _place(kind: str) -> int:
    """Weakest to strongest, as people expect them: random, untrained, others, the expert."""
    return {"random": 0, "untrained": 1, "scripted": 3}.get(kind, 2)


def _notes(label: str, about: dict[str, Any], record: dict[str, Any]) -> list[str]:
    notes = []
    if about.get("finished") is False:
        notes.append(f"{label}: the run is not finished; this is its last checkpoint's team")
    if about.get("decentralized"):
        notes.append(f"{label}: every agent alone in a process of its own")
    share = record["invalid"][label]
    if share >= 0.05:
        notes.append(f"{label}: {share:.0%} of its actions were invalid")
    used = record["usage"].get(label)
    if used:
        cost = "" if used["cost"] is None else f", ${used['cost']:.4f}"
        said = f"{label}: {used['requests']:,} answers in {used['attempts']:,} requests"
        said += f", {used['prompt_tokens']:,} tokens read"
        said += f", {used['completion_tokens']:,} written{cost}"
        for key in ("refusals", "context_errors", "cut_off"):
            said += f", {used[key]:,} {key.replace('_', ' ')}" if used[key] else ""
        notes.append(said)
    return notes


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
