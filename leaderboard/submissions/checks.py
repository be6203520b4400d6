"""Every check of a submission that plays nothing: whether its parts agree with each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from colllm_bench.config import RunConfig
from colllm_bench.errors import ColllmError
from colllm_bench.leaderboard.data.run_reader import PACE, short_name
from colllm_bench.leaderboard.submissions import schema
from colllm_bench.leaderboard.submissions.differences import describe_differences
from colllm_bench.leaderboard.submissions.document import DOCUMENT, TeamResults, check_type
from colllm_bench.leaderboard.submissions.reading import Submission, read_json
from colllm_bench.leaderboard.submissions.strict_json import InvalidSubmission, digest_of, sha256
from colllm_bench.leaderboard.submissions.training_record import record_faults
from colllm_bench.runs import files

ROUNDING = 1e-6
"""Relative difference that recomputed intervals may have: versions of scipy, and the expansion
that was used in its place before, round the quantiles of Student's t differently."""


def check_submission(submission: Submission) -> list[str]:
    """The faults of a submission, a line each; empty if its parts agree."""
    return list(_faults(submission))


def _faults(submission: Submission) -> Iterator[str]:
    data = submission.data
    body = {key: value for key, value in data.items() if key != "digest"}
    if digest_of(body) != data["digest"]:
        yield f"{DOCUMENT} was edited: its digest is not that of its content"
    for name, entry in data["files"].items():
        if sha256(submission.folder / name) != entry["sha256"]:
            yield f"{name} is not the file that was submitted: its SHA-256 differs"
    yield from _seed_faults(data)
    yield from _setting_faults(submission)
    for run in data["runs"]:
        yield from _run_faults(submission, run)
    yield from _result_faults(data)


def _seed_faults(data: dict[str, Any]) -> Iterator[str]:
    played, seeds = [run["seed"] for run in data["runs"]], data["seeds"]
    missing = [seed for seed in seeds if seed not in set(played)]
    extra = [seed for seed in played if seed not in set(seeds)]
    if missing:
        yield f"seed {missing[0]} is missing: it is among the seeds, and has no run"
    elif extra or len(set(played)) < len(played):
        yield "there are runs of other seeds than those named, or a seed is there twice"
    fault = schema.missing_seed(seeds, seeds if data["declared"] else None)
    if fault:
        yield fault


def _setting_faults(submission: Submission) -> Iterator[str]:
    """The settings against the seeds' own, and against what the document says of them."""
    from colllm_bench import __version__

    data, first = submission.data, submission.configs[submission.data["runs"][0]["seed"]]
    if _complete(data["config"]):
        digest = RunConfig(**data["config"]).digest
        if digest != data["config_digest"]:
            yield (f"the settings were changed: their digest is {digest}, not "
                   f"{data['config_digest'][:40]}")
    shared = _without_pace(RunConfig(**data["config"]))
    for seed, config in submission.configs.items():
        yield from describe_differences(
            shared, _without_pace(config), f"seed{seed}/config.json: ", "the submission says"
        )
    for name, claimed, actual in (
        ("env", data["env"], _env_id(first.env)),
        ("algo", data["algo"], short_name(first.algo)),
        ("agents", data["agents"], first.agents),
        ("base.model", data["base"]["model"], first.model),
    ):
        if claimed != actual:
            yield f"{name} says {claimed!r}, the settings {actual!r}"
    if data["evaluation"]["split"] != "eval":
        yield (f"evaluated on the split {data['evaluation']['split'][:40]!r}, the development's: "
               "a submission counts on held-out tasks (eval) alone")
    else:
        yield from describe_differences(
            schema.evaluation_of(first.to_dict()), data["evaluation"], "evaluation.",
            "the settings say",
        )
    if data["colllm_bench"] != __version__:
        yield (f"made with colllm_bench {data['colllm_bench'][:40]}, and this is {__version__}: "
               "verify it with that version")


def _without_pace(config: RunConfig) -> dict[str, Any]:
    """The settings that decide what is learned."""
    return {key: value for key, value in config.to_dict().items() if key not in PACE}


def _env_id(name: str) -> str:
    from colllm_bench import registry

    try:
        return registry.env_spec(name).id
    except ColllmError as error:
        return str(error)


