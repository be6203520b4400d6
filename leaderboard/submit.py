"""``python -m colllm_bench.leaderboard submit``: finished runs as a submission."""

from __future__ import annotations

import json
import shutil
import tempfile
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench import cli, registry
from colllm_bench.errors import ConfigError
from colllm_bench.runs import files

DESCRIPTION = """Make a submission: results, settings, machine and trained teams of all seeds.

  python -m colllm_bench.leaderboard submit results/strategy/cc/default --name cc-default
  python -m colllm_bench.leaderboard submit RUN RUN RUN --name mine --by "A. Author" --seeds 10:13
"""
LONGEST = {"by": 200, "note": 2000}
"""Characters of what a person may add."""


def parser() -> cli.Parser:
    options = cli.Parser(
        prog="python -m colllm_bench.leaderboard submit",
        usage="python -m colllm_bench.leaderboard submit RUN ... --name NAME [options]",
        description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter,
    )
    options.add_argument("runs", metavar="RUN", nargs="*",
                      help="run folders, or a folder with all seeds of a run")
    options.add_argument("--name", metavar="NAME", help="of the submission, and of its folder")
    options.add_argument("--by", metavar="TEXT", help="who submits")
    options.add_argument("--note", metavar="TEXT", help="a remark")
    options.add_argument("--seeds", metavar="SEEDS",
                      help="the seeds that you set out to run: A:B, A a multiple of 10 "
                           "(default: 0 to n - 1)")
    options.add_argument("--out", metavar="FOLDER",
                      help="where the folder NAME goes (default: submissions)")
    options.add_argument("--quiet", action="store_true", help="print nothing but errors")
    options.add_argument("--debug", action="store_true", help="show tracebacks")
    return options


def main(argv: Sequence[str]) -> int:
    options = vars(parser().parse(argv))
    _check_options(options)
    from colllm_bench.leaderboard.submissions import schema

    runs = schema.read_runs(options["runs"])
    declared = cli.parse_seeds(options["seeds"]) if "seeds" in options else None
    body = schema.document(
        runs, name=options["name"], by=options.get("by", ""), note=options.get("note", ""),
        declared=declared,
    )
    target = Path(options.get("out", "submissions")) / options["name"]
    document = write(runs, body, target)
    if "quiet" not in options:
        _tell(document, target)
    return 0


def _check_options(options: dict[str, Any]) -> None:
    from colllm_bench.leaderboard.submissions.schema import NAME

    if not options.get("runs"):
        raise ConfigError("submit names no run", fix="submit RUN --name NAME")
    if "name" not in options:
        raise ConfigError("submit needs --name NAME", fix="--name what-it-is")
    if not NAME.fullmatch(options["name"]):
        raise ConfigError(f"--name {options['name']!r} is no folder name",
                          allowed="1 to 64 letters, digits and . _ -, no . _ - at the start")
    for key, most in LONGEST.items():
        text = options.get(key, "")
        if len(text) > most or not text.isprintable():
            raise ConfigError(f"--{key} is no line of at most {most} characters")


def write(runs: Sequence[Any], body: dict[str, Any], target: Path) -> dict[str, Any]:
    """Write the folder of a submission, whole or not at all; its document.

    Raises:
        ConfigError: ``target`` is there already, or cannot be written.
        RunError: no space left.
    """
    from colllm_bench.leaderboard.submissions.document import DOCUMENT
    from colllm_bench.leaderboard.submissions.schema import agents_of, contents, with_digests

    if target.exists():
        raise ConfigError(f"{target} is there already", fix="another --name, or --out FOLDER")
    agents = agents_of(runs[0].path)
    names = contents(body["config"], body["seeds"], agents)
    with files.writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            for run in runs:
                for name in (name for name in names if name.startswith(f"seed{run.seed}/")):
                    _copy(run.path / name.partition("/")[2], building / name, body)
            document = with_digests(body, building, names)
            files.write_json(building / DOCUMENT, document)
            building.chmod(0o755)
            building.rename(target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return document


def _copy(source: Path, target: Path, body: dict[str, Any]) -> None:
    """Copy a file of a run; adapters name their base as others can find it, not by a path."""
    if not source.is_file():
        raise ConfigError(f"{source} is missing", fix="train the run again; nothing was written")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.name == "adapter_config.json":
        data = files.read_json(source)
        data["base_model_name_or_path"] = body["base"]["model"]
        files.write_text(target, json.dumps(data, indent=2, sort_keys=True) + "\n")
    else:
        shutil.copyfile(source, target)


def _tell(document: dict[str, Any], target: Path) -> None:
    result, size = document["result"], sum(entry["bytes"] for entry in document["files"].values())
    low, high = result["low"], result["high"]
    interval = f" ({low:.3f} to {high:.3f})" if low is not None else ""
    print(
        f"{document['name']}: {document['algo']} on {document['env']}, "
        f"{document['agents']} agents, seeds {', '.join(map(str, document['seeds']))}\n"
        f"{result['measure']} {result['mean']:.3f}{interval}; "
        f"{len(document['files'])} files, {size / 2**20:.1f} MiB\n{target}"
    )
    if document["config"]["model"] not in registry.MODELS:
        cli.say("the base model is not built in: whoever verifies must name it with --model")
    if ":" in document["config"]["algo"]:
        cli.say("the algorithm is your own: say in --note where its code is")
    cli.say(f"check it: python -m colllm_bench.leaderboard verify {target}")
