"""Reading a submission that a stranger made: what cannot be read safely is refused.

Nothing that a submission names is imported, fetched, or opened outside its folder. Whether
what it says fits together is another question: :mod:`colllm_bench.leaderboard.submissions.checks`.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from colllm_bench.config import RunConfig
from colllm_bench.errors import ColllmError
from colllm_bench.leaderboard.submissions import schema
from colllm_bench.leaderboard.submissions.strict_json import (
    JSON_LIMIT,
    MIB,
    Refused,
    listing,
    parse_json,
    read_bytes,
)

LIMITS = {
    "submission.json": JSON_LIMIT, "config.json": MIB, "environment.json": MIB,
    "summary.json": JSON_LIMIT, "adapter_config.json": MIB, "metrics.jsonl": 256 * MIB,
    "timing.jsonl": 256 * MIB, "adapter_model.safetensors": 1024 * MIB,
    "model.safetensors": 8192 * MIB, "README.md": MIB,
}
"""Longest file of each name, in bytes."""
WHOLE_LIMIT = 64 * 1024 * MIB
FREE = frozenset({schema.DOCUMENT, "README.md"})
"""Files at the top that the document does not list."""
SHAPE: dict[str, Any] = {
    "schema": int, "name": str, "by": str, "note": str, "colllm_bench": str, "env": str,
    "algo": str, "execution": str, "agents": int, "config": dict, "config_digest": str,
    "seeds": list, "declared": bool, "evaluation": dict, "base": dict, "runs": list,
    "result": dict, "files": dict, "digest": str,
}
RANGES = {
    "agents": (1, 256), "eval_episodes": (1, 10_000), "batch": (1, 4096),
    "episodes": (1, 10**9), "max_action_tokens": (1, 8192), "lora_rank": (1, 1024),
    "temperature": (1e-6, 100.0), "threads": (0, 1024), "lora_alpha": (1e-6, 1e6),
}
"""What a stranger's settings may cost whoever plays them."""
CHOICES = {
    "tuning": ("lora", "full"), "share": ("none", "all", "role"),
    "dtype": ("auto", "float32", "bfloat16"),
}


@dataclass(frozen=True)
class Submission:
    """A submission that was read.

    Attributes:
        folder: where it lies.
        data: the document.
        configs: each seed's settings, from its ``config.json``.
        agents: names of the trained agents.
    """

    folder: Path
    data: dict[str, Any]
    configs: dict[int, RunConfig]
    agents: list[str]

    def team(self, seed: int) -> Path:
        return self.folder / f"seed{seed}" / "team"

    def run(self, seed: int) -> dict[str, Any]:
        """What the document says of a seed."""
        return next(run for run in self.data["runs"] if run["seed"] == seed)


def read(path: str | Path) -> Submission:
    """A submission, from its folder or its ``submission.json``.

    Raises:
        Refused: with the reason, if it cannot be read as one.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    if not path.is_dir() and path.name != schema.DOCUMENT:
        raise Refused(f"{path.name} is no {schema.DOCUMENT}: a submission is a folder "
                      "(unpack an archive first)")
    if not (folder / schema.DOCUMENT).exists():
        raise Refused(f"no {schema.DOCUMENT} in {folder}")
    sizes = listing(folder)
    _check_sizes(sizes)
    data = parse_json(
        read_bytes(folder / schema.DOCUMENT, schema.DOCUMENT, JSON_LIMIT),
        schema.DOCUMENT,
    )
    _check_shape(data)
    config = _config(data["config"], data["runs"][0]["seed"], "config")
    agents = _agents(data, config)
    _check_names(data, config, agents, sizes)
    seeds = [run["seed"] for run in data["runs"]]
    configs = {seed: _config_of(folder, seed) for seed in seeds}
    return Submission(folder, data, configs, agents)


def _config_of(folder: Path, seed: int) -> RunConfig:
    """The settings in a seed's ``config.json``."""
    where = f"seed{seed}/config.json"
    data = read_json(folder, where)
    config = data.get("config") if isinstance(data, dict) else None
    if not isinstance(config, dict) or type(config.get("seed")) is not int:
        raise Refused(f"{where} is no config.json of a run")
    if config["seed"] != seed:
        raise Refused(f"{where} is of seed {config['seed']}")
    return _config({k: v for k, v in config.items() if k != "seed"}, seed, where)


def read_json(folder: Path, name: str) -> Any:
    """A JSON file of a submission. Raises Refused if it cannot be taken."""
    return parse_json(read_bytes(folder / name, name, LIMITS[name.rpartition("/")[2]]), name)


def _check_sizes(sizes: dict[str, int]) -> None:
    for name, size in sizes.items():
        limit = LIMITS.get(name.rpartition("/")[2])
        if limit is not None and size > limit:
            raise Refused(f"{name} has {size} bytes; at most {limit} are taken")
    if sum(sizes.values()) > WHOLE_LIMIT:
        raise Refused(f"{sum(sizes.values())} bytes in all; at most {WHOLE_LIMIT} are taken")


