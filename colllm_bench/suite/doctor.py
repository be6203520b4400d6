"""``suite doctor``: whether this installation plays the suite's tasks as stated."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from colllm_bench import cli, registry
from colllm_bench.suite import options as common
from colllm_bench.suites import Suite, Task

DESCRIPTION = """Play the fixed teams of every task, and compare them with what the suite states.

  python -m colllm_bench.suite doctor v3-mini

Random team and expert, a team that sees only the clock (the environment's best such team where it
has one), and the untrained model, on the held-out tasks. Exit code 1 where one is not as stated.
Trains nothing.
"""
EXACT = 1e-6
"""Scripted teams play the same episodes everywhere: their returns may differ by rounding only."""


def parser() -> cli.Parser:
    options = common.parser("doctor", DESCRIPTION)
    options.add_argument(
        "--state", action="store_true",
        help="print what is seen here as [task.stated] tables, for the author of a suite",
    )
    return options


def main(argv: Sequence[str]) -> int:
    options = vars(parser().parse(argv))
    suite, tasks, _ = common.read(options)
    from colllm_bench.display.console import make_wide_console
    from colllm_bench.display.progress import duration
    from colllm_bench.display.tables import plain_table

    began, faults, stated = time.monotonic(), 0, False
    table = plain_table("task", "team", "score here", "stated", "")
    for task in tasks:
        if "quiet" not in options:
            cli.say(f"{task.id}: playing")
        seen = play(suite, task)
        if "state" in options:
            print(stated_toml(task, seen), end="\n\n")
            continue
        for row in compared(task, seen):
            faults += row[-1] not in ("as stated", "not stated")
            stated |= row[-1] != "not stated"
            table.add_row(*row)
    if "state" in options:
        return 0
    console = make_wide_console(quiet="quiet" in options)
    console.print(table)
    what = f"{faults or 'no'} difference{'' if faults == 1 else 's'}" if stated else (
        "nothing is stated to compare with (--state prints what to state)"
    )
    console.print(f"\n{what}, {duration(time.monotonic() - began)}", soft_wrap=True)
    return 1 if faults else 0


def play(suite: Suite, task: Task) -> dict[str, Any]:
    """What the fixed teams do here: ``random_return``, ``expert_return``, and the scores
    ``blind`` and ``untrained`` (mean, low, high)."""
    from colllm_bench.evaluation.held_out import (
        evaluate_team,
        play_held_out,
        raw_results,
        summarize_teams,
    )
    from colllm_bench.setup.environments import make_env
    from colllm_bench.setup.resolve import resolve
    from colllm_bench.teams.clock import ClockTeam
    from colllm_bench.teams.loading import build_policy
    from colllm_bench.teams.scripted import ScriptedTeam

    config = resolve(suite.config(task, "mc", suite.seeds[0], {}))
    teams = {
        name: ScriptedTeam(registry.policy_of(config.env, name)) for name in ("random", "scripted")
    }
    results = {
        name: raw_results(play_held_out(config, team, scripted=True))
        for name, team in teams.items()
    }
    if policy := registry.policy_of(config.env, "blind"):
        blind = ScriptedTeam(policy)
    else:
        blind = ClockTeam(play_held_out(config, teams["scripted"], scripted=True, split="train"))
    results["blind"] = raw_results(play_held_out(config, blind, scripted=True))
    with contextlib.closing(make_env(config, split="eval")) as env:
        policy = build_policy(config, env)
    results["untrained"] = raw_results(evaluate_team(config, policy))
    scores = summarize_teams(config, results)["score"]
    return {
        "random_return": fmean(results["random"]["returns"]),
        "expert_return": fmean(results["scripted"]["returns"]),
        "blind": scores["blind"]["mean"],
        "untrained": [scores["untrained"][key] for key in ("mean", "low", "high")],
    }


def compared(task: Task, seen: dict[str, Any]) -> list[tuple[str, ...]]:
    """A row for each team: task, team, seen, stated, and whether they agree."""
    stated = task.stated
    rows = []
    for team, name in (("random team", "random_return"), ("expert", "expert_return")):
        value = getattr(stated, name)
        # Not 0 and 1, which hold by construction: the returns that are called so.
        rows.append((task.id, f"{team}, return", f"{seen[name]:.4f}", _number(value),
                     _agree(value, abs(seen[name] - value) < EXACT if value is not None else True)))
    blind = stated.blind
    rows.append((task.id, "clock only", f"{seen['blind']:.4f}", _number(blind),
                 _agree(blind, abs(seen["blind"] - blind) < 1e-3 if blind is not None else True)))
    mean, low, high = seen["untrained"]
    if stated.untrained is None:
        rows.append((task.id, "untrained model", f"{mean:.4f}", "", "not stated"))
        return rows
    interval = "{:.4f} ({:.4f} to {:.4f})".format(*stated.untrained)
    # Another processor samples other episodes: two intervals that meet are the same model's.
    meet = low <= stated.untrained[2] and high >= stated.untrained[1]
    rows.append((task.id, "untrained model", f"{mean:.4f} ({low:.4f} to {high:.4f})", interval,
                 _agree(mean, meet)))
    return rows


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _agree(stated: float | None, same: bool) -> str:
    return "not stated" if stated is None else "as stated" if same else "NOT AS STATED"


def stated_toml(task: Task, seen: dict[str, Any]) -> str:
    """The ``[task.stated]`` table of what was seen."""
    untrained = ", ".join(f"{value:.4f}" for value in seen["untrained"])
    return "\n".join([
        f"# {task.id}", "[task.stated]", f"untrained = [{untrained}]",
        f"blind = {seen['blind']:.4f}",
        f"random_return = {seen['random_return']:.8g}",
        f"expert_return = {seen['expert_return']:.8g}",
    ])
