"""``python -m colllm_bench.leaderboard build``: the whole report, from run folders."""

from __future__ import annotations

import importlib.util
import json
from argparse import RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from colllm_bench import cli
from colllm_bench.errors import ConfigError
from colllm_bench.runs import files

DESCRIPTION = """Statistics, tables, plots and a page, from run folders alone.

  python -m colllm_bench.leaderboard build
  python -m colllm_bench.leaderboard build results/strategy results/coding --out report

Writes index.html, data.json (everything that it shows), marl-eval.json, tables/ and plots/.
"""
FORMATS = ("png", "pdf", "svg")


def parser() -> cli.Parser:
    options = cli.Parser(
        prog="python -m colllm_bench.leaderboard build",
        usage="python -m colllm_bench.leaderboard build [FOLDER ...] [options]",
        description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter,
    )
    options.add_argument(
        "folders", metavar="FOLDER", nargs="*",
        help="folders to search for runs, at any depth (default: results)",
    )
    options.add_argument(
        "--out", metavar="FOLDER", help="where the report goes (default: leaderboard/site)"
    )
    options.add_argument(
        "--thresholds", metavar="X,Y",
        help="normalized scores to count samples to (default: 0.5,0.8)",
    )
    options.add_argument(
        "--formats", metavar="NAMES", help="of the plots: png, pdf, svg (default: png)"
    )
    options.add_argument(
        "--verified", metavar="FILE", action="append",
        help="a report of verify --report that you trust: its recomputed numbers are shown "
             "(may be given several times)",
    )
    options.add_argument("--no-plots", action="store_true", help="tables, data and page only")
    options.add_argument("--quiet", action="store_true", help="print nothing but errors")
    options.add_argument("--debug", action="store_true", help="show tracebacks")
    return options


def main(argv: Sequence[str]) -> int:
    options = vars(parser().parse(argv))
    thresholds = parse_thresholds(options.get("thresholds", "0.5,0.8"))
    formats = () if "no_plots" in options else parse_formats(options.get("formats", "png"))
    check_installed(plots=bool(formats))
    from colllm_bench.leaderboard.data.collection import read

    folders = options.get("folders") or ["results"]
    out = Path(options.get("out", "leaderboard/site"))
    collection = read(folders)
    if "verified" in options:
        from colllm_bench.leaderboard.submissions.verified import read_reports, with_verified

        collection = with_verified(collection, read_reports(options["verified"]))
    tell: Callable[[str], None] = (lambda line: None) if "quiet" in options else cli.say
    for item in collection.excluded:
        tell(f"excluded: {item.path}: {item.reason}")
    if not collection.groups:
        excluded = f" ({len(collection.excluded)} excluded)" if collection.excluded else ""
        raise ConfigError(
            f"no complete run below {', '.join(map(str, folders))}{excluded}",
            allowed="folders that hold ENV/ALGO/NAME/seedK",
            fix="python -m colllm_bench.run --env strategy --algo cc",
        )
    suites, unread = suites_below(folders)
    for reason in unread:
        tell(f"excluded: {reason}")
    data = write(collection, out, thresholds, formats, suites)
    for setting in data["settings"]:
        for note in setting["notes"]:
            if "commit" in note:
                tell(f"{setting['title']}: {note}")
    kinds = Counter(item.kind for item in collection.excluded)
    named = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    tell(f"{counted(len(collection.runs), 'run')} in {counted(len(collection.groups), 'group')}"
         + (f"; excluded: {named}" if named else ""))
    if "quiet" not in options:
        print(out / "index.html")
    return 0


def suites_below(folders: Sequence[str | Path]) -> tuple[list[dict[str, Any]], list[str]]:
    """Results of the suites of which there are references below ``folders``, each with every two
    algorithms compared; and why others are left out."""
    from colllm_bench.leaderboard.suite.records import find_suites
    from colllm_bench.leaderboard.suite.verdicts import results

    found, faults = find_suites(folders)
    suites = [results(suite, references) for suite, references in found]
    for suite in suites:
        for task in suite["tasks"]:
            for one in task["algorithms"].values():
                del one["curves"]  # a page of numbers; report.png of the suite has the curves
    return suites, faults


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def write(
    collection: Any, out: Path, thresholds: Sequence[float] = (0.5, 0.8),
    formats: Sequence[str] = ("png",), suites: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """The whole report into ``out``; its data.

    Args:
        suites: results of suites (:func:`suites_below`), which the page shows first.
    """
    from colllm_bench.leaderboard.export.marl_eval import write_marl_eval
    from colllm_bench.leaderboard.export.tables import write_tables
    from colllm_bench.leaderboard.page import build_page
    from colllm_bench.leaderboard.report_data import build_data

    with files.writing(out):
        for folder in (out, out / "tables", out / "plots"):
            folder.mkdir(parents=True, exist_ok=True)
    data = build_data(collection, thresholds) | {"suites": list(suites)}
    files.write_text(out / "data.json", json.dumps(data, ensure_ascii=False, allow_nan=False))
    write_marl_eval(collection, out / "marl-eval.json")
    kept = {path.name for path in write_tables(data, out / "tables")}
    if formats:
        from colllm_bench.leaderboard.plots.render import draw

        kept |= {path.name for path in draw(data, out / "plots", formats)}
    _sweep(out, kept)
    build_page(data, out)
    return data


def _sweep(out: Path, kept: set[str]) -> None:
    """Remove the tables and plots of an earlier report that this one did not write."""
    old = out / "report.json"
    before = files.read_json(old) if old.exists() else []
    for name in before if isinstance(before, list) else []:
        for folder in ("tables", "plots"):
            path = out / folder / Path(str(name)).name
            if path.name not in kept:
                path.unlink(missing_ok=True)
    files.write_text(old, json.dumps(sorted(kept), indent=0))


def parse_thresholds(text: str) -> list[float]:
    """``"0.5,0.8"`` as numbers, in order.

    Raises:
        ConfigError: no numbers, or one that no score is compared with.
    """
    try:
        thresholds = sorted({float(part) for part in text.split(",")})
    except ValueError:
        thresholds = []
    if not thresholds or not all(0 < value <= 2 for value in thresholds):
        raise ConfigError(
            f"--thresholds {text!r} names no scores", allowed="numbers above 0, up to 2 "
            "(0 is the random team, 1 the expert)", fix="--thresholds 0.5,0.8",
        )
    return thresholds


def parse_formats(text: str) -> list[str]:
    formats = [part.strip() for part in text.split(",")]
    if not set(formats) <= set(FORMATS):
        raise ConfigError(f"--formats {text!r}", allowed=", ".join(FORMATS), fix="--formats png")
    return formats


def check_installed(*, plots: bool) -> None:
    """Raise ConfigError if a package that is needed later is missing."""
    for package in ("pandas", *(("matplotlib",) if plots else ())):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(
                f"reports need {package}, which is not installed",
                fix="pip install -e '.[plots]' in the checkout",
            )