def _check_shape(data: Any) -> None:
    """The document's fields, each of its kind."""
    if not isinstance(data, dict) or "schema" not in data:
        raise Refused(f"{schema.DOCUMENT} has no 'schema': not a submission of colllm_bench")
    if type(data["schema"]) is not int or data["schema"] != schema.SCHEMA:
        raise Refused(f"schema {data['schema']!r}: this version reads schema {schema.SCHEMA}")
    _require_fields(data, SHAPE, schema.DOCUMENT)
    _require_fields(data["evaluation"], {"split": str, "episodes": int, "batch": int,
                                         "temperature": float}, "evaluation")
    _require_fields(data["base"], {"model": str, "files": dict}, "base")
    if not data["runs"] or len(data["runs"]) > 1000:
        raise Refused(f"{len(data['runs'])} runs; allowed: 1 to 1000")
    for k, run in enumerate(data["runs"]):
        _require_fields(run, {"seed": int, "environment": dict, "summary": dict}, f"runs[{k}]")
        if not 0 <= run["seed"] < 2**63:
            raise Refused(f"runs[{k}] has the seed {run['seed']}")
    if not data["seeds"] or any(type(seed) is not int for seed in data["seeds"]):
        raise Refused("seeds is no list of whole numbers")
    for name, entry in data["files"].items():
        _require_fields(entry, {"bytes": int, "sha256": str}, f"files[{name!r}]")
    if not schema.NAME.fullmatch(data["name"]):
        raise Refused(f"the name {data['name'][:80]!r} is no folder name")
    for key in ("by", "note", "env", "algo"):
        if len(data[key]) > 2000 or not data[key].isprintable():
            raise Refused(f"{key} is no line of at most 2000 characters")


def _require_fields(data: Any, shape: dict[str, Any], where: str) -> None:
    if not isinstance(data, dict):
        raise Refused(f"{where} is no object")
    for key, kind in shape.items():
        if key not in data:
            raise Refused(f"{where} lacks {key!r}")
        if not is_of(data[key], kind):
            raise Refused(f"{key} in {where} is {data[key]!r:.60}, no {kind.__name__}")
    more = sorted(data.keys() - shape.keys())
    if more:
        raise Refused(f"{where} has {more[0][:60]!r}, which this version does not know")


def is_of(value: Any, kind: type) -> bool:
    """Whether a value of JSON is of a kind; a whole number is a float too, true is no number."""
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is kind


def _config(given: dict[str, Any], seed: int, where: str) -> RunConfig:
    """The settings, each of its kind and within what a verifier can afford."""
    hints = get_type_hints(RunConfig)
    known = {field.name: field for field in fields(RunConfig) if field.name != "seed"}
    more = sorted(given.keys() - known.keys())
    if more:
        raise Refused(f"{where} has {more[0][:60]!r}, which this version does not know")
    for name, field in known.items():
        if name not in given:
            if field.default is MISSING and name != "env_options":
                raise Refused(f"{where} lacks {name!r}")
            continue  # a setting that came later than the run: it had its default
        kinds = [kind for kind in (int, float, str, bool) if kind.__name__ in str(hints[name])]
        value = given[name]
        plain = value is None and "None" in str(hints[name])
        if name == "env_options":
            plain = isinstance(value, dict) and all(
                isinstance(item, (str, int, float, bool)) for item in value.values()
            )
        if not plain and not any(is_of(value, kind) for kind in kinds):
            raise Refused(f"{where}: {name} is {value!r:.60}")
    for name, (low, high) in RANGES.items():
        value = given.get(name)
        if value is not None and not low <= value <= high:
            raise Refused(f"{where}: {name} is {value}; allowed: {low} to {high}")
    for name, allowed in CHOICES.items():
        if name in given and given[name] not in allowed:
            raise Refused(f"{where}: {name} is {given[name]!r}; allowed: {', '.join(allowed)}")
    if "split" in given.get("env_options", {}):
        raise Refused(f"env_options choose the split {given['env_options']['split']!r}: held-out "
                      "tasks are for all the same")
    try:
        schema.require_playable(given)
    except ColllmError as error:
        raise Refused(str(error)) from None
    return RunConfig(**given, seed=seed)


def _agents(data: dict[str, Any], config: RunConfig) -> list[str]:
    """Names of the trained agents: the environment says them, not the submission."""
    from colllm_bench.environments import make_env

    if data["execution"] not in ("decentralized", "centralized"):
        raise Refused(f"execution {data['execution']!r:.60}; allowed: decentralized, centralized")
    try:
        env = make_env(playable(config, data["execution"]), split="eval")
    except ColllmError as error:
        raise Refused(f"its environment cannot be made: {error}") from None
    names = list(env.possible_agents)
    env.close()
    return names


def playable(config: RunConfig, execution: str) -> RunConfig:
    """The settings to play with: a stranger's algorithm is not needed, and never loaded."""
    return config.replace(algo="central" if execution == "centralized" else "mc")


def _check_names(
    data: dict[str, Any], config: RunConfig, agents: list[str], sizes: dict[str, int]
) -> None:
    """The files are those that belong there: none missing, none beside them."""
    wanted = set(schema.contents(config.to_dict(), [r["seed"] for r in data["runs"]], agents))
    for name in data["files"]:
        if name not in wanted:
            raise Refused(f"files names {name[:120]!r}, which is no file of a submission")
    for name in sorted(wanted - data["files"].keys()):
        raise Refused(f"files lacks {name}")
    for name in sorted(sizes.keys() - wanted - FREE):
        raise Refused(f"{name[:120]!r} lies in the folder, and is no file of a submission")
    for name in sorted(wanted - sizes.keys()):
        raise Refused(f"{name} is missing")
