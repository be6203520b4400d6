"""Several teams on the same held-out tasks, and the record of how they did.

``OUT/evaluations/ENV/NAME/``:

====================  ====================================================================
``evaluation.json``   settings, and for each team its scores and its bare numbers; written
                      anew after each team, ``complete`` after the last
``requests-K.jsonl``  every answer of an endpoint
(:mod:`colllm_bench.teams.endpoint.response_cache`)
``transcripts/``      the first episodes of each team as readable text
``replays/``          the same as data (:mod:`colllm_bench.runs.replays`)
====================  ====================================================================
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.evaluation.held_out import measures, play_held_out, results
from colllm_bench.evaluation.record import Folder
from colllm_bench.runs import files
from colllm_bench.runs.replays import replay_of, write_replay
from colllm_bench.runs.transcripts import episode_text
from colllm_bench.teams.base import Team, close
from colllm_bench.teams.endpoint.client import Endpoint
from colllm_bench.teams.loading import finished, load_team, seat_names, weights_digest
from colllm_bench.teams.specs import TeamSpec
from colllm_bench.types import Episode

KEPT = 3
"""Episodes of each team that are kept as text and as a replay."""
REFERENCES = ("random", "scripted")


@dataclass(frozen=True)
class Entry:
    """A team, and how it plays the task.

    Attributes:
        label: what it is called in tables and records.
        spec: which team.
        config: resolved; ``eval_episodes`` tasks, ``batch`` at a time.
        temperature: of sampling; 0 is greedy.
        decentralized: every agent in a process of its own.
        endpoint: for endpoint teams.
    """

    label: str
    spec: TeamSpec
    config: RunConfig
    temperature: float
    decentralized: bool = False
    endpoint: Endpoint | None = None

    def about(self) -> dict[str, Any]:
        """What the record says of the team: enough to play it again, nothing secret."""
        if self.spec.scripted:
            return {"team": str(self.spec), "kind": self.spec.kind}
        config, about = self.config, {"team": str(self.spec), "kind": self.spec.kind}
        if self.spec.kind == "run":
            about |= {
                "algo": config.algo,
                "weights": weights_digest(self.spec.path),
                "finished": finished(self.spec.path),
                "decentralized": self.decentralized,
            }
        if self.spec.kind == "openai":
            about |= {"base_url": self.endpoint.address, "options": self.endpoint.options}
        names = ("model", "style", "max_action_tokens", "seed")
        return {
            **about, **{name: getattr(config, name) for name in names},
            "centralized": config.algo == "central", "temperature": self.temperature,
        }

    def play(self, ledger: Path | None, notify: Callable[[str], None] | None) -> Outcome:
        """All its episodes on the held-out tasks."""
        player = self._player(ledger, notify)
        try:
            episodes = play_held_out(
                self.config, player, scripted=self.spec.scripted, frames=KEPT
            )
        finally:
            close(player)
        found = results(episodes) | {"actions": actions_digest(episodes)}
        usage = player.ledger.summary() if self.spec.kind == "openai" else None
        return Outcome(found, episodes[:KEPT], usage)

    def _player(self, ledger: Path | None, notify: Callable[[str], None] | None) -> Team:
        if self.decentralized:
            from colllm_bench.teams.decentralized import DecentralizedTeam

            return DecentralizedTeam(
                self.spec.path, seat_names(self.config), self.config,
                temperature=self.temperature, seed=self.config.seed,
            )
        own = {}
        if self.spec.kind == "openai":
            own = {"endpoint": self.endpoint, "path": ledger, "notify": notify}
        return load_team(self.spec, self.config, temperature=self.temperature, **own)


@dataclass(frozen=True)
class Outcome:
    """What a team's episodes gave: its bare numbers, its first episodes, what it used."""

    results: dict[str, Any]
    first: list[Episode]
    usage: dict[str, Any] | None


def actions_digest(episodes: Sequence[Episode]) -> str:
    """Twelve hex digits of every action's text: equal for teams that did the same."""
    said = [[turn.action_text for turn in x.turns] for e in episodes for x in e.trajectories]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]


