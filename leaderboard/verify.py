"""``python -m colllm_bench.leaderboard verify``: a submission's teams play again."""

from __future__ import annotations

import os
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench import cli
from colllm_bench.errors import ColllmError, ConfigError, RunError

DESCRIPTION = """Check a submission, evaluate its trained teams again on the held-out tasks, and
recompute every number. Whatever does not fit is a refusal, with the reason (exit code 1).

  python -m colllm_bench.leaderboard verify leaderboard/submissions/cc-default
  python -m colllm_bench.leaderboard verify SUBMISSION --model Qwen/Qwen3-0.6B
"""


def parser() -> cli.Parser:
    made = cli.Parser(
        prog="python -m colllm_bench.leaderboard verify",
        usage="python -m colllm_bench.leaderboard verify SUBMISSION ... [options]",
        description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter,
    )
    made.add_argument("submissions", metavar="SUBMISSION", nargs="*",
                      help="folders of submissions, or their submission.json")
    made.add_argument("--model", metavar="NAME",
                      help="the base model, where it is not built in: a folder or a hub id")
    made.add_argument("--device", metavar="NAME", help="auto, cpu or cuda (default: the run's)")
    made.add_argument("--files-only", action="store_true",
                      help="check the files against each other, and play nothing")
    made.add_argument("--retrain", metavar="N", nargs="?", const=0, type=int,
                      help="also train each seed's first N iterations again (without N: all of "
                           "them), on the same kind of machine, and compare to the byte")
    made.add_argument("--report", metavar="FILE", help="write what was found as JSON")
    made.add_argument("--quiet", action="store_true", help="print nothing but refusals")
    made.add_argument("--debug", action="store_true", help="show tracebacks")
    return made


def main(argv: Sequence[str]) -> int:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded
    given = vars(parser().parse(argv))
    paths = [Path(text) for text in given.get("submissions", [])]
    if not paths:
        raise ConfigError("verify names no submission", fix="verify leaderboard/submissions/NAME")
    for path in paths:
        if not path.exists():
            raise ConfigError(f"{path} does not exist", allowed="folders of submissions")
    if given.get("retrain", 0) < 0 or ("retrain" in given and "files_only" in given):
        raise ConfigError("--retrain takes 1 or more iterations, and not --files-only",
                          fix="--retrain for all iterations, --retrain 3 for three")
    tell = (lambda line: None) if "quiet" in given else lambda line: print(line, flush=True)
    reports = [verify(path, given, tell) for path in paths]
    if "report" in given:
        from colllm_bench.runs import files

        files.write_json(Path(given["report"]), {"submissions": reports})
    refused = [report for report in reports if report["refusals"]]
    for report in refused:
        for reason in report["refusals"]:
            cli.say(f"refused: {report['submission']}: {_line(reason)}")
    if refused:
        raise RunError(f"{len(refused)} of {len(reports)} submissions refused")
    return 0


