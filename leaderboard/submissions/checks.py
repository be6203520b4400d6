"""What a submission says, held against itself: every check that needs no play."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from colllm_bench import files
from colllm_bench.config import RunConfig
from colllm_bench.errors import ColllmError
from colllm_bench.leaderboard.data.run_reader import PACE, short_name
from colllm_bench.leaderboard.submissions import schema
from colllm_bench.leaderboard.submissions.differences import difference
from colllm_bench.leaderboard.submissions.reading import Submission, is_of, read_json
from colllm_bench.leaderboard.submissions.strict_json import Refused, digest_of, sha256


def faults(found: Submission) -> list[str]:
    """What does not fit, one reason each; empty if all fits."""
    return list(_faults(found))


def _faults(found: Submission) -> Iterator[str]:
    data = found.data
    body = {key: value for key, value in data.items() if key != "digest"}
    if digest_of(body) != data["digest"]:
        yield f"{schema.DOCUMENT} was edited: its digest is not that of its content"
    for name, entry in data["files"].items():
        if sha256(found.folder / name) != entry["sha256"]:
            yield f"{name} is not the file that was submitted: its SHA-256 differs"
    yield from _seed_faults(data)
    yield from _setting_faults(found)
    for run in data["runs"]:
        yield from _run_faults(found, run)
    yield from _result_faults(data)


def _seed_faults(data: dict[str, Any]) -> Iterator[str]:
    played, seeds = [run["seed"] for run in data["runs"]], data["seeds"]
    lacking, more = ([x for x in a if x not in set(b)] for a, b in ((seeds, played),
                                                                    (played, seeds)))
    wrong = schema.missing_seed(seeds, seeds if data["declared"] else None)
    if lacking:
        yield f"seed {lacking[0]} is missing: it is among the seeds, and has no run"
    elif more or len(set(played)) < len(played):
        yield "there are runs of other seeds than those named, or a seed is there twice"
    if wrong:
        yield wrong


def _setting_faults(found: Submission) -> Iterator[str]:
    """The settings against the seeds' own, and against what the document says of them."""
    from colllm_bench import __version__

    data, first = found.data, found.configs[found.data["runs"][0]["seed"]]
    if _complete(data["config"]) and _digest(data["config"]) != data["config_digest"]:
        yield (f"the settings were changed: their digest is {_digest(data['config'])}, not "
               f"{data['config_digest'][:40]}")
    for seed, config in found.configs.items():
        own, wanted = config.to_dict(), RunConfig(**data["config"]).to_dict()
        for settings in (own, wanted):
            for name in PACE:
                settings.pop(name, None)
        yield from difference(wanted, own, f"seed{seed}/config.json: ", "the submission says")
    for name, said, is_ in (
        ("env", data["env"], _env_id(first.env)),
        ("algo", data["algo"], short_name(first.algo)),
        ("agents", data["agents"], first.agents),
        ("base.model", data["base"]["model"], first.model),
    ):
        if said != is_:
            yield f"{name} says {said!r}, the settings {is_!r}"
    if data["evaluation"]["split"] != "eval":
        yield (f"evaluated on the split {data['evaluation']['split'][:40]!r}, the development's: "
               "a submission counts on held-out tasks (eval) alone")
    else:
        yield from difference(schema.evaluation_of(first.to_dict()), data["evaluation"],
                              "evaluation.", "the settings say")
    if data["colllm_bench"] != __version__:
        yield (f"made with colllm_bench {data['colllm_bench'][:40]}, and this is {__version__}: "
               "verify it with that version")


def _env_id(name: str) -> str:
    from colllm_bench import registry

    try:
        return registry.env_spec(name).id
    except ColllmError as error:
        return str(error)


def _digest(config: dict[str, Any]) -> str:
    return RunConfig(**config).digest


def _complete(config: dict[str, Any]) -> bool:
    """Whether the settings have every field of this version: else the digest is of fewer."""
    return {field.name for field in dataclasses.fields(RunConfig)} - {"seed"} <= config.keys()


