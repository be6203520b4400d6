"""Settings that a search has chosen, a file for each suite and algorithm."""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from colllm_bench import registry
from colllm_bench.cli import load_toml
from colllm_bench.errors import ConfigError
from colllm_bench.registry.beside import files_beside
from colllm_bench.runs import files
from colllm_bench.suites.spec import FOLDER, Suite


@dataclass(frozen=True)
class Chosen:
    """Settings of an algorithm in a suite.

    Attributes:
        settings: by name; {}: the algorithm's defaults.
        source: where they come from, in words.
        draws: how many draws they were chosen of; None: not by this suite's search.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    source: str = "the algorithm's defaults"
    draws: int | None = None

    @property
    def label(self) -> str:
        """Part of a run's name: equal settings, equal label."""
        if not self.settings:
            return "default"
        text = json.dumps(self.settings, sort_keys=True)
        return f"set{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def chosen_for(suite: Suite, algo: str, out: Path, file: str | None = None) -> Chosen:
    """The settings of an algorithm: of ``file``, else what ``tune`` left below ``out``, else what
    ships with the suite, else none.

    Raises:
        ConfigError: a file that cannot be read, or that belongs to another suite.
    """
    if file == "defaults":
        return Chosen()
    if file is not None:
        return read_tuned(Path(file), suite)
    name = f"{registry.algorithm_spec(algo).name}.toml"
    for folder in (tuned_folder(suite, out), FOLDER / "tuned" / suite.name):
        if (folder / name).is_file():
            return read_tuned(folder / name, suite)
    return Chosen()


def tuned_folder(suite: Suite, out: Path) -> Path:
    return out / suite.name / "tuned"


def read_tuned(path: Path, suite: Suite) -> Chosen:
    """Raises ConfigError where the file is none, or of another suite."""
    table = load_toml(str(path))
    if table.get("suite") != suite.name or not isinstance(table.get("settings"), dict):
        raise ConfigError(
            f"{path} holds no settings for suite {suite.name}", allowed='suite = "'
            f'{suite.name}" and a table [settings]', fix="python -m colllm_bench.suite tune",
        )
    if table.get("digest", suite.digest) != suite.digest:
        raise ConfigError(
            f"{path} was chosen for suite {suite.name} {table['digest']}, and this is "
            f"{suite.digest}", fix="tune again, or --settings defaults",
        )
    source = f"{path.parent.name}/{path.name}"
    return Chosen(dict(table["settings"]), source, table.get("draws"))


def write_tuned(path: Path, suite: Suite, algo: str, chosen: Chosen, score: float) -> None:
    lines = [
        f"# Chosen by: {chosen.source}",
        f"suite = {json.dumps(suite.name)}", f"digest = {json.dumps(suite.digest)}",
        f"algo = {json.dumps(algo)}", f"draws = {chosen.draws}", f"dev_score = {score:.4f}", "",
        "[settings]", *(f"{name} = {json.dumps(v)}" for name, v in chosen.settings.items()),
    ]
    with files.writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, "\n".join(lines) + "\n")


def code_label(algo: str) -> str:
    """Names the source of an algorithm that is not built in (its file, and the files beside it
    that it imports, where it is named by its path); "" for those that are.

    A run's folder bears it: an algorithm that was edited is trained again, and its older results
    are not taken for its own.
    """
    if algo in registry.ALGORITHMS:
        return ""
    loaded = registry.load(registry.algorithm_spec(algo).entry, "algorithm")
    source = inspect.getsourcefile(loaded) if isinstance(loaded, type) else None
    if source is None:
        return ""
    by_path = registry.algorithm_spec(algo).entry.rpartition(":")[0].endswith(".py")
    sources = [Path(source), *(files_beside(Path(source)) if by_path else [])]
    content = b"".join(path.read_bytes() for path in sources)
    return f"-code{hashlib.sha256(content).hexdigest()[:6]}"