def _complete(config: dict[str, Any]) -> bool:
    """Whether the settings have every field of this version: else the digest is of fewer."""
    return {field.name for field in dataclasses.fields(RunConfig)} - {"seed"} <= config.keys()


def _run_faults(submission: Submission, run: dict[str, Any]) -> Iterator[str]:
    """A run's files against the document, and its summary against its own episodes."""
    seed = run["seed"]
    try:
        for key in ("environment", "summary"):
            kept = read_json(submission.folder, f"seed{seed}/{key}.json")
            yield from describe_differences(
                kept, run[key], f"runs, seed {seed}: {key}.", "its file says"
            )
        recorded = read_json(submission.folder, f"seed{seed}/config.json")
    except InvalidSubmission as reason:
        yield str(reason)
        return
    if _complete(recorded["config"]) and recorded.get("digest") != submission.configs[seed].digest:
        yield (f"seed{seed}/config.json: the settings were changed: their digest is "
               f"{submission.configs[seed].digest}, not {str(recorded.get('digest'))[:40]}")
    if recorded.get("version") != submission.data["colllm_bench"]:
        yield f"seed{seed}/config.json is of version {str(recorded.get('version'))[:40]}"
    yield from _adapter_faults(submission, seed)
    yield from _summary_faults(submission, run)
    yield from record_faults(submission, seed)


def _adapter_faults(submission: Submission, seed: int) -> Iterator[str]:
    """What the adapters say of themselves, against the settings."""
    config = submission.configs[seed]
    if config.tuning != "lora":
        return
    for agent in submission.agents:
        where = f"seed{seed}/team/{agent}/adapter_config.json"
        try:
            adapter = read_json(submission.folder, where)
        except InvalidSubmission as reason:
            yield str(reason)
            continue
        recorded = {key: adapter.get(key) for key in ("r", "lora_alpha")} if isinstance(
            adapter, dict) else {}
        yield from describe_differences(
            {"r": config.lora_rank, "lora_alpha": config.lora_alpha}, recorded, f"{where}: ",
            "the settings say",
        )


def _summary_faults(submission: Submission, run: dict[str, Any]) -> Iterator[str]:
    from colllm_bench.evaluation.held_out import summarize_teams

    seed, summary = run["seed"], run["summary"]
    config = submission.configs[seed]
    try:
        _check_held_out(summary.get("held_out"), config.eval_episodes)
        check_type(summary.get("parameters"), dict[str, int], "parameters")
        if not summary["parameters"]:
            raise InvalidSubmission("summary lacks its parameters")
    except InvalidSubmission as reason:
        yield f"seed {seed}: {reason}"
        return
    expected = files.plain(summarize_teams(config, summary["held_out"]))
    expected |= {"parameters": summary["parameters"]}
    if isinstance(summary.get("provenance"), dict):  # the environment's own, of the jail and data
        expected["provenance"] = summary["provenance"]
    yield from describe_differences(
        expected, summary, f"seed {seed}: ", "its own episodes give", relative=ROUNDING
    )


def _check_held_out(teams: Any, episodes: int) -> None:
    """The bare results of every team: whole, and as many as were to be played."""
    if not isinstance(teams, dict) or not {"trained", "untrained"} <= teams.keys():
        raise InvalidSubmission("held_out lacks the trained or the untrained team")
    for name, team in teams.items():
        if name not in ("trained", "untrained", "random", "scripted"):
            raise InvalidSubmission(f"held_out has a team {name[:40]!r}")
        check_type(team, TeamResults, f"held_out.{name}")
        for key in ("returns", "successes", "turns"):
            if team[key] is not None and len(team[key]) != episodes:
                raise InvalidSubmission(
                    f"held_out has {len(team[key])} {key} of {name}, not {episodes}"
                )


def _result_faults(data: dict[str, Any]) -> Iterator[str]:
    try:
        expected = schema.result_of([run["summary"] for run in data["runs"]])
    except (AttributeError, KeyError, TypeError, ValueError):
        return  # the summaries' own faults say more
    yield from describe_differences(
        expected, data["result"], "result.", "its runs give", relative=ROUNDING
    )
