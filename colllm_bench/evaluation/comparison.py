"""Several teams on the same held-out tasks, and the record of their results.

``OUT/evaluations/ENV/NAME/``:

====================  ====================================================================
``evaluation.json``   settings, and for each team its scores and raw results; written anew
                      after each team, ``complete`` after the last
``requests-K.jsonl``  every answer of an endpoint
                      (:mod:`colllm_bench.teams.endpoint.response_cache`)
``transcripts/``      the first episodes of each team as readable text
``replays/``          the same as data (:mod:`colllm_bench.runs.replays`)
====================  ====================================================================
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.evaluation.held_out import (
    play_held_out,
    raw_results,
    summarize,
)
from colllm_bench.evaluation.record import EvaluationFolder, named_failure, slug
from colllm_bench.evaluation.score_range import known_range
from colllm_bench.runs import files
from colllm_bench.runs.replays import replay_of, write_replay
from colllm_bench.runs.transcripts import episode_text
from colllm_bench.teams.base import Team
from colllm_bench.teams.endpoint.client import Endpoint
from colllm_bench.teams.kinds import LoadOptions
from colllm_bench.teams.specs import KINDS, TeamSpec, load_team
from colllm_bench.types import Episode

EXAMPLES = 3
"""Episodes of each team that are kept as text and as a replay."""


@dataclass(frozen=True)
class Contestant:
    """A team, and how it plays the task.

    Attributes:
        label: what it is called in tables and records.
        spec: which team.
        config: resolved; ``eval_episodes`` tasks, ``batch`` at a time.
        temperature: of sampling; 0 is greedy.
        decentralized: every agent in a process of its own.
        endpoint: for kinds that take endpoint options; else None.
    """

    label: str
    spec: TeamSpec
    config: RunConfig
    temperature: float
    decentralized: bool = False
    endpoint: Endpoint | None = None

    @property
    def centralized(self) -> bool:
        """Whether one controller acts for all agents."""
        return self.spec.kind.centralized(self.config)

    @property
    def algo(self) -> str | None:
        """The algorithm that trained it; None: no run."""
        return self.config.algo if self.spec.kind.is_run else None

    def describe(self) -> dict[str, Any]:
        """The record's entry: enough to play the team again, and no secret."""
        options = LoadOptions(
            temperature=self.temperature, seed=self.config.seed,
            decentralized=self.decentralized, endpoint=self.endpoint,
        )
        kind = self.spec.kind
        return {"team": str(self.spec), "kind": kind.word or self.spec.entry,
                **kind.describe(self.spec.name, self.config, options)}

    def load(self, **options: Any) -> Team:
        """The team; ``options``: further fields of LoadOptions, such as ``seats``."""
        return load_team(
            self.spec, self.config, temperature=self.temperature,
            decentralized=self.decentralized, endpoint=self.endpoint, **options,
        )

    def play(
        self, path: Path | None = None, notify: Callable[[str], None] | None = None
    ) -> TeamResult:
        """Play all episodes on the held-out tasks.

        Args:
            path: file for answers that are kept, see LoadOptions.
            notify: called with a line of progress.
        """
        kind = self.spec.kind
        team = self.load(path=path, notify=notify)
        try:
            episodes = play_held_out(
                self.config, team, scripted=kind.brief_only, frames=EXAMPLES
            )
        finally:
            team.close()
        results = raw_results(episodes) | {"actions": actions_digest(episodes)}
        return TeamResult(results, episodes[:EXAMPLES], kind.usage_of(team))


@dataclass(frozen=True)
class TeamResult:
    """What a team's episodes gave.

    Attributes:
        results: :func:`colllm_bench.evaluation.held_out.raw_results` and ``actions``.
        examples: the first episodes.
        usage: requests, tokens and cost of an endpoint; None: nothing to tell.
    """

    results: dict[str, Any]
    examples: list[Episode]
    usage: dict[str, Any] | None


