"""From what a person writes to a team that plays: run folders, references, endpoints.

>>> config = team_config("results/strategy/cc/default/seed0")
>>> player = load_team("results/strategy/cc/default/seed0", config, temperature=0.0, seed=0)
>>> episodes = evaluation.play_held_out(config, player)

=====================  ===================================================================
``RUN``                a run folder: its trained team, or (of a run that is not finished)
                       the team of its last checkpoint
``untrained``          the model without adapters
``scripted``           the environment's expert
``random``             the environment's random team
``openai:MODEL``       a model behind an OpenAI-compatible endpoint
=====================  ===================================================================

Free of torch until a language model is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.runs.folder import holds_run, read_config
from colllm_bench.setup.resolve import resolve

ALLOWED = "a run folder, untrained, scripted, random, openai:MODEL"


@dataclass(frozen=True)
class TeamSpec:
    """A team by name. Made by :func:`parse_team`.

    Attributes:
        kind: ``run``, ``untrained``, ``scripted``, ``random`` or ``openai``.
        name: the run folder, or the endpoint's model; the kind itself otherwise.
    """

    kind: str
    name: str

    @property
    def scripted(self) -> bool:
        """Whether it reads the brief style and plays without a master, whatever the settings."""
        return self.kind in ("scripted", "random")

    @property
    def path(self) -> Path:
        return Path(self.name)

    def __str__(self) -> str:
        return f"openai:{self.name}" if self.kind == "openai" else self.name


def parse_team(text: str) -> TeamSpec:
    """What ``text`` names.

    Raises:
        ConfigError: no such team.
    """
    if text in ("untrained", "scripted", "random"):
        return TeamSpec(text, text)
    kind, colon, model = text.partition(":")
    if kind == "openai":
        if not model:
            raise ConfigError(f"team {text!r} names no model", fix="openai:MODEL")
        return TeamSpec("openai", model)
    path = Path(text)
    if path.name == "team" and not holds_run(path):
        path = path.parent
    if not path.exists():
        raise ConfigError(f"team {text!r} is unknown: no such folder", allowed=ALLOWED)
    if not holds_run(path):
        inside = sorted(p.parent for p in path.rglob("config.json") if holds_run(p.parent))
        hint = f"one of its runs, such as {inside[0]}" if inside else "check the path"
        raise ConfigError(f"{path} holds no run: no config.json in it", allowed=ALLOWED, fix=hint)
    return TeamSpec("run", str(path))


def team_config(team: str | TeamSpec, base: RunConfig | None = None) -> RunConfig:
    """The settings that a team plays with, resolved.

    Args:
        base: task and settings of a team that is no run; a run has its own.
    """
    spec = parse_team(team) if isinstance(team, str) else team
    if spec.kind == "run":
        return resolve(read_config(spec.path))
    base = base or RunConfig()
    if spec.kind == "openai":
        base = base.replace(model=spec.name)
    return resolve(base)
