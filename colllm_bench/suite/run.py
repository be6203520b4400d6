"""``suite run``: an algorithm on every task and seed of a suite, and the verdict."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from colllm_bench import cli, registry
from colllm_bench.errors import ConfigError, unknown_name
from colllm_bench.suite import options as common
from colllm_bench.suites import Suite, Task

DESCRIPTION = """Train an algorithm on every task and seed, and compare it with the references.

  python -m colllm_bench.suite run v3-mini --algo ./mine.py:Mine
  python -m colllm_bench.suite run v3-mini --algo cc --seeds 5:10       # adds seeds
  python -m colllm_bench.suite run v3-mini --algo cc --set replay=3     # a variant, "cc+replay=3"

The same command again goes on: complete runs stay. An algorithm in a file that was edited is
trained anew. Writes FOLDER/SUITE/ALGO.jsonl (a line a run) and the report.
"""


def parser() -> cli.Parser:
    options = common.parser("run", DESCRIPTION)
    common.add_run_options(options)
    options.add_argument("--seeds", metavar="SEEDS", help="0,1,2 or 0:3 (default: the suite's)")
    options.add_argument(
        "--settings", metavar="FILE.toml",
        help="settings as `tune` writes them, or the word defaults (default: what tune left "
        "below --out, else what ships, else the algorithm's defaults)",
    )
    options.add_argument(
        "--set", action="append", metavar="NAME=VALUE",
        help="change one setting more, and keep the records apart as ALGO+NAME=VALUE (repeatable)",
    )
    options.add_argument(
        "--reference", action="store_true",
        help="keep the records, and the teams of the first seed, as references for others",
    )
    return options


def main(argv: Sequence[str]) -> int:
    options = vars(parser().parse(argv))
    suite, tasks, out = common.read(options)
    seeds = cli.parse_seeds(options["seeds"]) if "seeds" in options else list(suite.seeds)
    if shared := set(seeds) & set(suite.search.seeds):
        raise ConfigError(
            f"seeds {sorted(shared)} are the suite's search seeds: settings have been chosen on "
            "them", fix="other --seeds",
        )
    common.require_scores(tasks)
    from colllm_bench.leaderboard.suite import records
    from colllm_bench.suite import execution, report

    runs = plan(suite, tasks, options["algo"], seeds, out, options)
    execution.train(runs, options)
    name = label(options)
    new = [
        records.record_of(run.path, suite, run.task, run.settings, run.draws, run.code)
        for run in runs
    ]
    reference = "reference" in options
    place = (records.reference_folder(out, suite) if reference else out / suite.name)
    path = place / f"{name}.jsonl"
    records.write_records(path, merged(path, suite, new))
    if reference:
        for run in runs:
            if run.config.seed == suite.seeds[0]:  # of one seed: a clone stays small
                keep_team(run.path, place / "teams" / name / run.task / f"seed{run.config.seed}")
    execution.progress(options, f"records: {path}")
    return report.write(suite, out, options)


def label(options: dict[str, Any]) -> str:
    """Under which name the records are kept: the algorithm's, and what ``--set`` changed."""
    changed = [pair.replace("/", "_") for pair in options.get("set", ())]
    return "+".join([registry.algorithm_spec(options["algo"]).name, *changed])


def plan(
    suite: Suite, tasks: Sequence[Task], algo: str, seeds: Sequence[int], out: Path,
    options: dict[str, Any],
) -> list[Any]:
    """The runs, seeds outermost: if time runs out, every task has had the same number."""
    from colllm_bench.suite.execution import SuiteRun
    from colllm_bench.suites.tuned import chosen_for, code_label

    chosen = chosen_for(suite, algo, out, options.get("settings"))
    changed = dict(cli.pair(text, "--set") for text in options.get("set", ()))
    known = common.known_settings(algo)
    for name in changed:
        if name not in known:
            raise unknown_name("--set", name, known, f"a setting of a run, or an option of {algo}")
    chosen = replace(chosen, settings=chosen.settings | changed)
    if "quiet" not in options:
        cli.say(f"settings: {chosen.source}{', then --set' if changed else ''}")
    code = code_label(algo)
    return [
        SuiteRun(
            task.id, suite.config(task, algo, seed, chosen.settings), chosen.settings,
            f"{task.id}-{chosen.label}{code}", out / suite.name / "runs", chosen.draws, code,
        )
        for seed in seeds for task in tasks
    ]


def merged(path: Path, suite: Suite, new: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records of a file and new ones, which take the place of those of the same task and seed.

    Records of other settings, or of an algorithm's code before it was edited, are left out: such
    runs have no common mean.
    """
    from colllm_bench.leaderboard.suite.records import by_task, read_records

    try:
        before = read_records(path, suite) if path.exists() else []
    except ConfigError:
        before = []  # of another version of the suite: its runs are kept, its records go
    settings = {record["task"]: record["settings"] for record in new}
    code = {record.get("code", "") for record in new}
    before = [
        r for r in before
        if settings.get(r["task"], r["settings"]) == r["settings"] and r.get("code", "") in code
    ]
    tasks = by_task([*before, *new])
    order = [task.id for task in suite.tasks if task.id in tasks]
    return [record for task in order for record in tasks[task]]


def keep_team(run: Path, folder: Path) -> None:
    """Copy a trained team, its settings and its results beside the references: enough to play
    its held-out tasks again."""
    for name in ("config.json", "summary.json", "environment.json"):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run / name, folder / name)
    shutil.copytree(run / "team", folder / "team", dirs_exist_ok=True)
