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
references with one another. Writes FOLDER/SUITE/report.md, report.json and report.png.
"""


def parser() -> cli.Parser:
    options = common.parser("report", DESCRIPTION)
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

    references = references_of(suite, out, options)
    folder = out / suite.name
    paths = sorted(folder.glob("*.jsonl"))
    local = {path.stem: records.read_records(path, suite) for path in paths}
    if not references and not local:
        raise ConfigError(
            f"no records of suite {suite.name} below {out}",
            fix=f"python -m colllm_bench.suite run {options['suite']} --algo NAME",
        )
    ours = {f"{name} (here)" if name in references else name: own for name, own in local.items()}
    data = verdicts.results(suite, {**ours, **references}, list(ours) if references and ours
                            else None)
    with files.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    files.write_json(folder / "report.json", data)
    text = tables.markdown(data)
    files.write_text(folder / "report.md", text)
    if importlib.util.find_spec("matplotlib") is not None:
        from colllm_bench.leaderboard.suite.plots import draw

        draw(data, folder / "report.png")
    if "quiet" not in options:
        for compared in data["comparisons"]:
            print(f"{compared['ours']} against {compared['theirs']}. {tables.effort(compared)}\n")
            print(tables.comparison(compared), end="\n\n")
        if not data["comparisons"]:
            print(tables.algorithms(data), end="\n\n")
        print(folder / "report.md")
    return 0


def references_of(suite: Suite, out: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Records of the references by algorithm: below ``--references``, else ``--out``, else where
    a checkout has them."""
    from colllm_bench.leaderboard.suite.records import read_references

    places = [options["references"]] if "references" in options else [out, common.OUT]
    for place in places:
        found = read_references(Path(place), suite)
        if found:
            return found
    return {}
