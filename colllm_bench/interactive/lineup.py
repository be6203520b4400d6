"""Who sits where: from what the command line says to one player for every seat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.runs.folder import read_config
from colllm_bench.setup.environments import make_env, make_mixed_env
from colllm_bench.setup.resolve import load_algorithm, resolve
from colllm_bench.teams.base import Team
from colllm_bench.teams.loading import load_team
from colllm_bench.teams.mixed import MixedTeam
from colllm_bench.teams.specs import ALLOWED, TeamSpec, parse_team

NAMES = {"expert": "scripted", "model": "untrained"}
"""Other words for teams."""
OF_THE_TABLE = ("env", "agents", "env_options", "device", "dtype", "threads")
"""Settings that hold for whoever sits down."""
OF_A_MODEL = ("model", "chat_template", "max_action_tokens", "temperature")
"""Settings of a team that no run has settled."""


@dataclass(frozen=True)
class Lineup:
    """Who takes which seat of an environment.

    Attributes:
        config: the task.
        names: of the agents, in the environment's order.
        own: places of the person's seats.
        teams: the team in each seat; None in the person's.
        reads: the style that the person reads.
    """

    config: RunConfig
    names: list[str]
    own: list[int]
    teams: list[TeamSpec | None]
    reads: str = "full"

    @property
    def central(self) -> bool:
        """Whether one master writes everybody's action."""
        return len(self.names) > 1 and any(map(_central, self.teams))

    @property
    def labels(self) -> list[str]:
        """A word on who has each seat; nothing where one team has them all."""
        if len(set(self.teams)) == 1:
            return []
        return ["you" if team is None else _label(team) for team in self.teams]

    def describe(self) -> str:
        """One line: who plays what."""
        if len(set(self.teams)) == 1:
            return "you play everybody" if self.own else f"everybody: {_label(self.teams[0], True)}"
        who: dict[str, list[str]] = {}
        for name, team in zip(self.names, self.teams):
            who.setdefault("you" if team is None else _label(team, True), []).append(name)
        return "; ".join(f"{', '.join(names)}: {label}" for label, names in who.items())

    def env(self, split: str) -> Any:
        """The environment, read by each player in its own style."""
        if self.central:
            return make_env(self._config_of(self.teams[0]), split)
        styles = [self.reads if team is None else self._style(team) for team in self.teams]
        return make_mixed_env(self.config, split, styles)

    def player(
        self, person: Team | None, *, seed: int, temperature: float | None, endpoint: Any = None
    ) -> Team:
        """One player for all seats; the person is asked first."""
        by_team: dict[TeamSpec, list[int]] = {}
        for seat, team in enumerate(self.teams):
            if team is not None:
                by_team.setdefault(team, []).append(seat)
        parts: list[tuple[Team, Sequence[int]]] = [(person, self.own)] if self.own else []
        for team, seats in by_team.items():
            config = self.config if team.scripted else self._config_of(team)
            seats = [0] if self.central else seats
            options = {"seed": seed, "temperature": temperature, "endpoint": endpoint}
            parts.append((load_team(team, config, seats=seats, **options), seats))
        return MixedTeam(parts)

    def _style(self, team: TeamSpec) -> str:
        return "brief" if team.scripted else self._config_of(team).style

    def _config_of(self, team: TeamSpec) -> RunConfig:
        """The task, played as this team plays."""
        here = {name: getattr(self.config, name) for name in OF_THE_TABLE}
        if team.kind == "run":
            return resolve(read_config(team.path)).replace(**here)
        own = {name: getattr(self.config, name) for name in OF_A_MODEL}
        if team.kind == "openai":
            own["model"] = team.name
        return resolve(RunConfig(algo="mc", **here, **own))


def _central(team: TeamSpec | None) -> bool:
    if team is None or team.kind != "run":
        return False
    return load_algorithm(read_config(team.path).algo).centralized_execution


def _label(team: TeamSpec, whole: bool = False) -> str:
    """A team in a few words; ``whole``: a run with its folder."""
    if team.kind != "run":
        return {"scripted": "expert", "untrained": "untrained model"}.get(team.kind, str(team))
    run = read_config(team.path)
    short = f"{run.algo.rpartition(':')[2]} seed {run.seed}"
    return f"{short} ({team.path})" if whole else short


def read_team(text: str) -> TeamSpec:
    """A team by name; ``expert`` and ``model`` are other words for two of them."""
    if not text:
        raise ConfigError("--team names no team", allowed=f"{ALLOWED}; expert, model")
    return parse_team(NAMES.get(text, text))


def seat(
    config: RunConfig, teams: Sequence[str], seats: str | None = None, reads: str = "full"
) -> Lineup:
    """Everybody's seat.

    Args:
        config: the task.
        teams: ``TEAM`` for all seats that nobody else has, ``SEATS=TEAM`` for some; without
            any the expert, or (where there is none) the untrained model.
        seats: the person's: numbers from 1, or names, with commas; ``all``; None: no person.
        reads: the person's style.

    Raises:
        ConfigError: no such seat, or one that two players claim.
    """
    names = list(make_mixed_env(config, "train", [None] * config.agents).possible_agents)
    own = [] if seats is None else _places("--seat", seats, names)
    taken: dict[int, TeamSpec | None] = dict.fromkeys(own)
    rest: TeamSpec | None = None
    for text in teams:
        where, equals, team = text.partition("=")
        if not equals or not _all_seats(where, names):
            if rest is not None:
                raise ConfigError(f"--team {text!r} and --team {rest} both for all other seats",
                                  fix="2=TEAM gives one seat a team of its own")
            rest = read_team(text)
            continue
        for place in _places("--team", where, names):
            if place in taken:
                raise ConfigError(f"seat {names[place]} is taken twice", fix="one player a seat")
            taken[place] = read_team(team)
    if rest is None and len(taken) < len(names):
        rest = read_team("scripted" if registry.env_spec(config.env).scripted else "untrained")
    found = Lineup(config, names, own, [taken.get(i, rest) for i in range(len(names))], reads)
    if found.central and len(set(found.teams)) > 1:
        raise ConfigError(
            "a centralized team has one master who writes everybody's action: nobody else can "
            "take a seat beside it", fix="--watch it, or give a team of mc, cc or dc",
        )
    return found


def _all_seats(text: str, names: Sequence[str]) -> bool:
    """Whether all parts of ``text`` are numbers or names of agents: a path may hold an ``=``."""
    parts = [part.strip() for part in text.split(",")]
    return all(part in names or part.isdecimal() for part in parts)


def _places(option: str, text: str, names: Sequence[str]) -> list[int]:
    if text == "all":
        return list(range(len(names)))
    places = []
    for part in (part.strip() for part in text.split(",")):
        if part in names:
            places.append(names.index(part))
        elif part.isdecimal() and 1 <= int(part) <= len(names):
            places.append(int(part) - 1)
        else:
            raise ConfigError(
                f"{option} {part!r} is no seat",
                allowed=f"1 to {len(names)}, {', '.join(names)}, or all",
            )
    if len(set(places)) < len(places):
        raise ConfigError(f"{option} {text!r} names a seat twice")
    return sorted(places)
