"""``python -m colllm_bench.leaderboard verify``: play a submission's teams again."""

from __future__ import annotations

import os
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colllm_bench import cli
from colllm_bench.errors import ColllmError, ConfigError, RunError
from colllm_bench.runs.arithmetic import is_portable, make_portable, make_portable_if_asked

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
    make_portable_if_asked()
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
    _match_arithmetic(paths)
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


def _match_arithmetic(paths: Sequence[Path]) -> None:
    """Compute in portable arithmetic if all submissions did, and torch is not loaded yet."""
    from colllm_bench.leaderboard.submissions.reading import recorded_environments

    environments = [environment for path in paths for environment in recorded_environments(path)]
    if environments and "torch" not in sys.modules and all(map(is_portable, environments)):
        make_portable()


def _line(text: str) -> str:
    """A reason as one line, without control characters for the terminal."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def verify(path: Path, options: dict[str, Any], tell: Any = lambda line: None) -> dict[str, Any]:
    """One submission.

    Args:
        path: its folder or document.
        options: the options of the command line: ``model``, ``device``, ``files_only``,
            ``retrain``.
        tell: called with lines of progress.

    Returns:
        ``submission``, ``digest`` (of its document, None if it cannot be read), ``verdict``
        (``refused``, ``files agree``, ``the same numbers`` or ``within the tolerance``),
        ``refusals`` (reasons), ``runs`` (each with its ``seed``, the ``again`` recomputed
        summary, ``episodes_apart`` by team, ``machine`` (what differs)), ``result`` (recomputed
        over the runs, None if not played), ``unknown`` (what this verification cannot show, in
        words) and ``retrain_seconds`` (what a whole ``--retrain`` takes, by the submission's own
        timing).

    Raises:
        CannotVerify: this machine cannot do what was asked for.
    """
    from colllm_bench.leaderboard.submissions.checks import check_submission
    from colllm_bench.leaderboard.submissions.reading import read_submission
    from colllm_bench.leaderboard.submissions.recompute import CannotVerify, recompute
    from colllm_bench.leaderboard.submissions.schema import result_of
    from colllm_bench.leaderboard.submissions.strict_json import InvalidSubmission
    from colllm_bench.leaderboard.submissions.training_record import training_seconds

    report: dict[str, Any] = {"submission": str(path), "digest": None, "verdict": "refused",
                              "refusals": [], "runs": [], "result": None, "unknown": [],
                              "retrain_seconds": None}
    try:
        submission = read_submission(path)
    except InvalidSubmission as reason:
        report["refusals"].append(str(reason))
        return report
    report["digest"] = submission.data["digest"]
    tell(_title(submission))
    report["refusals"] += check_submission(submission)
    if not report["refusals"] and "files_only" not in options:
        try:
            report["runs"], found = recompute(submission, options, tell)
            report["refusals"] += found
            report["result"] = result_of([entry["again"] for entry in report["runs"]])
        except CannotVerify:
            raise
        except ColllmError as error:
            report["refusals"].append(str(error))
    if report["refusals"]:
        return report
    report["verdict"] = _verdict(report)
    tell(f"{report['verdict']}: {_result(report['result'] or submission.data['result'])}")
    report["retrain_seconds"] = training_seconds(submission)
    report["unknown"] = _unknown(submission, options, report)
    for line in report["unknown"]:
        tell(f"not shown: {line}")
    return report


def _unknown(
    submission: Submission, options: dict[str, Any], report: dict[str, Any]
) -> list[str]:
    """What a submission that was taken may still be, in words."""
    data, lines = submission.data, []
    if "files_only" in options:
        lines.append("that its teams reach these numbers: verify without --files-only plays them")
    if options.get("retrain") != 0:
        seconds = report["retrain_seconds"]
        cost = "its time unknown"
        if seconds:
            cost = f"about {_duration(seconds)} for all seeds, by its own timing"
        lines.append(
            "how the teams were trained: on the held-out tasks, for longer, or with other "
            f"settings; only a whole repeated training shows it (--retrain, {cost}, on the same "
            "kind of machine or in portable arithmetic)"
        )
    lines.append("other seeds and settings that were tried and not submitted: no file can")
    if data["seeds"][0] != 0:
        lines.append(f"whether seeds before {data['seeds'][0]} were run, and did worse")
    return lines


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(1, seconds):.0f} s"


def _title(submission: Submission) -> str:
    data = submission.data
    seeds = ", ".join(map(str, data["seeds"]))
    declared = " (declared: not 0 to n - 1)" if data["seeds"][0] != 0 else ""
    return _line(f"{data['name']}: {data['algo']} on {data['env']}, {data['agents']} agents, "
                 f"{data['base']['model']}, seeds {seeds}{declared}")


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
