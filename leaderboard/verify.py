"""``python -m colllm_bench.leaderboard verify``: play a submission's teams again."""

from __future__ import annotations

import os
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colllm_bench import cli
from colllm_bench.errors import ColllmError, ConfigError, RunError
from colllm_bench.runs.naming import agent_folder

if TYPE_CHECKING:
    from colllm_bench.leaderboard.submissions.reading import Submission

DESCRIPTION = """Check a submission, evaluate its trained teams again on the held-out tasks, and
recompute every number. A submission that does not agree is refused, with the reasons (exit
code 1).

  python -m colllm_bench.leaderboard verify submissions/cc-default
  python -m colllm_bench.leaderboard verify SUBMISSION --model Qwen/Qwen3-0.6B
"""


def parser() -> cli.Parser:
    options = cli.Parser(
        prog="python -m colllm_bench.leaderboard verify",
        usage="python -m colllm_bench.leaderboard verify SUBMISSION ... [options]",
        description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter,
    )
    options.add_argument("submissions", metavar="SUBMISSION", nargs="*",
                      help="folders of submissions, or their submission.json")
    options.add_argument("--model", metavar="NAME",
                      help="the base model, where it is not built in: a folder or a hub id")
    options.add_argument("--device", metavar="NAME", help="auto, cpu or cuda (default: the run's)")
    options.add_argument("--files-only", action="store_true",
                      help="check the files against each other, and play nothing")
    options.add_argument("--retrain", metavar="N", nargs="?", const=0, type=int,
                      help="also train each seed's first N iterations again (without N: all of "
                           "them), on the same kind of machine, and compare to the byte")
    options.add_argument("--report", metavar="FILE", help="write the findings as JSON")
    options.add_argument("--quiet", action="store_true", help="print nothing but refusals")
    options.add_argument("--debug", action="store_true", help="show tracebacks")
    return options


def main(argv: Sequence[str]) -> int:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded
    options = vars(parser().parse(argv))
    paths = [Path(text) for text in options.get("submissions", [])]
    if not paths:
        raise ConfigError("verify names no submission", fix="verify submissions/NAME")
    for path in paths:
        if not path.exists():
            raise ConfigError(f"{path} does not exist", allowed="folders of submissions")
    if options.get("retrain", 0) < 0 or ("retrain" in options and "files_only" in options):
        raise ConfigError("--retrain takes 1 or more iterations, and not --files-only",
                          fix="--retrain for all iterations, --retrain 3 for three")
    tell = (lambda line: None) if "quiet" in options else lambda line: print(line, flush=True)
    reports = [verify(path, options, tell) for path in paths]
    if "report" in options:
        from colllm_bench.runs import files

        files.write_json(Path(options["report"]), {"submissions": reports})
    refused = [report for report in reports if report["refusals"]]
    for report in refused:
        for reason in report["refusals"]:
            cli.say(f"refused: {report['submission']}: {_line(reason)}")
    if refused:
        raise RunError(f"{len(refused)} of {len(reports)} submissions refused")
    return 0


