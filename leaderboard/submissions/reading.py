"""Reads a submission that a stranger made, or refuses it.

Nothing that a submission names is imported, fetched, or opened outside its folder.
:mod:`colllm_bench.leaderboard.submissions.checks` then compares its parts with each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ColllmError
from colllm_bench.leaderboard.data.run_reader import present_names
from colllm_bench.leaderboard.submissions import schema
from colllm_bench.leaderboard.submissions.document import (
    DOCUMENT,
    SCHEMA,
    Document,
    check_type,
)
from colllm_bench.leaderboard.submissions.strict_json import (
    JSON_LIMIT,
    MIB,
    InvalidSubmission,
    listing,
    parse_json,
    read_bytes,
)
from colllm_bench.options import check_values

LIMITS = {
    "submission.json": JSON_LIMIT, "config.json": MIB, "environment.json": MIB,
    "summary.json": JSON_LIMIT, "adapter_config.json": MIB, "metrics.jsonl": 64 * MIB,
    "timing.jsonl": 64 * MIB, "adapter_model.safetensors": 1024 * MIB,
    "model.safetensors": 8192 * MIB, "README.md": MIB,
}
"""Longest file of each name, in bytes."""
WHOLE_LIMIT = 64 * 1024 * MIB
FREE = frozenset({DOCUMENT, "README.md"})
"""Files at the top that the document does not list."""
RANGES = {
    "agents": (1, 256), "eval_episodes": (1, 10_000), "batch": (1, 4096),
    "episodes": (1, 10**9), "max_action_tokens": (1, 8192), "lora_rank": (1, 1024),
    "temperature": (1e-6, 100.0), "threads": (0, 1024), "lora_alpha": (1e-6, 1e6),
}
"""Limits of what a stranger's settings may cost a verifier; wider ranges may be valid."""


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


def read_submission(path: str | Path) -> Submission:
    """A submission, from its folder or its ``submission.json``.

    Raises:
        InvalidSubmission: with the reason, if it cannot be read as one.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    if not path.is_dir() and path.name != DOCUMENT:
        raise InvalidSubmission(f"{path.name} is no {DOCUMENT}: a submission is a folder "
                      "(unpack an archive first)")
    if not (folder / DOCUMENT).exists():
        raise InvalidSubmission(f"no {DOCUMENT} in {folder}")
    sizes = listing(folder)
    _check_sizes(sizes)
    data = parse_json(
        read_bytes(folder / DOCUMENT, DOCUMENT, JSON_LIMIT),
        DOCUMENT,
    )
    _check_document(data)
    config = _config(data["config"], data["runs"][0]["seed"], "config")
    agents = _agents(data, config)
    _check_names(data, config, agents, sizes)
    seeds = [run["seed"] for run in data["runs"]]
    configs = {seed: _config_of(folder, seed) for seed in seeds}
    return Submission(folder, data, configs, agents)


def recorded_environments(path: Path) -> list[dict[str, Any]]:
    """What the runs of a submission say of their machines, before anything is loaded or
    checked; none of a submission that cannot be read."""
    document = path / DOCUMENT if path.is_dir() else path
    try:
        data = parse_json(read_bytes(document, DOCUMENT, JSON_LIMIT), DOCUMENT)
    except InvalidSubmission:
        return []
    runs = data.get("runs") if isinstance(data, dict) else None
    return [
        run["environment"] for run in (runs if isinstance(runs, list) else [])
        if isinstance(run, dict) and isinstance(run.get("environment"), dict)
    ]


def _config_of(folder: Path, seed: int) -> RunConfig:
    """The settings in a seed's ``config.json``."""
    where = f"seed{seed}/config.json"
    data = read_json(folder, where)
    config = data.get("config") if isinstance(data, dict) else None
    if not isinstance(config, dict) or type(config.get("seed")) is not int:
        raise InvalidSubmission(f"{where} is no config.json of a run")
    if config["seed"] != seed:
        raise InvalidSubmission(f"{where} is of seed {config['seed']}")
    return _config({k: v for k, v in config.items() if k != "seed"}, seed, where)


def read_json(folder: Path, name: str) -> Any:
    """A JSON file of a submission. Raises InvalidSubmission if it cannot be taken."""
    return parse_json(read_bytes(folder / name, name, LIMITS[name.rpartition("/")[2]]), name)


def _check_sizes(sizes: dict[str, int]) -> None:
    for name, size in sizes.items():
        limit = LIMITS.get(name.rpartition("/")[2])
        if limit is not None and size > limit:
            raise InvalidSubmission(f"{name} has {size} bytes; at most {limit} are taken")
    if sum(sizes.values()) > WHOLE_LIMIT:
        raise InvalidSubmission(
            f"{sum(sizes.values())} bytes in all; at most {WHOLE_LIMIT} are taken"
        )


