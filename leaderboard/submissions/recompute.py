"""Plays the teams of a submission again and compares the numbers with the claimed ones."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.leaderboard.submissions import tolerance, training_returns
from colllm_bench.leaderboard.submissions.differences import describe_differences
from colllm_bench.leaderboard.submissions.machine import other_machine
from colllm_bench.leaderboard.submissions.reading import Submission, playable
from colllm_bench.leaderboard.submissions.strict_json import rows_of
from colllm_bench.leaderboard.submissions.training_record import own_task_faults, returns_of
from colllm_bench.runs.naming import agent_folder
from colllm_bench.setup.curriculum import Curriculum
from colllm_bench.setup.environments import make_env


class CannotVerify(ConfigError):
    """This machine cannot do what the verifier asked for; the submission is not at fault."""


def recompute(
    submission: Submission, options: dict[str, Any], tell: Callable[[str], None]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Play every run again.

    Args:
        submission: its parts agree with each other.
        options: of the command line: ``model``, ``device``, ``retrain``.
        tell: called with lines of progress.

    Returns:
        (an entry a run, as in the report of ``verify``; what was found, a line each)

    Raises:
        CannotVerify: this machine cannot do what was asked for.
        ConfigError: the submission cannot be played as it is.
    """
    model = _base(submission, options)
    entries, faults = [], []
    for run in submission.data["runs"]:
        entry, found = _recompute_run(submission, run, model, options)
        faults += [f"seed {entry['seed']}: {line}" for line in found]
        entries.append(entry)
        tell(_progress(entry, "score" if entries[0]["again"]["score"] else "return"))
    faults += tolerance.pooled_disagreements(
        [run["summary"]["held_out"] for run in submission.data["runs"]],
        [entry["again"]["held_out"] for entry in entries],
        half=any(_half(submission, run) for run in submission.data["runs"]),
    )
    return entries, faults


def _progress(entry: dict[str, Any], measure: str) -> str:
    means = [
        f"{team} {round(numbers['mean'], 3) + 0.0:.3f}"  # + 0.0: no "-0.000"
        for team, numbers in entry["again"][measure].items()
    ]
    apart = max(entry["episodes_apart"].values())
    how = "the same numbers" if not apart else f"{apart} episodes differ"
    return f"seed {entry['seed']}: {measure} {', '.join(means)}; {how}"


def _base(submission: Submission, options: dict[str, Any]) -> str:
    """The base model to play with: the submission's own if it is built in, else the verifier's.

    Raises:
        ConfigError: a foreign model that the verifier did not name; other files than claimed.
    """
    from colllm_bench.leaderboard.submissions.base_model import base_files
    from colllm_bench.registry import MODELS

    base, env = submission.data["base"], submission.data["config"]["env"]
    if base["model"] not in MODELS and "model" not in options:
        raise ConfigError(
            f"its base model {base['model'][:80]!r} is not built in, and a submission does not "
            "choose what is loaded here", fix="name it yourself: --model NAME",
        )
    model = options.get("model", base["model"])
    try:
        central = submission.data["execution"] == "centralized"
        here = base_files(model, env, central=central)
    except ConfigError as error:
        raise CannotVerify(str(error)) from None
    odd = sorted(name for name in here.keys() | base["files"].keys()
                 if here.get(name) != base["files"].get(name))
    if odd:
        raise ConfigError(f"the base model {model!r} is not the one of the submission: "
                          f"{odd[0][:80]} differs", fix="the same model at the same revision")
    return model


def _half(submission: Submission, run: dict[str, Any]) -> bool:
    recorded = submission.configs[run["seed"]]
    return tolerance.half_precision(recorded.dtype, run["environment"])


def _played_config(
    submission: Submission, run: dict[str, Any], model: str, options: dict[str, Any]
) -> RunConfig:
    """The settings to play a run with, on a device of this machine."""
    from colllm_bench.models.loading import resolve_device

    recorded = submission.configs[run["seed"]]
    # "auto" is what it was there: a run of a CPU does not become one of the GPU found here.
    on_cpu = recorded.device == "auto" and not run["environment"].get("accelerators")
    try:
        device = resolve_device(options.get("device", "cpu" if on_cpu else recorded.device))
    except ConfigError as error:
        raise CannotVerify(f"{error}; verify has --device") from None
    return playable(recorded, submission.data["execution"]).replace(
        model=model, device=str(device),
        dtype="bfloat16" if _half(submission, run) else "float32",
    )


