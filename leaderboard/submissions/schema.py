"""Writes a submission: finished runs of one configuration that others can play again.

A folder with one document and the trained teams::

    NAME/
      submission.json
      seed0/
        config.json  environment.json  metrics.jsonl  timing.jsonl  summary.json
        team/front_1/adapter_config.json
        team/front_1/adapter_model.safetensors
      seed1/ ...

Every ``seedK`` is a run folder, without checkpoints and logs, so that ``leaderboard build`` reads a
submission as it reads ``results``. It holds no pickles and no code.

:mod:`~colllm_bench.leaderboard.submissions.document` has the fields of ``submission.json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from colllm_bench import registry
from colllm_bench.envs.centralized_execution import MASTER
from colllm_bench.errors import ConfigError
from colllm_bench.leaderboard.data.run_reader import PACE, ExcludedRun, Run, read_run
from colllm_bench.leaderboard.statistics import held_out_tasks
from colllm_bench.leaderboard.submissions.base_model import base_files
from colllm_bench.leaderboard.submissions.document import SCHEMA
from colllm_bench.leaderboard.submissions.strict_json import digest_of, sha256

OF_A_RUN = ("config.json", "environment.json", "metrics.jsonl", "timing.jsonl", "summary.json")
"""What a submission keeps of a run folder, beside its team."""
OF_AN_AGENT = {
    "lora": ("adapter_config.json", "adapter_model.safetensors"),
    "full": ("model.safetensors",),
}
"""What it keeps of each agent's folder, by ``tuning``. Tokenizers come with the base model."""
BLOCK = 10
"""Declared seeds begin at a multiple of it."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def read_runs(folders: Sequence[str | Path]) -> list[Run]:
    """The runs of a submission, by seed.

    Args:
        folders: run folders, or folders whose ``seedK`` are runs.

    Raises:
        ConfigError: one is no finished run, a seed in their folder is not among them, or they
            are not of one configuration and version.
    """
    paths: list[Path] = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise ConfigError(f"{folder} is no folder", allowed="run folders", fix="check the path")
        seeds = sorted(folder.glob("seed*"), key=lambda path: (len(path.name), path.name))
        paths += [folder] if (folder / "config.json").exists() or not seeds else seeds
    runs = []
    for path in paths:
        outcome = read_run(path)
        if isinstance(outcome, ExcludedRun):
            raise ConfigError(
                f"{path} cannot be submitted: {outcome.reason}", fix="finish it first"
            )
        runs.append(outcome)
    _require_one_kind(runs)
    submitted = {run.path.resolve() for run in runs}
    for run in runs:
        for beside in sorted(run.path.resolve().parent.glob("seed*")):
            if beside not in submitted and (beside / "config.json").exists():
                raise ConfigError(
                    f"{beside.name} is beside {run.path.name} and is not submitted",
                    allowed="all seeds of a run", fix=f"submit {run.path.parent}",
                )
    return sorted(runs, key=lambda run: run.seed)


def _require_one_kind(runs: Sequence[Run]) -> None:
    first = runs[0]
    for run in runs[1:]:
        if run.version != first.version:
            raise ConfigError(f"{run.path} is of version {run.version}, {first.path} of "
                              f"{first.version}", fix="submit runs of one version")
        if run.settings != first.settings:
            names = sorted(
                key for key in run.config.keys() | first.config.keys()
                if key not in PACE and run.config.get(key) != first.config.get(key)
            )
            raise ConfigError(
                f"{run.path} has other settings than {first.path}: {', '.join(names)}",
                fix="submit runs that differ in their seed alone",
            )
    seeds = [run.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"a seed twice: {', '.join(map(str, sorted(seeds)))}")


def missing_seed(seeds: Sequence[int], declared: Sequence[int] | None = None) -> str | None:
    """The fault of a submission's seeds, or None.

    Without a declaration they are 0 to n - 1. Declared ones are consecutive and begin at a
    multiple of :data:`BLOCK`, so that a bad one can be dropped neither from their middle nor
    from their beginning: 0 cannot become "declared 1:3".
    """
    if len(set(seeds)) < len(seeds) or not seeds:
        return "a seed is there twice" if seeds else "there are no seeds"
    if declared is None:
        wanted = list(range(len(seeds)))
    else:
        wanted = sorted(declared)
        gap = _first_missing(wanted, range(wanted[0], wanted[0] + len(wanted)))
        if gap is not None:
            return f"the declared seeds {_listed(wanted)} leave out {gap}"
        if wanted[0] % BLOCK:
            return (f"seed {wanted[0] - wanted[0] % BLOCK} is missing: declared seeds begin at 0, "
                    f"{BLOCK}, {2 * BLOCK}, ..., not at {wanted[0]}, where earlier ones could have "
                    "been dropped")
    missing = _first_missing(seeds, wanted)
    if missing is not None:
        return f"seed {missing} is missing: the seeds are {_listed(sorted(seeds))}"
    more = _first_missing(wanted, seeds)
    return None if more is None else f"seed {more} is one too many: declared are {_listed(wanted)}"


def _first_missing(seeds: Sequence[int], wanted: Iterable[int]) -> int | None:
    there = set(seeds)
    return next((seed for seed in wanted if seed not in there), None)


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds[:20])) + (", ..." if len(seeds) > 20 else "")


def document(
    runs: Sequence[Run], *, name: str, by: str = "", note: str = "",
    declared: Sequence[int] | None = None,
) -> dict[str, Any]:
    """The fields of ``submission.json``, without ``files`` and ``digest``.

    Raises:
        ConfigError: something that others could not play again: see :func:`require_playable`.
    """
    first = runs[0]
    config = {key: value for key, value in first.config.items() if key != "seed"}
    require_playable(config)
    seeds = [run.seed for run in runs]
    wrong = missing_seed(seeds, declared)
    if wrong:
        raise ConfigError(wrong, allowed="seeds 0 to n - 1, or those of --seeds",
                          fix="train it, or declare the seeds that you meant: --seeds "
                              f"{BLOCK}:{BLOCK + 5}")
    return {
        "schema": SCHEMA,
        "name": name,
        "by": by,
        "note": note,
        "colllm_bench": first.version,
        "env": registry.env_spec(config["env"]).id,
        "algo": first.algo,
        "execution": execution(first),
        "agents": first.agents,
        "config": config,
        "config_digest": first.digest,
        "seeds": seeds,
        "declared": declared is not None,
        "evaluation": evaluation_of(config),
        "base": {
            "model": config["model"],
            "files": base_files(
                config["model"], config["env"], central=execution(first) == "centralized"
            ),
        },
        "runs": [
            {"seed": run.seed, "environment": run.environment, "summary": run.summary}
            for run in runs
        ],
        "result": result_of([run.summary for run in runs]),
    }


def require_playable(config: dict[str, Any]) -> None:
    """Refuse settings with which others would have to run code, or would lack a file.

    Raises:
        ConfigError: an environment of one's own that no package registers, an option that opens a
            file, loads a model or weakens a jail, a chat template in a file beside the model.
    """
    if ":" in config["env"]:
        raise ConfigError(
            f"environment {config['env']!r} is code that no verifier runs",
            allowed="an environment under a name: built in, or of a package (docs/submissions.md)",
        )
    for option, allowed in registry.env_spec(config["env"]).guarded_options.items():
        value = config["env_options"].get(option, allowed[0])
        if value not in allowed:
            raise ConfigError(
                f"env_options: {option} is {value!r:.60}, which no verifier opens or runs",
                allowed=", ".join("not given" if x is None else str(x) for x in allowed),
            )
    if config.get("chat_template"):
        raise ConfigError(
            f"chat_template {config['chat_template']!r} is a file that others do not have",
            fix="put the template into the model's tokenizer (save_pretrained), and train with it",
        )


def execution(run: Run) -> str:
    """Whether one controller writes all actions, by the names of the trained agents."""
    central = run.agents > 1 and agents_of(run.path) == [MASTER]
    return "centralized" if central else "decentralized"


def agents_of(run: Path) -> list[str]:
    """Names of a run's trained agents. Raises ConfigError if there are none."""
    folder = run / "team"
    names = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    if not names:
        raise ConfigError(
            f"{run} has no trained team beside its summary", allowed=f"{folder}/AGENT",
            fix="train it again: the team is what others verify",
        )
    # front_10 comes after front_9.
    return sorted(names, key=lambda name: [int(x) if x.isdigit() else x
                                           for x in re.split(r"(\d+)", name)])


