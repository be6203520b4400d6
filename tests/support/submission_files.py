"""What the tests of submissions do to the files of one."""

from __future__ import annotations

import json

from colllm_bench.config import RunConfig
from colllm_bench.evaluation.held_out import summarize_teams
from colllm_bench.leaderboard.submissions import schema
from colllm_bench.leaderboard.verify import verify
from colllm_bench.runs import files


def load(folder, name="submission.json"):
    return json.loads((folder / name).read_text())


def save(folder, data, name="submission.json"):
    (folder / name).write_text(json.dumps(data))


def seal(folder, data):
    """Write the document with digests that fit: what a forger who knows the format does."""
    body = {key: value for key, value in data.items() if key not in ("digest", "files")}
    save(folder, schema.with_digests(body, folder, list(data["files"])))


def tell_everywhere(folder, data, seed):
    """A run's held-out results made consistent: summary, its file, and the result over runs."""
    run = next(run for run in data["runs"] if run["seed"] == seed)
    config = RunConfig(**data["config"], seed=seed)
    counts = run["summary"]["parameters"]
    summary = summarize_teams(config, run["summary"]["held_out"]) | {"parameters": counts}
    run["summary"] = files.plain(summary)
    save(folder, run["summary"], f"seed{seed}/summary.json")
    data["result"] = schema.result_of([run["summary"] for run in data["runs"]])
    seal(folder, data)


def change_setting(folder, data, **changes):
    """A setting changed in the document and in every seed's config.json, digests included."""
    data["config"].update(changes)
    data["config_digest"] = RunConfig(**data["config"]).digest
    data["evaluation"] = schema.evaluation_of(data["config"])
    for run in data["runs"]:
        kept = load(folder, f"seed{run['seed']}/config.json")
        kept["config"].update(changes)
        kept["digest"] = data["config_digest"]
        save(folder, kept, f"seed{run['seed']}/config.json")
    seal(folder, data)


def refused(folder, *reasons, **given):
    report = verify(folder, given)
    text = "\n".join(report["refusals"])
    assert report["verdict"] == "refused", "it was taken"
    for reason in reasons:
        assert reason in text, text
    return text
