"""``python -m colllm_bench.leaderboard build``: the whole report, from run folders."""

from __future__ import annotations

import json
from argparse import RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from colllm_bench import cli, files
from colllm_bench.errors import ConfigError

DESCRIPTION = """Statistics, tables, plots and a page, from run folders alone.

  python -m colllm_bench.leaderboard build
  python -m colllm_bench.leaderboard build results/strategy results/coding --out report
"""


def parser() -> cli.Parser:
    made = cli.Parser(
        prog="python -m colllm_bench.leaderboard build",
        usage="python -m colllm_bench.leaderboard build [FOLDER ...] [options]",
        description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "folders", metavar="FOLDER", nargs="*",
        help="where run folders lie, at any depth (default: results)",
    )
    made.add_argument(
        "--out", metavar="FOLDER", help="where the report goes (default: leaderboard/site)"
    )
    made.add_argument("--quiet", action="store_true", help="print nothing but errors")
    made.add_argument("--debug", action="store_true", help="show tracebacks")
    return made


def main(argv: Sequence[str]) -> int:
    given = vars(parser().parse(argv))
    from colllm_bench.leaderboard.runs import read

    folders = given.get("folders") or ["results"]
    out = Path(given.get("out", "leaderboard/site"))
    collection = read(folders)
    tell = (lambda line: None) if "quiet" in given else cli.say
    for item in collection.left_out:
        tell(f"left out: {item.path}: {item.reason}")
    if not collection.groups:
        raise ConfigError(
            f"no complete run below {', '.join(map(str, folders))}"
            + (f" ({len(collection.left_out)} left out)" if collection.left_out else ""),
            allowed="folders that hold ENV/ALGO/NAME/seedK",
            fix="python -m colllm_bench.run --env strategy --algo cc",
        )
    from colllm_bench.leaderboard.data import build_data
    from colllm_bench.leaderboard.page import build_page

    with files.writing(out):
        out.mkdir(parents=True, exist_ok=True)
    data = build_data(collection)
    files.write_text(out / "data.json", json.dumps(data, ensure_ascii=False, allow_nan=False))
    build_page(data, out)
    kinds = Counter(item.kind for item in collection.left_out)
    named = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    tell(
        f"{len(collection.runs)} runs in {len(collection.groups)} groups"
        + (f"; left out: {named}" if named else "")
    )
    if "quiet" not in given:
        print(out)
    return 0