def _check_document(data: Any) -> None:
    """The document's fields: each there, of its type, and within limits."""
    if not isinstance(data, dict) or "schema" not in data:
        raise InvalidSubmission(f"{DOCUMENT} has no 'schema': not a submission of colllm_bench")
    if type(data["schema"]) is not int or data["schema"] != SCHEMA:
        raise InvalidSubmission(
            f"schema {data['schema']!r:.60}: this version reads schema {SCHEMA}"
        )
    check_type(data, Document, DOCUMENT)
    if not 1 <= len(data["runs"]) <= 1000:
        raise InvalidSubmission(f"{len(data['runs'])} runs; allowed: 1 to 1000")
    for k, run in enumerate(data["runs"]):
        if not 0 <= run["seed"] < 2**63:
            raise InvalidSubmission(f"runs[{k}] has the seed {run['seed']}")
    if not data["seeds"]:
        raise InvalidSubmission("seeds is empty; allowed: the seed of every run")
    if not schema.NAME.fullmatch(data["name"]):
        raise InvalidSubmission(f"the name {data['name'][:80]!r} is no folder name")
    for key in ("by", "note", "env", "algo"):
        if len(data[key]) > 2000 or not data[key].isprintable():
            raise InvalidSubmission(f"{key} is no line of at most 2000 characters")


def _config(settings: dict[str, Any], seed: int, where: str) -> RunConfig:
    """The settings, each of its type and within what a verifier can afford."""
    settings = present_names(settings)
    hints = get_type_hints(RunConfig)
    unknown = sorted(settings.keys() - hints.keys() | settings.keys() & {"seed"})
    if unknown:
        raise InvalidSubmission(
            f"{where} has {unknown[0][:60]!r}, which this version does not know"
        )
    # A setting that is missing came later than the run, which had its default.
    for name, value in settings.items():
        check_type(value, hints[name], f"{where}: {name}")
    for table in ("env_options", "algo_options"):
        for key, option in settings.get(table, {}).items():
            if not isinstance(option, (str, int, float, bool, type(None))):
                raise InvalidSubmission(f"{where}: {table}[{key!r:.60}] is {option!r:.60}")
    for name, (low, high) in RANGES.items():
        value = settings.get(name)
        if value is not None and not low <= value <= high:
            raise InvalidSubmission(f"{where}: {name} is {value}; allowed: {low} to {high}")
    try:
        check_values(RunConfig, settings)
        schema.require_playable({**RunConfig().to_dict(), **settings})
    except ColllmError as error:
        raise InvalidSubmission(f"{where}: {error}") from None
    if "split" in settings.get("env_options", {}):
        raise InvalidSubmission(
            f"{where}: env_options choose the split {settings['env_options']['split']!r:.60}; "
            "held-out tasks are the same for everybody"
        )
    return RunConfig(**settings, seed=seed)


def _agents(data: dict[str, Any], config: RunConfig) -> list[str]:
    """Names of the trained agents, from the environment and not from the submission."""
    from colllm_bench.setup.environments import make_env

    if data["execution"] not in ("decentralized", "centralized"):
        raise InvalidSubmission(
            f"execution {data['execution']!r:.60}; allowed: decentralized, centralized"
        )
    try:
        env = make_env(playable(config, data["execution"]), split="eval")
    except ColllmError as error:
        raise InvalidSubmission(f"its environment cannot be made: {error}") from None
    names = list(env.possible_agents)
    env.close()
    return names


def playable(config: RunConfig, execution: str) -> RunConfig:
    """The settings to play with. A stranger's algorithm is not needed to play, and never loaded:
    a built-in one of the same execution stands for it."""
    from colllm_bench.setup.validate import load_algorithm

    centralized = execution == "centralized"
    algo = next(
        name for name in registry.ALGORITHMS
        if load_algorithm(name).centralized_execution == centralized
    )
    return config.replace(algo=algo)


def _check_names(
    data: dict[str, Any], config: RunConfig, agents: list[str], sizes: dict[str, int]
) -> None:
    """Refuse missing files and files that do not belong there."""
    wanted = set(schema.contents(config.to_dict(), [r["seed"] for r in data["runs"]], agents))
    for name in data["files"]:
        if name not in wanted:
            raise InvalidSubmission(f"files names {name[:120]!r}, which is no file of a submission")
    for name in sorted(wanted - data["files"].keys()):
        raise InvalidSubmission(f"files lacks {name}")
    for name in sorted(sizes.keys() - wanted - FREE):
        raise InvalidSubmission(
            f"{name[:120]!r} is in the folder, and is no file of a submission"
        )
    for name in sorted(wanted - sizes.keys()):
        raise InvalidSubmission(f"{name} is missing")
