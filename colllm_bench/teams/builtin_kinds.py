"""The kinds of team that come with the package: runs, the untrained model, references, endpoints.

Functions import what loads a team, so that ``--help`` does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.runs.folder import holds_run, read_config
from colllm_bench.teams.base import Team
from colllm_bench.teams.kinds import LoadOptions, TeamKind


class RunKind(TeamKind):
    """The trained team of a run folder."""

    word = "run"
    help = "a run folder: its trained team (of an unfinished run, its last checkpoint's)"
    is_run = True
    learned = True

    @property
    def usage(self) -> str:
        return "a run folder"

    def parse(self, text: str) -> str | None:
        path = Path(text)
        if path.name == "team" and not holds_run(path):
            path = path.parent
        if not path.exists():
            return None
        if not holds_run(path):
            runs = sorted(p.parent for p in path.rglob("config.json") if holds_run(p.parent))
            fix = f"one of its runs, such as {runs[0]}" if runs else "check the path"
            raise ConfigError(f"{path} holds no run: no config.json in it",
                              allowed="a run folder", fix=fix)
        return str(path)

    def write(self, name: str) -> str:
        return name

    def recorded(self, name: str) -> RunConfig:
        return read_config(Path(name))

    def fixed(self, name: str) -> dict[str, Any]:
        recorded = self.recorded(name)
        return {field: getattr(recorded, field) for field in ("algo", "model", "chat_template")}

    def load(self, name: str, config: RunConfig, options: LoadOptions) -> Team:
        from colllm_bench.teams.loading import load_trained, seat_names

        agents = seat_names(config, options.seats)
        if options.decentralized:
            from colllm_bench.teams.decentralized import DecentralizedTeam

            return DecentralizedTeam(Path(name), agents, config, temperature=options.temperature,
                                     seed=options.seed)
        return _sampled_team(load_trained(name, agents, config), config, options)

    def describe(self, name: str, config: RunConfig, options: LoadOptions) -> dict[str, Any]:
        from colllm_bench.teams.digest import weights_digest
        from colllm_bench.teams.loading import finished

        return {
            "algo": config.algo, "weights": weights_digest(Path(name)),
            "finished": finished(Path(name)), "decentralized": options.decentralized,
            **super().describe(name, config, options),
        }

    def label(self, name: str) -> str:
        path = Path(name)
        return f"{self.recorded(name).algo}/{path.parent.name}/{path.name}"

    def seat_label(self, name: str, *, long: bool = False) -> str:
        recorded = self.recorded(name)
        short = f"{recorded.algo.rpartition(':')[2]} seed {recorded.seed}"
        return f"{short} ({name})" if long else short


class UntrainedKind(TeamKind):
    """The model without adapters."""

    word, aliases = "untrained", ("model",)
    help = "the model without training (--model)"
    title = "untrained model"
    rank = 1
    learned = True

    def load(self, name: str, config: RunConfig, options: LoadOptions) -> Team:
        from colllm_bench.teams.loading import build_team, seat_names

        agents = seat_names(config, options.seats)
        policy = build_team(config.replace(share="all", tuning="lora"), agents)
        return _sampled_team(policy, config, options)


def _sampled_team(policy: Any, config: RunConfig, options: LoadOptions) -> Team:
    from colllm_bench.teams.language_model import LanguageModelTeam

    return LanguageModelTeam(
        policy, temperature=options.temperature, max_action_tokens=config.max_action_tokens,
        seed=options.seed,
    )


class ReferenceKind(TeamKind):
    """A scripted team of the environment, by which scores are measured.

    ``word`` says which policy: :func:`colllm_bench.registry.policy_of`.
    """

    is_reference = True
    brief_only = True

    def available(self, config: RunConfig) -> bool:
        return registry.policy_of(config.env, self.word) is not None

    def load(self, name: str, config: RunConfig, options: LoadOptions) -> Team:
        from colllm_bench.teams.scripted import ScriptedTeam

        policy = registry.policy_of(config.env, self.word)
        if policy is None:
            raise ConfigError(
                f"environment {config.env!r} has no {self.word} team",
                fix=f"another team, or the environment's attribute {self.word}_policy",
            )
        return ScriptedTeam(policy)

    def describe(self, name: str, config: RunConfig, options: LoadOptions) -> dict[str, Any]:
        return {}


class ScriptedKind(ReferenceKind):
    """The environment's expert: score 1."""

    word, aliases = "scripted", ("expert",)
    help = "the environment's expert"
    title = "scripted expert"
    rank = 3

    def seat_label(self, name: str, *, long: bool = False) -> str:
        return "expert"


class RandomKind(ReferenceKind):
    """The environment's random team: score 0."""

    word = "random"
    help = "the environment's random team"
    title = "random team"
    rank = 0

    def seat_label(self, name: str, *, long: bool = False) -> str:
        return "random"


class BlindKind(ReferenceKind):
    """The environment's best team that looks at nothing but the clock. No score is measured by
    it, so it plays only where it is asked for."""

    word = "blind"
    help = "the environment's best team that looks at nothing but the clock"
    title = "blind team"
    is_reference = False

    def seat_label(self, name: str, *, long: bool = False) -> str:
        return "blind"


class EndpointKind(TeamKind):
    """A model behind an OpenAI-compatible endpoint."""

    word, argument = "openai", "MODEL"
    help = "a model behind an OpenAI-compatible endpoint"
    takes_endpoint_options = True
    whole_batch = True

    def fixed(self, name: str) -> dict[str, Any]:
        return {"model": name}

    def load(self, name: str, config: RunConfig, options: LoadOptions) -> Team:
        from colllm_bench.teams.endpoint.team import EndpointTeam

        return EndpointTeam(
            name, options.endpoint, temperature=options.temperature,
            max_action_tokens=config.max_action_tokens, seed=options.seed, path=options.path,
            notify=options.notify,
        )

    def usage_of(self, team: Team) -> dict[str, Any]:
        return team.cache.summary()

    def describe(self, name: str, config: RunConfig, options: LoadOptions) -> dict[str, Any]:
        from colllm_bench.teams.endpoint.client import Endpoint

        endpoint = options.endpoint or Endpoint()
        return {"base_url": endpoint.address, "options": endpoint.options,
                **super().describe(name, config, options)}