def actions_digest(episodes: Sequence[Episode]) -> str:
    """Twelve hex digits of every action's text: equal for teams that acted the same."""
    actions = [[turn.action_text for turn in x.turns] for e in episodes for x in e.trajectories]
    return hashlib.sha256(json.dumps(actions).encode()).hexdigest()[:12]


def task(config: RunConfig) -> dict[str, Any]:
    """What two teams must have in common to be compared."""
    return {
        "env": registry.env_spec(config.env).id,
        "agents": config.agents,
        "env_options": dict(sorted(config.env_options.items())),
        "episodes": config.eval_episodes,
    }


def require_same_task(contestants: Sequence[Contestant]) -> None:
    """Raises ConfigError if two teams would play different tasks; names the first difference."""
    first = contestants[0]
    for other in contestants[1:]:
        one, two = task(first.config), task(other.config)
        for key in one:
            if one[key] != two[key]:
                raise ConfigError(
                    f"{first.label} plays {key} {one[key]!r} and {other.label} {two[key]!r}: "
                    "scores of different tasks cannot be compared",
                    fix=f"evaluate them apart, or set {key} for both",
                )


def settings_of(contestants: Sequence[Contestant]) -> dict[str, Any]:
    """The head of the record: the task, and each team."""
    return {
        **task(contestants[0].config),
        "teams": {contestant.label: contestant.describe() for contestant in contestants},
    }


def with_references(contestants: Sequence[Contestant]) -> list[Contestant]:
    """``contestants``, then the environment's random and scripted team if it has them: a team
    that cannot be loaded fails before anything is played."""
    config, kinds = contestants[0].config, {contestant.spec.kind for contestant in contestants}
    references = [
        Contestant(kind.word, TeamSpec(kind), config, config.temperature)
        for kind in sorted(KINDS.values(), key=lambda kind: kind.rank)
        if kind.is_reference and kind.available(config) and kind not in kinds
    ]
    return [*contestants, *references]


def compare(
    contestants: Sequence[Contestant],
    folder: EvaluationFolder,
    notify: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Play every team and write the record. Teams that an interrupted call has finished are not
    played again.

    Returns:
        The complete record: settings, and
        :func:`colllm_bench.evaluation.held_out.summarize`.
    """
    results = dict((folder.unfinished or {}).get("held_out", {}))
    usage = dict((folder.unfinished or {}).get("usage", {}))
    folder.write(False, held_out=results, usage=usage)
    for k, contestant in enumerate(contestants):
        label = contestant.label
        if label in results:
            continue
        if notify:
            notify(f"playing: {label}")
        with named_failure(label):
            result = contestant.play(
                folder.path / f"requests-{k}.jsonl",
                notify and (lambda line, label=label: notify(f"playing: {label}: {line}")),
            )
        results[label] = result.results
        if result.usage:
            usage[label] = result.usage
        _write_examples(folder.path, contestant, result.examples)
        folder.write(False, held_out=results, usage=usage)
    ordered = {contestant.label: results[contestant.label] for contestant in contestants}
    folder.write(True, usage=usage, **summarize(ordered, known_range(contestants[0].config)))
    return folder.record


def _write_examples(path: Path, contestant: Contestant, episodes: Sequence[Episode]) -> None:
    (path / "transcripts").mkdir(exist_ok=True)
    for k, episode in enumerate(episodes):
        name = f"{slug(contestant.label)}-{k}"
        files.write_text(path / "transcripts" / f"{name}.txt", episode_text(episode))
        about = {"env": registry.env_spec(contestant.config.env).name, "team": contestant.label,
                 "algo": contestant.algo, "split": "eval"}
        write_replay(path / "replays" / f"{name}.json", replay_of(episode, **about))


def labels(specs: Sequence[TeamSpec]) -> list[str]:
    """A short name for each team; the whole one where two short ones agree.

    Raises:
        ConfigError: a team is named twice.
    """
    short = [spec.kind.label(spec.name) or str(spec) for spec in specs]
    names = [
        str(spec) if short.count(name) > 1 else name
        for spec, name in zip(specs, short, strict=True)
    ]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ConfigError(f"team {twice[0]!r} is named twice", fix="name each team once")
    return names
