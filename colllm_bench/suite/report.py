"""``suite report``: verdicts, tables and plots of what was run, from records alone."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench import cli
from colllm_bench.errors import ConfigError
from colllm_bench.runs import files
from colllm_bench.suite import options as common
from colllm_bench.suites import Suite

DESCRIPTION = """Verdicts, tables and plots, from the records of `run` and the references alone.

  python -m colllm_bench.suite report v3-mini

Every algorithm that was run below --out is compared with every reference; without any, the
references with one another. Writes FOLDER/SUITE/report.md, report.json and report.png (with the
extra plots), and in them the expected best of k draws of every search that `tune` left.
"""


def parser() -> cli.Parser:
    # All tasks: p-values are corrected for how many there are.
    options = common.parser("report", DESCRIPTION, tasks=False)
    options.add_argument(
        "--references", metavar="FOLDER",
        help="where references lie: FOLDER/SUITE/reference (default: --out, else results/suite)",
    )
    return options


def main(argv: Sequence[str]) -> int:
    options = vars(parser().parse(argv))
    suite, _, out = common.read(options)
    return write(suite, out, options)


def write(suite: Suite, out: Path, options: dict[str, Any]) -> int:
    """Write the report and print the verdicts. Returns the exit code.

    Raises:
        ConfigError: there are no records, or some are of another version of the suite.
    """
    from colllm_bench.leaderboard.suite import records, tables, verdicts

    references, place = references_of(suite, out, options)
    folder = out / suite.name
    paths = sorted(folder.glob("*.jsonl"))
    local = {path.stem: records.read_records(path, suite) for path in paths}
    if not references and not local:
        raise ConfigError(
            f"no records of suite {suite.name} below {out}",
            fix=f"python -m colllm_bench.suite run {options['suite']} --algo NAME",
        )
    ours = _here(local, references)
    data = verdicts.results(suite, {**ours, **references}, list(ours) if references and ours
                            else None)
    data["searches"] = searches_of(suite, out, place)
    with files.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    files.write_json(folder / "report.json", data)
    figure = None
    if importlib.util.find_spec("matplotlib") is not None:
        from colllm_bench.leaderboard.suite.plots import draw

        figure = draw(data, folder / "report.png").name
    files.write_text(folder / "report.md", tables.markdown(data, figure))
    if "quiet" not in options:
        for compared in data["comparisons"]:
            print(f"{compared['ours']} against {compared['theirs']}. {tables.effort(compared)}\n")
            print(tables.comparison(compared), end="\n\n")
        if not data["comparisons"]:
            print(tables.algorithms(data), end="\n\n")
        print(folder / "report.md")
    return 0


def references_of(
    suite: Suite, out: Path, options: dict[str, Any]
) -> tuple[dict[str, Any], Path]:
    """Records of the references by algorithm, below ``--references``, else ``--out``, else where
    a checkout has them; and below which of these they are (``--out`` where there are none)."""
    from colllm_bench.leaderboard.suite.records import read_references

    places = [options["references"]] if "references" in options else [out, common.OUT]
    for place in map(Path, places):
        found = read_references(place, suite)
        if found:
            return found, place
    return {}, out


def searches_of(suite: Suite, out: Path, place: Path) -> dict[str, Any]:
    """Searches by algorithm: those below ``out``, and those of the references, below ``place``.

    Raises:
        ConfigError: a file is no search, or of another version of the suite.
    """
    from colllm_bench.leaderboard.suite.searches import read_searches

    local = read_searches(suite, out)
    if place.resolve() == out.resolve():
        return local
    others = read_searches(suite, place)
    return {**_here(local, others), **others}


def _here(local: dict[str, Any], references: dict[str, Any]) -> dict[str, Any]:
    """What was made here, so named that it is told from references of the same name."""
    return {f"{name} (here)" if name in references else name: own for name, own in local.items()}
