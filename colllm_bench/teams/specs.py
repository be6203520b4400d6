"""From the text that names a team on the command line to its kind, its settings and the team.

>>> config = team_config("results/strategy/cc/default/seed0")
>>> team = load_team("results/strategy/cc/default/seed0", config, temperature=0.0, seed=0)
>>> episodes = evaluation.play_held_out(config, team)

A text is looked up in this order: a kind that is built in or registered in this process
(:func:`register_team`), an entry point of an installed package (group ``colllm_bench.teams``),
``"./file.py:Class"`` or ``"module:Class"`` of a :class:`colllm_bench.teams.kinds.TeamKind`,
followed by ``:NAME`` where the kind takes one; a run folder. Torch is not loaded before a
language model is.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.teams.base import Team
from colllm_bench.teams.builtin_kinds import (
    BlindKind,
    EndpointKind,
    RandomKind,
    RunKind,
    ScriptedKind,
    UntrainedKind,
)
from colllm_bench.teams.kinds import LoadOptions, TeamKind

GROUP = "colllm_bench.teams"
"""Entry points of installed packages: a kind's word, and the ``"module:Class"`` of the kind."""
RUN = RunKind()
KINDS: dict[str, TeamKind] = {
    kind.word: kind
    for kind in (UntrainedKind(), ScriptedKind(), RandomKind(), BlindKind(), EndpointKind())
}
"""Kinds by the word that names them; :data:`RUN` has none."""
_BY_ENTRY: dict[str, TeamKind] = {}
"""Kinds that a text named by file or module: the same text gives the same kind."""
_ENTRY = re.compile(r"(?P<entry>(?:.+\.py|[\w.]+):[A-Za-z_]\w*)(?::(?P<name>.*))?", re.DOTALL)


@dataclass(frozen=True)
class TeamSpec:
    """A team by name. Made by :func:`parse_team`.

    Attributes:
        kind: what kind of team it is.
        name: which one of its kind: the run folder, the endpoint's model; may be empty.
        entry: how the text named the kind, where it did so by file or module; else empty.
    """

    kind: TeamKind
    name: str = ""
    entry: str = ""

    def __str__(self) -> str:
        if self.entry:
            return f"{self.entry}:{self.name}" if self.name else self.entry
        return self.kind.write(self.name)


def register_team(kind: TeamKind | type[TeamKind]) -> TeamKind | type[TeamKind]:
    """Make ``kind`` a kind of team of this process.

    Returns:
        ``kind``, so that this is a class decorator too.

    Raises:
        ConfigError: no TeamKind, or one without a word or with a word that is no name.
    """
    instance = _instance(kind, repr(kind))
    if not re.fullmatch(r"[\w.-]+", instance.word):
        raise ConfigError(
            f"a team kind with the word {instance.word!r}", allowed="letters, digits and _ . -",
            fix=f"word = 'mine' in class {type(instance).__name__}",
        )
    KINDS[instance.word] = instance
    return kind


def allowed_teams() -> str:
    """What may name a team, for error messages."""
    kinds = (kind.usage for kind in KINDS.values())
    return ", ".join(["a run folder", *kinds, "./file.py:Class", "module:Class"])


def team_help() -> str:
    """The kinds of team, a line each, for ``--help``."""
    rows = [("RUN", RUN.help)] + [
        (" | ".join([kind.usage, *kind.aliases]), kind.help) for kind in KINDS.values()
    ]
    return "\n".join(f"  {usage:<18}{text}" for usage, text in rows)


def parse_team(text: str) -> TeamSpec:
    """The team that ``text`` names.

    Raises:
        ConfigError: no such team.
    """
    for kind in (*KINDS.values(), *_installed(text)):
        name = kind.parse(text)
        if name is not None:
            return TeamSpec(kind, name)
    if not Path(text).exists():
        match = _ENTRY.fullmatch(text)
        if match is None:
            raise ConfigError(
                f"team {text!r} is unknown: no such folder", allowed=allowed_teams()
            )
        try:
            kind, name = _kind_of_entry(match["entry"]), match["name"] or ""
        except ConfigError as error:
            near = difflib.get_close_matches(text.partition(":")[0], KINDS, n=1, cutoff=0.7)
            if not near:
                raise
            raise ConfigError(f"{error} Did you mean {near[0]!r}?") from error
        if bool(name) != bool(kind.argument):
            wish = f"{match['entry']}:{kind.argument}" if kind.argument else match["entry"]
            raise ConfigError(f"team {text!r} is not complete", fix=wish)
        return TeamSpec(kind, name, match["entry"])
    return TeamSpec(RUN, RUN.parse(text))


def team_config(team: str | TeamSpec, base: RunConfig | None = None) -> RunConfig:
    """The settings that a team plays with, resolved.

    Args:
        base: task and settings of a team that is no run; a run has its own.
    """
    spec = parse_team(team) if isinstance(team, str) else team
    return spec.kind.config(spec.name, base or RunConfig())


def load_team(
    team: str | TeamSpec,
    config: RunConfig,
    *,
    temperature: float | None = None,
    seed: int | None = None,
    **options: Any,
) -> Team:
    """A team that can play.

    Args:
        team: its name, or a result of :func:`parse_team`.
        config: the task and how it is played: environment, agents, style, longest action,
            device; resolved (:func:`team_config`). What a trained team
            *is* (model, adapters) comes from its run folder.
        temperature: None: ``config.temperature``; 0 is greedy.
        seed: of the sampling; None: ``config.seed``. An agent draws the same numbers in an
            episode whoever plays beside it.
        options: further fields of :class:`colllm_bench.teams.kinds.LoadOptions`, such as
            ``seats``.

    Returns:
        The team; its ``close`` is the caller's to call.

    Raises:
        ConfigError: the team is not there, or does not fit the environment.
    """
    spec = parse_team(team) if isinstance(team, str) else team
    load_options = LoadOptions(
        temperature=config.temperature if temperature is None else temperature,
        seed=config.seed if seed is None else seed,
        **options,
    )
    loaded = spec.kind.load(spec.name, config, load_options)
    if not isinstance(loaded, Team):
        raise ConfigError(
            f"team {str(spec)!r} is a {type(loaded).__name__}, not a colllm_bench.teams.Team",
            fix="a class of your own: class MyTeam(Team), with the methods reset and act",
        )
    return loaded


def _installed(text: str) -> list[TeamKind]:
    """The kinds that installed packages offer under the word that ``text`` starts with."""
    from importlib.metadata import entry_points  # slow to load, and rarely needed

    word = text.partition(":")[0]
    points = [point for point in entry_points(group=GROUP) if point.name == word]
    return [_kind_of_entry(point.value) for point in points]


def _kind_of_entry(entry: str) -> TeamKind:
    """The kind behind ``"./file.py:Class"`` or ``"module:Class"``."""
    if entry not in _BY_ENTRY:
        _BY_ENTRY[entry] = _instance(registry.load(entry, "team kind"), entry)
    return _BY_ENTRY[entry]


def _instance(kind: TeamKind | type[TeamKind], text: str) -> TeamKind:
    instance = kind() if isinstance(kind, type) and issubclass(kind, TeamKind) else kind
    if not isinstance(instance, TeamKind):
        raise ConfigError(
            f"team kind {text} is no subclass of colllm_bench.teams.kinds.TeamKind",
            fix="class MyKind(TeamKind): with a method load(self, name, config, options)",
        )
    return instance