def _recompute_run(
    submission: Submission, run: dict[str, Any], model: str, options: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """One run: (its entry in the report, what was found)."""
    from colllm_bench.evaluation.held_out import summarize_teams
    from colllm_bench.leaderboard.submissions.replay import play_again
    from colllm_bench.runs.provenance import environment

    seed, recorded = run["seed"], submission.configs[run["seed"]]
    config = _played_config(submission, run, model, options)
    date = run["environment"].get("date")
    again = play_again(config, submission.team(seed), date=date)
    machine = other_machine(
        run["environment"], environment(), all_cores=recorded.threads == 0
    )
    claimed = run["summary"]["held_out"]
    faults = tolerance.disagreements(
        claimed, again.teams, exact=not machine, half=_half(submission, run)
    )
    if run["summary"]["parameters"] != again.parameters:
        faults.append(f"parameters are {again.parameters}, not {run['summary']['parameters']}")
    if (any(line.startswith("trained") for line in faults)
            and again.on_training_tasks["returns"] == claimed["trained"]["returns"]):
        faults.append("trained: these are the numbers of the development split (train), not "
                      "of the held-out tasks")
    if "retrain" in options:
        faults += retrain(submission, recorded.replace(model=model), options["retrain"], machine)
    if options.get("retrain") != 0:  # a whole repeated training has compared every line
        faults += _training_faults(submission, config, again, exact=not machine, date=date)
    return {
        "seed": seed,
        "machine": machine,
        "episodes_apart": {
            name: len(tolerance.unequal(claimed[name], results))
            for name, results in again.teams.items() if name in claimed
        },
        "again": summarize_teams(recorded, again.teams) | {"parameters": again.parameters},
    }, faults


def _training_faults(
    submission: Submission, config: RunConfig, again: Any, *, exact: bool, date: str | None
) -> list[str]:
    """The training's returns against the teams, untrained and trained, as they play here."""
    from colllm_bench.leaderboard.submissions.replay import play_first_iteration
    from colllm_bench.training.recording import describe

    where = f"seed{config.seed}/metrics.jsonl"
    first = next(rows_of(submission.folder / where, where))
    episodes = play_first_iteration(config, date=date)
    every = [x for team in again.teams.values() for x in team["returns"]]
    every += again.on_training_tasks["returns"]
    env = make_env(config, split="train")
    curriculum = Curriculum(config, env)
    claimed = returns_of(submission, config.seed, curriculum)
    env.close()
    return [
        *own_task_faults(submission, config.seed, curriculum),
        *training_returns.first_faults(
            first, describe(episodes), [episode.return_ for episode in episodes], exact=exact
        ),
        *training_returns.last_faults(
            config, claimed, again.on_training_tasks["returns"], max(every) - min(every),
        ),
    ]


def retrain(
    submission: Submission, config: RunConfig, iterations: int, machine: list[str]
) -> list[str]:
    """The differences between a repeated training and the record, a line each.

    Args:
        config: of the run.
        iterations: how many; 0: all.
        machine: what differs between the run's machine and this one.

    Raises:
        CannotVerify: another machine, or an algorithm that is a stranger's code.
    """
    from colllm_bench.leaderboard.submissions.retrain import train_again, weights_of

    if machine:
        raise CannotVerify(
            f"--retrain compares to the byte, and this is another machine: {machine[0]}",
            fix="without --retrain",
        )
    if ":" in config.algo:
        raise CannotVerify(
            f"--retrain would run a stranger's code: algorithm {config.algo[:80]!r}",
            fix="without --retrain",
        )
    trained = train_again(config, iterations or None)
    where = f"seed{config.seed}/metrics.jsonl"
    recorded = islice(rows_of(submission.folder / where, where), len(trained.rows))
    for k, (row, claimed) in enumerate(zip(trained.rows, recorded)):
        where = f"trained again, iteration {k}: "
        lines = list(describe_differences(row, claimed, where, "here it is"))
        if lines:
            return lines
    return [
        f"trained again, the weights of {agent} are others"
        for agent, weights in (trained.weights or {}).items()
        if weights != weights_of(submission.team(config.seed) / agent_folder(agent))
    ]