def task(config: RunConfig) -> dict[str, Any]:
    """What two teams must have in common to be compared."""
    return {
        "env": registry.env_spec(config.env).id,
        "agents": config.agents,
        "env_options": dict(sorted(config.env_options.items())),
        "episodes": config.eval_episodes,
    }


def require_same_task(entries: Sequence[Entry]) -> None:
    """Raises ConfigError if two teams would play different tasks; names the first difference."""
    first = entries[0]
    for entry in entries[1:]:
        one, other = task(first.config), task(entry.config)
        for key in one:
            if one[key] != other[key]:
                raise ConfigError(
                    f"{first.label} plays {key} {one[key]!r} and {entry.label} {other[key]!r}: "
                    "scores of different tasks cannot be compared",
                    fix=f"evaluate them apart, or set {key} for both",
                )


def settings_of(entries: Sequence[Entry]) -> dict[str, Any]:
    """The head of the record: the task, and each team."""
    return {
        **task(entries[0].config),
        "teams": {entry.label: entry.about() for entry in entries},
    }


def with_references(entries: Sequence[Entry]) -> list[Entry]:
    """``entries`` and after them the random and the scripted team, if the environment has them:
    a team that cannot be loaded fails before anything is played."""
    config, own = entries[0].config, {entry.spec.kind for entry in entries}
    spec = registry.env_spec(config.env)
    more = [
        Entry(kind, TeamSpec(kind, kind), config, config.temperature)
        for kind in REFERENCES
        if getattr(spec, kind) and kind not in own
    ]
    return [*entries, *more]


def compare(
    entries: Sequence[Entry],
    folder: Folder,
    notify: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Play every team and write the record; teams that an interrupted call has finished with
    are not played again.

    Returns:
        The complete record: settings, and :func:`colllm_bench.evaluation.held_out.measures`.
    """
    done = dict((folder.begun or {}).get("held_out", {}))
    usage = dict((folder.begun or {}).get("usage", {}))
    folder.write(False, held_out=done, usage=usage)
    for k, entry in enumerate(entries):
        if entry.label in done:
            continue
        if notify:
            notify(f"playing: {entry.label}")
        outcome = entry.play(
            folder.path / f"requests-{k}.jsonl",
            notify and (lambda said, label=entry.label: notify(f"playing: {label}: {said}")),
        )
        done[entry.label] = outcome.results
        if outcome.usage:
            usage[entry.label] = outcome.usage
        _keep(folder.path, entry, outcome.first)
        folder.write(False, held_out=done, usage=usage)
    order = {entry.label: done[entry.label] for entry in entries}
    folder.write(True, usage=usage, **measures(order))
    return folder.record


def _keep(path: Path, entry: Entry, episodes: Sequence[Episode]) -> None:
    (path / "transcripts").mkdir(exist_ok=True)
    for k, episode in enumerate(episodes):
        name = f"{slug(entry.label)}-{k}"
        files.write_text(path / "transcripts" / f"{name}.txt", episode_text(episode))
        about = {"env": registry.env_spec(entry.config.env).name, "team": entry.label,
                 "algo": entry.config.algo if entry.spec.kind == "run" else None, "split": "eval"}
        write_replay(path / "replays" / f"{name}.json", replay_of(episode, **about))


def slug(text: str) -> str:
    """``text`` as part of a file's name."""
    return re.sub(r"[^\w.+=-]+", "-", text).strip("-.") or "team"


def labels(specs: Sequence[TeamSpec], algos: Sequence[str | None]) -> list[str]:
    """A short name for each team; run folders by algorithm, name and seed, where that tells
    them apart, and by their whole path otherwise.

    Raises:
        ConfigError: a team is named twice.
    """
    short = [
        f"{algo}/{spec.path.parent.name}/{spec.path.name}" if spec.kind == "run" else str(spec)
        for spec, algo in zip(specs, algos, strict=True)
    ]
    found = [
        str(spec) if spec.kind == "run" and short.count(name) > 1 else name
        for spec, name in zip(specs, short, strict=True)
    ]
    twice = [name for name in found if found.count(name) > 1]
    if twice:
        raise ConfigError(f"team {twice[0]!r} is named twice", fix="name each team once")
    return found
