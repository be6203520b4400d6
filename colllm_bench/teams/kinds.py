"""What a kind of team is, and the kinds that come with the package.

A kind says which command-line words name a team of it, how such a team is loaded, and what
tables and records say of it. Another kind is a subclass in a file of one's own
(docs/evaluation.md has one): no other module knows kinds by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.runs.folder import holds_run, read_config
from colllm_bench.setup.resolve import load_algorithm, resolve

if TYPE_CHECKING:
    from colllm_bench.teams.base import Team
    from colllm_bench.teams.endpoint.client import Endpoint


@dataclass(frozen=True)
class LoadOptions:
    """How a team plays, and what it may use while it does.

    Attributes:
        temperature: of sampling; 0 is greedy.
        seed: of sampling.
        seats: the seats to load, as indices in ``possible_agents``; None: all.
        decentralized: every agent in a process of its own.
        endpoint: the server, for kinds with ``takes_endpoint_options``; None: its defaults.
        path: file for answers that cost money or time, read again by a later call; None: none.
        notify: called with a line of text that says how far the team is.
    """

    temperature: float
    seed: int
    seats: Sequence[int] | None = None
    decentralized: bool = False
    endpoint: Endpoint | None = None
    path: Path | None = None
    notify: Callable[[str], None] | None = None


class TeamKind:
    """A kind of team. Subclass it, set the attributes that differ, and define :meth:`load`.

    One object serves all teams of the kind, so it keeps nothing of a single team: ``name`` in
    the methods is what follows the kind's own word on the command line (``MODEL`` in
    ``openai:MODEL``; empty for kinds without one).

    Attributes:
        word: names the kind on the command line and in records, such as ``openai``.
        argument: what follows after a colon, as help texts call it, such as ``MODEL``; empty:
            nothing follows.
        aliases: other words for it.
        help: a line for ``--help``.
        title: what tables call such a team; None: its label.
        rank: place in tables, weakest first: 0 random, 1 untrained, 2 most, 3 expert.
        is_reference: scores are measured by this team: ``evaluate`` always plays it.
        is_run: the team of a run folder, which brings its algorithm.
        learned: its weights stand on the model of ``--model``; in cross-play all such teams
            must have the same one.
        brief_only: it reads the brief style and acts agent by agent, whatever the settings.
        takes_endpoint_options: it is asked over HTTP, and reads ``--base-url`` and so on.
        whole_batch: all its episodes are played at a time, unless ``--batch`` says otherwise.
    """

    word: ClassVar[str] = ""
    argument: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    help: ClassVar[str] = ""
    title: ClassVar[str | None] = None
    rank: ClassVar[int] = 2
    is_reference: ClassVar[bool] = False
    is_run: ClassVar[bool] = False
    learned: ClassVar[bool] = False
    brief_only: ClassVar[bool] = False
    takes_endpoint_options: ClassVar[bool] = False
    whole_batch: ClassVar[bool] = False

    @property
    def usage(self) -> str:
        """How to write such a team, for help texts and errors."""
        return f"{self.word}:{self.argument}" if self.argument else self.word

    def parse(self, text: str) -> str | None:
        """The ``name`` of the team that ``text`` names; None: no team of this kind.

        Raises:
            ConfigError: a team of this kind, but a wrong one.
        """
        word, colon, name = text.partition(":")
        if word not in (self.word, *self.aliases):
            return None
        if not self.argument:
            return None if colon else ""
        if not name:
            raise ConfigError(f"team {text!r} names no {self.argument.lower()}", fix=self.usage)
        return name

    def write(self, name: str) -> str:
        """The text that names the team: :meth:`parse` of it is ``name``."""
        return f"{self.word}:{name}" if self.argument else self.word

    # -- settings

    def recorded(self, name: str) -> RunConfig | None:
        """The settings that the team was made with; None: it has none of its own."""
        return None

    def fixed(self, name: str) -> dict[str, Any]:
        """Fields of RunConfig that the team brings with it: no option changes them."""
        return {}

    def config(self, name: str, base: RunConfig) -> RunConfig:
        """The settings that the team plays with, resolved; ``base``: the task."""
        recorded = self.recorded(name)
        return resolve(recorded or base.replace(**self.fixed(name)))

    # -- play

    def available(self, config: RunConfig) -> bool:
        """Whether there is such a team for the environment of ``config``."""
        return True

    def load(self, name: str, config: RunConfig, options: LoadOptions) -> Team:
        """The team itself.

        Args:
            config: the task and how it is played, resolved.

        Raises:
            ConfigError: the team is not there, or does not fit the environment.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method load")

    def centralized(self, config: RunConfig) -> bool:
        """Whether one controller acts for all agents under these settings."""
        return not self.brief_only and load_algorithm(config.algo).centralized_execution

    def usage_of(self, team: Team) -> dict[str, Any] | None:
        """What a team used, for the record (requests, tokens, cost); None: nothing to tell."""
        return None

    # -- words

    def describe(self, name: str, config: RunConfig, options: LoadOptions) -> dict[str, Any]:
        """What the record says of the team beside its name: enough to play it again, no secret."""
        settings = ("model", "style", "max_action_tokens", "seed")
        return {
            **{field: getattr(config, field) for field in settings},
            "centralized": self.centralized(config), "temperature": options.temperature,
        }

    def label(self, name: str) -> str:
        """What the team is called in tables and records; :meth:`write` where two would agree."""
        return self.write(name)

    def seat_label(self, name: str, *, long: bool = False) -> str:
        """A few words for the team beside a seat; ``long``: enough to find it again."""
        return self.title or self.write(name)


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
        from colllm_bench.teams.loading import load_trained, sampled_team, seat_names

        agents = seat_names(config, options.seats)
        if options.decentralized:
            from colllm_bench.teams.decentralized import DecentralizedTeam

            return DecentralizedTeam(Path(name), agents, config, temperature=options.temperature,
                                     seed=options.seed)
        return sampled_team(load_trained(name, agents, config), config, options)

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
        from colllm_bench.teams.loading import build_team, sampled_team, seat_names

        agents = seat_names(config, options.seats)
        policy = build_team(config.replace(share="all", tuning="lora"), agents)
        return sampled_team(policy, config, options)


class ReferenceKind(TeamKind):
    """A scripted team of the environment, by which scores are measured.

    ``word`` is the field of :class:`colllm_bench.registry.EnvSpec` that names its policy.
    """

    is_reference = True
    brief_only = True

    def entry(self, config: RunConfig) -> str | None:
        """``"module:Class"`` of the policy; None: the environment has none."""
        return getattr(registry.env_spec(config.env), self.word, None)

    def available(self, config: RunConfig) -> bool:
        return self.entry(config) is not None

    def load(self, name: str, config: RunConfig, options: LoadOptions) -> Team:
        from colllm_bench.teams.scripted import ScriptedTeam

        entry = self.entry(config)
        if entry is None:
            raise ConfigError(f"environment {config.env!r} has no {self.word} team",
                              fix="another team, or register one with the environment")
        return ScriptedTeam(registry.load(entry, "policy"))

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
