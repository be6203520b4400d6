"""What a kind of team is: how a command line names it, how it is loaded, what records say of it.

:mod:`colllm_bench.teams.builtin_kinds` has the kinds of the package. Another kind is a subclass
in a user's file (docs/evaluation.md has one): no other module knows kinds by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
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
