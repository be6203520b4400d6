"""Puts verified numbers into a report: what ``verify --report FILE`` recomputed, by its digests.

A report of a verification is trusted because whoever builds names it (``build --verified``). One
that lies in a submission's folder would be the submitter's own word.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench.errors import ConfigError, RunError
from colllm_bench.leaderboard.data.collection import Collection
from colllm_bench.leaderboard.data.run_reader import ExcludedRun, Run
from colllm_bench.leaderboard.submissions.document import DOCUMENT
from colllm_bench.leaderboard.submissions.strict_json import (
    JSON_LIMIT,
    InvalidSubmission,
    digest_of,
    parse_json,
    read_bytes,
    sha256,
)
from colllm_bench.runs import files

PLAYED = ("the same numbers", "within the tolerance")
"""Verdicts with recomputed numbers."""
FIX = "verify SUBMISSION --report FILE writes one"


def read_reports(paths: Sequence[str | Path]) -> dict[str, dict[str, Any]]:
    """Findings of ``verify --report``, by the digest of the submission.

    Raises:
        ConfigError: a file is no such report.
    """
    reports = {}
    for path in map(Path, paths):
        try:
            data = files.read_json(path)
        except RunError as error:
            raise ConfigError(str(error), fix=FIX) from None
        listed = data.get("submissions") if isinstance(data, dict) else None
        if not isinstance(listed, list) or not all(
            isinstance(report, dict) and {"verdict", "runs", "refusals"} <= report.keys()
            for report in listed
        ):
            raise ConfigError(f"{path} is no report of a verification", fix=FIX)
        reports |= {report["digest"]: report for report in listed if report.get("digest")}
    return reports


def with_verified(collection: Collection, reports: dict[str, dict[str, Any]]) -> Collection:
    """The collection with verified numbers where there are some.

    A run of a submission that was refused, or that changed after it was verified, is excluded.

    Args:
        reports: :func:`read_reports`.
    """
    groups, excluded = [], list(collection.excluded)
    for group in collection.groups:
        outcomes = [_verified(run, reports) for run in group.runs]
        runs = [outcome for outcome in outcomes if isinstance(outcome, Run)]
        excluded += [outcome for outcome in outcomes if isinstance(outcome, ExcludedRun)]
        groups += [dataclasses.replace(group, runs=runs)] if runs else []
    return Collection(groups, sorted(excluded, key=lambda item: str(item.path)))


def _verified(run: Run, reports: dict[str, dict[str, Any]]) -> Run | ExcludedRun:
    document = run.path.parent / DOCUMENT
    if not document.is_file():
        return run
    try:
        data = parse_json(read_bytes(document, DOCUMENT, JSON_LIMIT), DOCUMENT)
    except InvalidSubmission as reason:
        return ExcludedRun(run.path, "refused", str(reason))
    report = reports.get(data.get("digest")) if isinstance(data, dict) else None
    if report is None:
        return run
    if report["refusals"]:
        return ExcludedRun(run.path, "refused", f"its verification: {report['refusals'][0]}")
    body = {key: value for key, value in data.items() if key != "digest"}
    if digest_of(body) != data["digest"] or not _unchanged(run.path, data["files"]):
        return ExcludedRun(run.path, "refused", "its files were changed after it was verified")
    entry = next((entry for entry in report["runs"] if entry["seed"] == run.seed), None)
    if report["verdict"] not in PLAYED or entry is None:
        return run  # its files were compared, and nothing was played
    return dataclasses.replace(
        run, summary={**run.summary, **entry["again"]}, verified=report["verdict"]
    )


def _unchanged(folder: Path, entries: dict[str, Any]) -> bool:
    """Whether a run's files are those that the document lists."""
    own = {name: entry for name, entry in entries.items() if name.startswith(f"{folder.name}/")}
    return bool(own) and all(
        (folder.parent / name).is_file() and sha256(folder.parent / name) == entry["sha256"]
        for name, entry in own.items()
    )
