"""``suite tune``: settings by the search that every algorithm has."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from colllm_bench import cli, registry
from colllm_bench.errors import ConfigError, unknown_name
from colllm_bench.runs import files
from colllm_bench.suite import options as common
from colllm_bench.suites import Suite, Task
from colllm_bench.suites.search import best_of
from colllm_bench.suites.tuned import Chosen, code_label, tuned_folder, write_tuned

DESCRIPTION = """Choose an algorithm's settings by random search with successive halving.

  python -m colllm_bench.suite tune v3-mini --algo ./mine.py:Mine --draws 8

Ranges, rungs and seeds are the suite's; draw 0 is the algorithm's defaults. Runs are evaluated on
the dev split, never on the tasks of the report. Writes FOLDER/SUITE/tuned/ALGO.toml, which `run`
reads, and ALGO.json: the score of every draw, and the expected best of k draws.
"""


def parser() -> cli.Parser:
    options = common.parser("tune", DESCRIPTION)
    common.add_run_options(options)
    options.add_argument(
        "--draws", type=int, metavar="N",
        help="settings tried (default: the suite's; equal effort is equal draws)",
    )
    return options


def main(argv: Sequence[str]) -> int:
    options = vars(parser().parse(argv))
    suite, tasks, out = common.read(options)
    if "tasks" not in options and suite.search.tasks:
        tasks = [suite.task(name) for name in suite.search.tasks]
    draws = options.get("draws", suite.search.draws)
    if draws < 1:
        raise ConfigError(f"--draws {draws} is out of range", allowed="1 or more")
    common.require_scores(tasks)
    algo = options["algo"]
    known = common.known_settings(algo)
    _require_settings(suite, algo, known)
    settings = {k: suite.search.draw(k, known) for k in range(draws)}
    table = search(suite, tasks, algo, settings, out, options)
    best = table[-1]["order"][0]
    score = table[-1]["scores"][best]
    name = registry.algorithm_spec(algo).name
    folder = tuned_folder(suite, out)
    command = f"python -m colllm_bench.suite tune {suite.name} --algo {algo} --draws {draws}"
    if "tasks" in options:
        command += f" --tasks {options['tasks']}"
    chosen = Chosen(settings[best], command, draws)
    write_tuned(folder / f"{name}.toml", suite, algo, chosen, score)
    files.write_json(folder / f"{name}.json", {
        "suite": suite.name, "digest": suite.digest, "algo": algo, "draws": draws,
        "tasks": [task.id for task in tasks], "seeds": suite.search.seeds, "split": "dev",
        "settings": settings, "rungs": [describe(rung) for rung in table], "chosen": best,
    })
    print_results(table, settings, options)
    print(folder / f"{name}.toml")
    return 0


def _require_settings(suite: Suite, algo: str, known: set[str]) -> None:
    """Refuse a range that nobody would search, without a word: a misspelt setting. One that is no
    setting here is an option of another algorithm, and its draws are left out."""
    settings = known.union(*map(common.known_settings, registry.ALGORITHMS))
    for one in suite.search.ranges:
        if one.name in settings:
            continue
        if difflib.get_close_matches(one.name, settings, n=1, cutoff=0.8):
            raise unknown_name(
                "search.ranges", one.name, settings, f"name a setting of a run, or of {algo}"
            )
        warnings.warn(f"search.ranges.{one.name}: {algo} has no such option", stacklevel=2)


def search(
    suite: Suite, tasks: Sequence[Task], algo: str, settings: dict[int, dict[str, Any]],
    out: Path, options: dict[str, Any],
) -> list[dict[str, Any]]:
    """Train the draws rung by rung.

    Args:
        settings: of each draw.

    Returns:
        For each rung ``share`` (of the budget), ``seeds``, ``scores`` (by draw: mean over tasks
        and seeds, on dev), ``by_task`` (by draw and task) and ``order`` (draws that go on, best
        first).
    """
    from colllm_bench.suite import execution

    table, left = [], list(settings)
    for rung, share in enumerate(suite.search.rungs):
        seeds = suite.search.seeds_of(rung)
        execution.progress(
            options, f"rung {share:g} of the budget: {len(left)} draws, seeds {list(seeds)}"
        )
        runs = {
            k: [
                _run(suite, task, algo, seed, settings[k], share, out)
                for seed in seeds for task in tasks
            ]
            for k in left
        }
        execution.train([run for each in runs.values() for run in each], options)
        by_task = {k: _scores(each) for k, each in runs.items()}
        scores = {k: fmean(by_task[k].values()) for k in left}
        left = suite.search.survivors(scores)
        table.append({
            "share": share, "seeds": seeds, "scores": scores, "by_task": by_task, "order": left,
        })
    return table


def _run(
    suite: Suite, task: Task, algo: str, seed: int, settings: dict[str, Any], share: float,
    out: Path,
) -> Any:
    from colllm_bench.suite.execution import SuiteRun

    config = suite.config(task, algo, seed, settings)
    config = config.replace(
        eval_split="dev", episodes=max(config.batch, round(config.episodes * share))
    )
    label = Chosen(settings).label
    name = f"{task.id}-{label}{code_label(algo)}-share{share:g}"
    return SuiteRun(task.id, config, settings, name, out / suite.name / "tuning")


def _scores(runs: Sequence[Any]) -> dict[str, float]:
    """Mean dev score over seeds, by task."""
    by_task: dict[str, list[float]] = {}
    for run in runs:
        summary = files.read_json(run.path / "summary.json")
        by_task.setdefault(run.task, []).append(summary["score"]["trained"]["mean"])
    return {task: fmean(scores) for task, scores in by_task.items()}


def describe(rung: dict[str, Any]) -> dict[str, Any]:
    """A rung with its curve: ``best_of``, the expected best score of k of its draws. Later rungs
    hold only draws that did well before, so the first rung's curve is that of the search."""
    return {**rung, "best_of": best_of(list(rung["scores"].values()))}


def print_results(
    table: Sequence[dict[str, Any]], settings: dict[int, dict[str, Any]], options: dict[str, Any]
) -> None:
    from colllm_bench.display.console import make_wide_console
    from colllm_bench.display.tables import plain_table

    rows = plain_table("draw", *(f"{rung['share']:g} of budget" for rung in table))
    rows.add_column("settings", overflow="fold")
    order = [k for rung in reversed(table) for k in rung["order"]]
    for k in dict.fromkeys([*order, *settings]):
        scores = (f"{rung['scores'][k]:.3f}" if k in rung["scores"] else "" for rung in table)
        shown = " ".join(f"{name}={value}" for name, value in settings[k].items())
        rows.add_row(str(k), *scores, shown or "the algorithm's defaults")
    console = make_wide_console(quiet="quiet" in options)
    console.print(rows)
    curve = best_of(list(table[0]["scores"].values()))
    shown = ", ".join(f"{k}: {curve[k - 1]:.3f}" for k in (1, 2, 4, 8, 16, 32) if k <= len(curve))
    console.print(f"\nexpected best of k draws at {table[0]['share']:g} of the budget: {shown}",
                  soft_wrap=True)