def _run_faults(found: Submission, run: dict[str, Any]) -> Iterator[str]:
    """A run's files against the document, and its summary against its own episodes."""
    seed = run["seed"]
    try:
        for key in ("environment", "summary"):
            kept = read_json(found.folder, f"seed{seed}/{key}.json")
            yield from difference(kept, run[key], f"runs, seed {seed}: {key}.", "its file says")
        recorded = read_json(found.folder, f"seed{seed}/config.json")
    except Refused as reason:
        yield str(reason)
        return
    if _complete(recorded["config"]) and recorded.get("digest") != found.configs[seed].digest:
        yield (f"seed{seed}/config.json: the settings were changed: their digest is "
               f"{found.configs[seed].digest}, not {str(recorded.get('digest'))[:40]}")
    if recorded.get("version") != found.data["colllm_bench"]:
        yield f"seed{seed}/config.json is of version {str(recorded.get('version'))[:40]}"
    yield from _adapter_faults(found, seed)
    yield from _summary_faults(found, run)
    yield from _metrics_faults(found, seed)


def _adapter_faults(found: Submission, seed: int) -> Iterator[str]:
    """What the adapters say of themselves, against the settings."""
    config = found.configs[seed]
    if config.tuning != "lora":
        return
    for agent in found.agents:
        where = f"seed{seed}/team/{agent}/adapter_config.json"
        try:
            adapter = read_json(found.folder, where)
        except Refused as reason:
            yield str(reason)
            continue
        own = {key: adapter.get(key) for key in ("r", "lora_alpha")} if isinstance(
            adapter, dict) else {}
        yield from difference({"r": config.lora_rank, "lora_alpha": config.lora_alpha}, own,
                              f"{where}: ", "the settings say")


def _summary_faults(found: Submission, run: dict[str, Any]) -> Iterator[str]:
    from colllm_bench.evaluation import summarize_teams

    seed, summary, config = run["seed"], run["summary"], found.configs[run["seed"]]
    teams = summary.get("held_out")
    wrong = _teams_fault(teams, config.eval_episodes)
    if wrong:
        yield f"seed {seed}: held_out {wrong}"
        return
    counts = summary.get("parameters")
    if not isinstance(counts, dict) or {type(x) for x in counts.values()} != {int}:
        yield f"seed {seed}: summary lacks its parameters"
        return
    again = files.plain(summarize_teams(config, teams)) | {"parameters": counts}
    yield from difference(again, summary, f"seed {seed}: ", "its own episodes give")


def _teams_fault(teams: Any, episodes: int) -> str | None:
    """What is wrong with the bare results, in words."""
    if not isinstance(teams, dict) or not {"trained", "untrained"} <= teams.keys():
        return "lacks the trained or the untrained team"
    for name, team in teams.items():
        if name not in ("trained", "untrained", "random", "scripted"):
            return f"has a team {name[:40]!r}"
        if not isinstance(team, dict) or team.keys() != {"returns", "successes", "turns",
                                                         "invalid"}:
            return f"has other results of {name} than returns, successes, turns, invalid"
        for key, kind in (("returns", float), ("successes", int), ("turns", int)):
            values = team[key]
            if values is None and key == "successes":
                continue
            if not isinstance(values, list) or not all(is_of(value, kind) for value in values):
                return f"has {key} of {name} that are no numbers"
            if len(values) != episodes:
                return f"has {len(values)} {key} of {name}, not {episodes}"
        if not is_of(team["invalid"], float):
            return f"has no share of invalid actions of {name}"
    return None


def _metrics_faults(found: Submission, seed: int) -> Iterator[str]:
    """The training's lines against the settings: as many, of as many episodes."""
    config = found.configs[seed]
    rows = files.read_lines(found.folder / f"seed{seed}" / "metrics.jsonl")
    if len(rows) != config.iterations:
        yield f"seed {seed}: metrics.jsonl has {len(rows)} whole lines, not {config.iterations}"
    for k, row in enumerate(rows):
        if (row.get("iteration"), row.get("episodes")) != (k, (k + 1) * config.batch):
            yield f"seed {seed}: line {k + 1} of metrics.jsonl is of another batch or iteration"
            return


def _result_faults(data: dict[str, Any]) -> Iterator[str]:
    try:
        again = schema.result_of([run["summary"] for run in data["runs"]])
    except (KeyError, TypeError):
        return  # the summaries' own faults say more
    yield from difference(again, data["result"], "result.", "its runs give")