def _line(text: str) -> str:
    """A reason as one line that a terminal shows and does not obey."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


class Unable(ConfigError):
    """What the verifier asked for cannot be done here: no fault of the submission."""


def verify(path: Path, given: dict[str, Any], tell: Any = lambda line: None) -> dict[str, Any]:
    """One submission.

    Args:
        path: its folder or document.
        given: the options of the command line: ``model``, ``device``, ``files_only``,
            ``retrain``.
        tell: takes lines for the person who waits.

    Returns:
        ``submission``, ``verdict`` (``refused``, ``files agree``, ``the same numbers`` or
        ``within the tolerance``), ``refusals`` (reasons), ``runs`` (each with its ``seed``, the
        ``again`` recomputed summary, ``episodes_apart`` by team, ``machine`` (what differs)),
        and ``result`` (recomputed over the runs, None if not played).

    Raises:
        Unable: this machine cannot do what was asked for.
    """
    from colllm_bench.leaderboard.claims import read
    from colllm_bench.leaderboard.faults import faults
    from colllm_bench.leaderboard.strict import Refused

    report: dict[str, Any] = {"submission": str(path), "verdict": "refused", "refusals": [],
                              "runs": [], "result": None}
    try:
        found = read(path)
    except Refused as reason:
        report["refusals"].append(str(reason))
        return report
    tell(_title(found))
    report["refusals"] += faults(found)
    if not report["refusals"] and "files_only" not in given:
        try:
            _play(found, given, report, tell)
        except Unable:
            raise
        except ColllmError as error:
            report["refusals"].append(str(error))
    if report["refusals"]:
        return report
    report["verdict"] = _verdict(report)
    tell(f"{report['verdict']}: {_result(report['result'] or found.data['result'])}")
    return report


def _title(found: Any) -> str:
    data = found.data
    seeds = ", ".join(map(str, data["seeds"]))
    declared = " (declared: not 0 to n - 1)" if data["seeds"][0] != 0 else ""
    return _line(f"{data['name']}: {data['algo']} on {data['env']}, {data['agents']} agents, "
                 f"{data['base']['model']}, seeds {seeds}{declared}")


def _play(found: Any, given: dict[str, Any], report: dict[str, Any], tell: Any) -> None:
    """Play every run again, and hold its numbers against the claim."""
    from colllm_bench.leaderboard.submission import result_of

    model = _base(found, given)
    for run in found.data["runs"]:
        entry = _play_run(found, run, model, given, report)
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


def _base(found: Any, given: dict[str, Any]) -> str:
    """The base model to play with: the submission's own if it is built in, else the verifier's.

    Raises:
        ConfigError: a foreign model that the verifier did not name; other files than claimed.
    """
    from colllm_bench.bases import base_files
    from colllm_bench.registry import MODELS

    base, env = found.data["base"], found.data["config"]["env"]
    if base["model"] not in MODELS and "model" not in given:
        raise ConfigError(
            f"its base model {base['model'][:80]!r} is not built in, and a submission does not "
            "choose what is loaded here", fix="name it yourself: --model NAME",
        )
    model = given.get("model", base["model"])
    try:
        here = base_files(model, env)
    except ConfigError as error:
        raise Unable(str(error)) from None
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
        raise Unable(f"{error}; verify has --device") from None


def _play_run(
    found: Any, run: dict[str, Any], model: str, given: dict[str, Any], report: dict[str, Any]
) -> dict[str, Any]:
    from colllm_bench.evaluation.held_out import summarize_teams
    from colllm_bench.leaderboard import replayed
    from colllm_bench.leaderboard.claims import playable
    from colllm_bench.runs.provenance import environment
    from colllm_bench.verification import play_again

    seed, recorded = run["seed"], found.configs[run["seed"]]
    config = playable(recorded, found.data["execution"]).replace(model=model)
    half = replayed.half_precision(recorded.dtype, run["environment"])
    # "auto" is what it was there: a run of a CPU does not become one of the GPU found here.
    on_cpu = recorded.device == "auto" and not run["environment"].get("accelerators")
    device = _device(given.get("device", "cpu" if on_cpu else recorded.device))
    config = config.replace(device=device, dtype="bfloat16" if half else "float32")
    date = run["environment"].get("date")
    again = play_again(config, found.team(seed), found.agents, date=date)
    machine = replayed.other_machine(run["environment"], environment())
    claimed = run["summary"]["held_out"]
    wrong = replayed.disagreements(claimed, again.teams, exact=not machine, half=half)
    if run["summary"]["parameters"] != again.parameters:
        wrong.append(f"parameters are {again.parameters}, not {run['summary']['parameters']}")
    if any(line.startswith("trained") for line in wrong):
        other = play_again(config, found.team(seed), found.agents, split="train", date=date)
        trained = other.teams["trained"]
        if trained["returns"] == claimed["trained"]["returns"]:
            wrong.append("trained: these are the numbers of the development split (train), not "
                         "of the held-out tasks")
    if "retrain" in given:
        wrong += _retrain(found, recorded.replace(model=model), given["retrain"], machine)
    report["refusals"] += [f"seed {seed}: {line}" for line in wrong]
    return {
        "seed": seed,
        "machine": machine,
        "episodes_apart": {
            name: len(replayed.unequal(claimed[name], results))
            for name, results in again.teams.items() if name in claimed
        },
        "again": summarize_teams(recorded, again.teams) | {"parameters": again.parameters},
    }


def _retrain(found: Any, config: Any, iterations: int, machine: list[str]) -> list[str]:
    """Where a training with these settings departs from the record, in words.

    Raises:
        Unable: another machine, or an algorithm that is a stranger's code.
    """
    from colllm_bench.leaderboard.differences import difference
    from colllm_bench.retraining import train_again, weights_of
    from colllm_bench.runs import files

    if machine:
        raise Unable(f"--retrain compares to the byte, and this is another machine: {machine[0]}",
                     fix="without --retrain")
    if ":" in config.algo:
        raise Unable(f"--retrain would run a stranger's code: algorithm {config.algo[:80]!r}",
                     fix="without --retrain")
    trained = train_again(config, iterations or None)
    recorded = files.read_lines(found.folder / f"seed{config.seed}" / "metrics.jsonl")
    for k, (row, own) in enumerate(zip(trained.rows, recorded)):
        lines = list(difference(row, own, f"trained again, iteration {k}: ", "here it is"))
        if lines:
            return lines
    return [
        f"trained again, the weights of {agent} are others"
        for agent, weights in (trained.weights or {}).items()
        if weights != weights_of(found.team(config.seed) / agent)
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