def _line(text: str) -> str:
    """A reason as one line, without control characters for the terminal."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


class CannotVerify(ConfigError):
    """This machine cannot do what the verifier asked for; the submission is not at fault."""


def verify(path: Path, options: dict[str, Any], tell: Any = lambda line: None) -> dict[str, Any]:
    """One submission.

    Args:
        path: its folder or document.
        options: the options of the command line: ``model``, ``device``, ``files_only``,
            ``retrain``.
        tell: called with lines of progress.

    Returns:
        ``submission``, ``verdict`` (``refused``, ``files agree``, ``the same numbers`` or
        ``within the tolerance``), ``refusals`` (reasons), ``runs`` (each with its ``seed``, the
        ``again`` recomputed summary, ``episodes_apart`` by team, ``machine`` (what differs)),
        and ``result`` (recomputed over the runs, None if not played).

    Raises:
        CannotVerify: this machine cannot do what was asked for.
    """
    from colllm_bench.leaderboard.submissions.checks import check_submission
    from colllm_bench.leaderboard.submissions.reading import read_submission
    from colllm_bench.leaderboard.submissions.strict_json import InvalidSubmission

    report: dict[str, Any] = {"submission": str(path), "verdict": "refused", "refusals": [],
                              "runs": [], "result": None}
    try:
        submission = read_submission(path)
    except InvalidSubmission as reason:
        report["refusals"].append(str(reason))
        return report
    tell(_title(submission))
    report["refusals"] += check_submission(submission)
    if not report["refusals"] and "files_only" not in options:
        try:
            _play(submission, options, report, tell)
        except CannotVerify:
            raise
        except ColllmError as error:
            report["refusals"].append(str(error))
    if report["refusals"]:
        return report
    report["verdict"] = _verdict(report)
    tell(f"{report['verdict']}: {_result(report['result'] or submission.data['result'])}")
    return report


def _title(submission: Submission) -> str:
    data = submission.data
    seeds = ", ".join(map(str, data["seeds"]))
    declared = " (declared: not 0 to n - 1)" if data["seeds"][0] != 0 else ""
    return _line(f"{data['name']}: {data['algo']} on {data['env']}, {data['agents']} agents, "
                 f"{data['base']['model']}, seeds {seeds}{declared}")


def _play(
    submission: Submission, options: dict[str, Any], report: dict[str, Any], tell: Any
) -> None:
    """Play every run again, and compare its numbers with the claimed ones."""
    from colllm_bench.leaderboard.submissions.schema import result_of

    model = _base(submission, options)
    for run in submission.data["runs"]:
        entry = _play_run(submission, run, model, options, report)
        report["runs"].append(entry)
        measure = report["runs"][0]["again"]["score"] and "score" or "return"
        means = [
            f"{team} {round(numbers['mean'], 3) + 0.0:.3f}"  # + 0.0: no "-0.000"
            for team, numbers in entry["again"][measure].items()
        ]
        apart = max(entry["episodes_apart"].values())
        how = "the same numbers" if not apart else f"{apart} episodes differ"
        tell(f"seed {entry['seed']}: {measure} {', '.join(means)}; {how}")
    report["result"] = result_of([entry["again"] for entry in report["runs"]])


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
        here = base_files(model, env)
    except ConfigError as error:
        raise CannotVerify(str(error)) from None
    odd = sorted(name for name in here.keys() | base["files"].keys()
                 if here.get(name) != base["files"].get(name))
    if odd:
        raise ConfigError(f"the base model {model!r} is not the one of the submission: "
                          f"{odd[0][:80]} differs", fix="the same model at the same revision")
    return model


def _device(name: str) -> str:
    from colllm_bench.models.loading import resolve_device

    try:
        return str(resolve_device(name))
    except ConfigError as error:
        raise CannotVerify(f"{error}; verify has --device") from None


def _play_run(
    submission: Submission, run: dict[str, Any], model: str, options: dict[str, Any],
    report: dict[str, Any],
) -> dict[str, Any]:
    from colllm_bench.evaluation.held_out import summarize_teams
    from colllm_bench.leaderboard.submissions import tolerance
    from colllm_bench.leaderboard.submissions.reading import playable
    from colllm_bench.leaderboard.submissions.replay import play_again
    from colllm_bench.runs.provenance import environment

    seed, recorded = run["seed"], submission.configs[run["seed"]]
    config = playable(recorded, submission.data["execution"]).replace(model=model)
    half = tolerance.half_precision(recorded.dtype, run["environment"])
    # "auto" is what it was there: a run of a CPU does not become one of the GPU found here.
    on_cpu = recorded.device == "auto" and not run["environment"].get("accelerators")
    device = _device(options.get("device", "cpu" if on_cpu else recorded.device))
    config = config.replace(device=device, dtype="bfloat16" if half else "float32")
    date = run["environment"].get("date")
    again = play_again(config, submission.team(seed), submission.agents, date=date)
    machine = tolerance.other_machine(run["environment"], environment())
    claimed = run["summary"]["held_out"]
    faults = tolerance.disagreements(claimed, again.teams, exact=not machine, half=half)
    if run["summary"]["parameters"] != again.parameters:
        faults.append(f"parameters are {again.parameters}, not {run['summary']['parameters']}")
    if any(line.startswith("trained") for line in faults):
        train = play_again(
            config, submission.team(seed), submission.agents, split="train", date=date
        )
        if train.teams["trained"]["returns"] == claimed["trained"]["returns"]:
            faults.append("trained: these are the numbers of the development split (train), not "
                         "of the held-out tasks")
    if "retrain" in options:
        faults += _retrain(submission, recorded.replace(model=model), options["retrain"], machine)
    report["refusals"] += [f"seed {seed}: {line}" for line in faults]
    return {
        "seed": seed,
        "machine": machine,
        "episodes_apart": {
            name: len(tolerance.unequal(claimed[name], results))
            for name, results in again.teams.items() if name in claimed
        },
        "again": summarize_teams(recorded, again.teams) | {"parameters": again.parameters},
    }


def _retrain(submission: Submission, config: Any, iterations: int, machine: list[str]) -> list[str]:
    """The differences between a repeated training and the record, a line each.

    Raises:
        CannotVerify: another machine, or an algorithm that is a stranger's code.
    """
    from colllm_bench.leaderboard.submissions.differences import describe_differences
    from colllm_bench.leaderboard.submissions.retrain import train_again, weights_of
    from colllm_bench.runs import files

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
    recorded = files.read_lines(submission.folder / f"seed{config.seed}" / "metrics.jsonl")
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


def _verdict(report: dict[str, Any]) -> str:
    if not report["runs"]:
        return "files agree"
    apart = any(any(run["episodes_apart"].values()) for run in report["runs"])
    return "within the tolerance" if apart else "the same numbers"


def _result(result: dict[str, Any]) -> str:
    low, high = result["low"], result["high"]
    interval = f" ({low:.3f} to {high:.3f})" if low is not None else ""
    count = len(result["values"])
    seeds = f"{count} seeds" if count > 1 else "one seed, which says nothing of the spread"
    return f"{result['measure']} {result['mean']:.3f}{interval}, {seeds}"