def evaluation_of(config: dict[str, Any]) -> dict[str, Any]:
    """How the held-out tasks were played."""
    return {"split": config.get("eval_split", "eval"), "episodes": config["eval_episodes"],
            "batch": config["batch"], "temperature": config["temperature"]}


def result_of(summaries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The trained teams over the runs: the normalized score, or the return where there is none."""
    measure = "score" if all("trained" in summary["score"] for summary in summaries) else "return"
    values = [summary[measure]["trained"]["mean"] for summary in summaries]
    estimate = held_out_tasks.over_runs(summaries, measure)
    return {"measure": measure, "values": values, "mean": estimate.value, "low": estimate.low,
            "high": estimate.high}


def contents(config: dict[str, Any], seeds: Sequence[int], agents: Sequence[str]) -> list[str]:
    """Paths of all files that belong into a submission beside its document."""
    return [
        f"seed{seed}/{name}"
        for seed in seeds
        for name in (*OF_A_RUN, *(f"team/{agent}/{file}" for agent in agents
                                  for file in OF_AN_AGENT[config["tuning"]]))
    ]


def with_digests(body: dict[str, Any], folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """The document with the digests of its files and of itself."""
    body = dict(body)
    body["files"] = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)}
        for name in sorted(names)
    }
    return {**body, "digest": digest_of(body)}
