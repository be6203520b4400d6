"""Whether the files of a run folder agree with each other, and numbers from its episodes.

A report shows what the episodes give. What ``summary.json`` says beside them is compared, never
shown. :func:`copies` finds runs that are others under another seed or other settings.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.runs import files
from colllm_bench.seeding import derive

ROUNDING = 1e-6
"""Relative difference between equal means: sums in another order."""
MEASURES = ("score", "return", "success")


def recomputed(summary: dict[str, Any]) -> dict[str, Any]:
    """A summary whose ``score``, ``return``, ``success`` and ``invalid`` are those of its
    ``held_out`` episodes, on the scale of its ``score_range`` if it has one."""
    from colllm_bench.evaluation.held_out import summarize

    teams = {
        name: {"successes": None, "invalid": 0.0, **team}
        for name, team in summary["held_out"].items()
    }
    known = "score_range" in summary
    numbers = summarize(teams, (lambda _: summary["score_range"]) if known else None)
    return {**summary, **{key: numbers[key] for key in MEASURES},
            "invalid": {name: numbers["invalid"][name] for name, team in
                        summary["held_out"].items() if "invalid" in team}}


def range_fault(config: dict[str, Any], summary: dict[str, Any]) -> str | None:
    """What is wrong with the returns of scores 0 and 1 that a summary states; None: nothing.

    Environments that come with the package are asked; a stranger's file is not run to read a
    folder.
    """
    from colllm_bench.evaluation.score_range import known_range

    stated = summary.get("score_range")
    ends = isinstance(stated, list) and len(stated) == 2 and all(
        isinstance(end, (int, float)) and math.isfinite(end) for end in stated)
    if stated is not None and not (ends and stated[0] < stated[1]):
        return f"summary.json has a score_range {stated!r:.40} that is none"
    if not any(config["env"] in (spec.name, spec.id) for spec in registry.ENVS.values()):
        return None
    own = RunConfig(
        env=config["env"], agents=config["agents"], env_options=dict(config.get("env_options", {})))
    try:
        known = known_range(own)
        actual = known({}) if known else None
    except (ConfigError, KeyError, TypeError) as error:
        return f"config.json has a task without a score: {error}"
    if ("score_range" in summary) != (known is not None):
        return f"summary.json {'has' if known is None else 'lacks'} a score_range"
    same = stated is actual or (stated and actual and all(map(_close, stated, actual)))
    return None if same else f"summary.json says score_range {stated}, and it is {actual}"


def contradictions(
    path: Path, config: dict[str, Any], stated: dict[str, Any], actual: dict[str, Any]
) -> Iterator[str]:
    """What the files of a run say against each other, a line each.

    Args:
        path: the run's folder.
        config: its settings.
        stated: ``summary.json``, its held-out results checked.
        actual: the same, :func:`recomputed`.
    """
    yield from _summary_contradictions(stated, actual)
    yield from _untrained_contradictions(path, stated)
    yield from _replay_contradictions(path, stated)
    yield from _training_contradictions(path, config)


def _summary_contradictions(stated: dict[str, Any], actual: dict[str, Any]) -> Iterator[str]:
    for measure in MEASURES:
        for team, numbers in actual[measure].items():
            claim = stated.get(measure)
            claim = claim.get(team) if isinstance(claim, dict) else None
            mean = claim.get("mean") if isinstance(claim, dict) else None
            if mean is not None and not _close(mean, numbers["mean"]):
                yield (f"summary.json says {measure} {mean:.6g} of {team}, its episodes give "
                       f"{numbers['mean']:.6g}")


def _close(claimed: Any, actual: float) -> bool:
    return isinstance(claimed, (int, float)) and math.isclose(
        claimed, actual, rel_tol=ROUNDING, abs_tol=ROUNDING
    )


def _untrained_contradictions(path: Path, stated: dict[str, Any]) -> Iterator[str]:
    """``untrained.json`` was written before the training, and the summary holds it."""
    recorded = _readable(path / "untrained.json")
    claim = stated["held_out"].get("untrained")
    if recorded and claim and recorded.get("returns") != claim["returns"]:
        yield "summary.json has other held-out returns of the untrained team than untrained.json"


def _replay_contradictions(path: Path, stated: dict[str, Any]) -> Iterator[str]:
    """The first held-out episodes are there to be watched."""
    for k, claimed in enumerate(stated["held_out"]["trained"]["returns"][:3]):
        replay = _readable(path / "replays" / f"held-out-{k}.json")
        if replay and not _close(replay.get("return"), claimed):
            yield (f"summary.json says return {claimed:.6g} of held-out task {k}, its replay "
                   f"{replay.get('return')}")


def _readable(path: Path) -> dict[str, Any] | None:
    try:
        data = files.read_json(path) if path.exists() else None
    except RunError:
        return None  # a torn file beside the results contradicts nothing
    return data if isinstance(data, dict) else None


def _training_contradictions(path: Path, config: dict[str, Any]) -> Iterator[str]:
    """``metrics.jsonl`` against the episodes that it is the mean of, and these against the seed,
    which decides their tasks."""
    batch = config["batch"]
    count = -(-config["episodes"] // batch) * batch
    rows = _first_lines(path / "episodes.jsonl", count)
    returns: dict[int, list[float]] = {}
    for row in rows:
        if isinstance(row.get("return"), (int, float)) and isinstance(row.get("iteration"), int):
            returns.setdefault(row["iteration"], []).append(row["return"])
    metrics = islice(files.iterate_lines(path / "metrics.jsonl"), count // batch)
    for row in metrics:
        played = returns.get(row.get("iteration"), [])
        if len(played) == batch and not _close(row.get("return"), fmean(played)):
            yield (f"metrics.jsonl says return {row.get('return')} in iteration "
                   f"{row['iteration']}, its episodes give {fmean(played):.6g}")
            break
    first = [row for row in rows[:batch] if row.get("iteration") == 0]
    if any(row.get("seed") != derive(config["seed"], "task", 0, row.get("group"))
           for row in first if "seed" in row and isinstance(row.get("group"), int)):
        yield f"its training tasks are not those of seed {config['seed']}: the seed was edited"


def _first_lines(path: Path, count: int) -> list[dict[str, Any]]:
    """The first ``count`` rows of a JSON-lines file, parsed at once: four times as fast."""
    if not path.exists():
        return []
    with open(path, "rb") as file:
        lines = [line for line in islice(file, count) if line.endswith(b"\n")]
    try:
        rows = json.loads((b"[" + b",".join(lines) + b"]").decode())
    except ValueError:  # a line that is torn, or no JSON: the rows before it
        return list(islice(files.iterate_lines(path), count))
    return [row for row in rows if isinstance(row, dict)]


def copies(runs: Sequence[Any]) -> dict[int, str]:
    """Runs that hold what an earlier one holds, and cannot: by index, with the reason.

    Equal weights or metrics under several seeds, and equal wall times whatever the settings, do
    not happen by chance. A run that is there twice as it is (in ``results`` and in a submission)
    is no copy in this sense.

    Args:
        runs: :class:`~colllm_bench.leaderboard.data.run_reader.Run`, in the order of seeds.
    """
    first: dict[tuple[str, str], int] = {}
    copied: dict[int, str] = {}
    for k, run in enumerate(runs):
        for what, digest in _fingerprints(run.path).items():
            original = runs[first.setdefault((what, digest), k)]
            moved = run.seed != original.seed
            if moved or (what == "timing" and _identity(run) != _identity(original)):
                how = f"seed {original.seed}" if moved else "other settings"
                copied.setdefault(k, f"a copy: its {what} are those of {original.path}, {how}")
    return copied


def _identity(run: Any) -> tuple[str, str, str]:
    return run.env, run.algo, run.settings


def _fingerprints(path: Path) -> dict[str, str]:
    """SHA-256 of what no two trainings share, by what it is; only of what is there."""
    weights = sorted(path.glob("team/*/*.safetensors"))
    parts = {"weights": weights, "metrics": [path / "metrics.jsonl"],
             "timing": [path / "timing.jsonl"]}
    prints = {}
    for what, paths in parts.items():
        digest, size = hashlib.sha256(), 0
        for file in paths:
            data = file.read_bytes() if file.is_file() else b""
            digest.update(data)
            size += len(data)
        if size:
            prints[what] = digest.hexdigest()
    return prints
