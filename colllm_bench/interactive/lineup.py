"""Seat assignment: from the command line to one team for every seat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig, fields_with
from colllm_bench.errors import ConfigError
from colllm_bench.setup.environments import make_env, make_mixed_env
from colllm_bench.setup.resolve import resolve
from colllm_bench.teams.base import Team
from colllm_bench.teams.mixed import MixedTeam
from colllm_bench.teams.specs import TeamSpec, allowed_teams, load_team, parse_team


@dataclass(frozen=True)
class Lineup:
    """Who acts for each agent of an environment.

    Attributes:
        config: the task.
        names: of the agents, in the environment's order.
        person_seats: indices of the person's agents.
        teams: the team in each seat; None in the person's.
        reads: the style that the person reads.
    """

    config: RunConfig
    names: list[str]
    person_seats: list[int]
    teams: list[TeamSpec | None]
    reads: str = "full"

    @property
    def centralized(self) -> bool:
        """Whether one controller writes everybody's action."""
        return len(self.names) > 1 and any(map(self._is_centralized, self.teams))

    @property
    def labels(self) -> list[str]:
        """A word per seat on who has it; empty where one team has them all."""
        if len(set(self.teams)) == 1:
            return []
        return [_label(team) for team in self.teams]

    def describe(self) -> str:
        """One line: who plays what."""
        if len(set(self.teams)) == 1:
            team = self.teams[0]
            return "you play everybody" if team is None else f"everybody: {_label(team, True)}"
        seats: dict[str, list[str]] = {}
        for name, team in zip(self.names, self.teams):
            seats.setdefault(_label(team, True), []).append(name)
        return "; ".join(f"{', '.join(names)}: {label}" for label, names in seats.items())

    def env(self, split: str) -> Any:
        """The environment, read by each player in its own style."""
        if self.centralized:
            return make_env(self._config_of(self.teams[0]), split)
        styles = [self.reads if team is None else self._style(team) for team in self.teams]
        return make_mixed_env(self.config, split, styles)

    def team(
        self, person: Team | None, *, seed: int, temperature: float | None, endpoint: Any = None
    ) -> Team:
        """One team for all seats; the person is asked first."""
        seats_of: dict[TeamSpec, list[int]] = {}
        for seat, team in enumerate(self.teams):
            if team is not None:
                seats_of.setdefault(team, []).append(seat)
        parts: list[tuple[Team, Sequence[int]]] = []
        if person is not None:
            parts.append((person, self.person_seats))
        for team, seats in seats_of.items():
            config = self.config if team.kind.brief_only else self._config_of(team)
            seats = [0] if self.centralized else seats
            options = {"seed": seed, "temperature": temperature, "endpoint": endpoint}
            parts.append((load_team(team, config, seats=seats, **options), seats))
        return MixedTeam(parts)

    def _style(self, team: TeamSpec) -> str:
        return "brief" if team.kind.brief_only else self._config_of(team).style

    def _config_of(self, team: TeamSpec) -> RunConfig:
        """The task, played as this team plays."""
        shared = {name: getattr(self.config, name) for name in fields_with(role="table")}
        recorded = team.kind.recorded(team.name)
        if recorded is not None:
            return resolve(recorded).replace(**shared)
        fields = {name: getattr(self.config, name) for name in fields_with(role="seat")}
        fields |= team.kind.fixed(team.name)
        return resolve(RunConfig(**{"algo": "mc", **shared, **fields}))

    def _is_centralized(self, team: TeamSpec | None) -> bool:
        if team is None or team.kind.brief_only:  # nothing to load
            return False
        return team.kind.centralized(self._config_of(team))


def _label(team: TeamSpec | None, long: bool = False) -> str:
    """A team in a few words; ``long``: a run with its folder."""
    return "you" if team is None else team.kind.seat_label(team.name, long=long)


def read_team(text: str) -> TeamSpec:
    """A team by name. Raises ConfigError for an empty or unknown one."""
    if not text:
        raise ConfigError("--team names no team", allowed=allowed_teams())
    return parse_team(text)


def assign_seats(
    config: RunConfig, teams: Sequence[str], seats: str | None = None, reads: str = "full"
) -> Lineup:
    """The team for each seat.

    Args:
        config: the task.
        teams: ``TEAM`` for all seats without a player, ``SEATS=TEAM`` for some; without any:
            the expert, or (where there is none) the untrained model.
        seats: the person's: numbers from 1, or names, with commas; ``all``; None: no person.
        reads: the person's style.

    Raises:
        ConfigError: no such seat, or one that two players claim.
    """
    names = list(make_mixed_env(config, "train", [None] * config.agents).possible_agents)
    person_seats = [] if seats is None else _places("--seat", seats, names)
    taken: dict[int, TeamSpec | None] = dict.fromkeys(person_seats)
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
        rest = read_team("scripted" if registry.policy_of(config.env, "scripted") else "untrained")
    by_seat = [taken.get(i, rest) for i in range(len(names))]
    lineup = Lineup(config, names, person_seats, by_seat, reads)
    if lineup.centralized and len(set(by_seat)) > 1:
        raise ConfigError(
            "a centralized team has one controller that writes everybody's action: nobody else "
            "can take a seat beside it", fix="--watch it, or give a team of mc, cc or dc",
        )
    return lineup


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
