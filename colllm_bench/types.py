"""The datum: a turn, an agent's transcript of turns, and a team's episode.

The fields of :class:`Turn` stand in the order of its life. Each comment names the one
function that writes the field; ``None`` means "not there yet", never 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Turn:
    """One agent's turn, from what it saw to what it learned."""

    observation: str
    """What the environment showed the agent. Written by ``rollout``, from the environment."""
    prompt_ids: list[int] | None = None
    """Token ids appended to the transcript before the action: chat markup and observation
    (and, in the first turn, the instructions). Written by ``prompts.PromptBuilder``."""
    action_ids: list[int] | None = None
    """The token ids that were sampled, the end-of-turn token included if the model wrote it.
    These ids are trained on; the text is never tokenized again. Written by ``team.Session.act``."""
    logprobs: list[float] | None = None
    """Log-probability of each of ``action_ids`` when it was sampled.
    Written by ``team.Session.act``."""
    action_text: str | None = None
    """``action_ids`` as text without markup, as handed to the environment.
    Written by ``rollout``."""
    reward: float | None = None
    """The team reward that followed. Written by ``rollout``, from the environment."""
    terminated: bool | None = None
    """The task itself ended with this turn: nothing follows, no bootstrap.
    Written by ``rollout``."""
    truncated: bool | None = None
    """The episode was cut off after this turn: what would follow is bootstrapped.
    Written by ``rollout``."""
    info: dict[str, Any] | None = None
    """Components of the score, ``invalid``, ``notice``, ``success``. Written by ``rollout``."""
    value: float | None = None
    """The critic's V(h_t), read before the action. Written by ``Algorithm.credit``."""
    return_: float | None = None
    """The critic's target (or, without a critic, the return-to-go).
    Written by ``Algorithm.credit``."""
    advantage: float | None = None
    """The turn's advantage, the same for each of its action tokens.
    Written by ``Algorithm.credit``."""


@dataclass(slots=True)
class Trajectory:
    """One agent's append-only transcript of an episode."""

    agent: str
    """The environment's name of the agent."""
    index: int
    """The agent's place in ``possible_agents``: which adapter wrote the actions."""
    instructions: str
    """Role, rules and grammar, given once at reset."""
    turns: list[Turn] = field(default_factory=list)
    final_prompt_ids: list[int] | None = None
    """Ids of the observation after the last turn, only when the episode was truncated:
    the critic reads its bootstrap value there. Written by ``rollout``."""
    final_value: float | None = None
    """The bootstrap value at ``final_prompt_ids``. Written by ``Algorithm.credit``."""


@dataclass(slots=True)
class Episode:
    """A team's episode: every agent's transcript, and what the team got."""

    seed: int
    """Seed of the environment's reset: with the split, it names the task."""
    group: int
    """Episodes of one group started from the same state (Monte-Carlo baselines compare them)."""
    trajectories: list[Trajectory]
    """One an agent, in the order of ``possible_agents``."""
    success: bool | None = None
    """The environment's own verdict at the end. Written by ``rollout``."""
    score: dict[str, float] = field(default_factory=dict)
    """The environment's named components of the score at the end. Written by ``rollout``."""
    context_exceeded: bool = False
    """A transcript reached the end of a model's context: the episode was truncated there, or its
    first observation shortened. Written by ``LanguageModelTeam.act``."""
    frames: list[dict[str, Any]] = field(default_factory=list)
    """What a spectator sees, at the start and after each turn; empty unless it was asked for.
    Written by ``rollout``."""

    @property
    def rewards(self) -> list[float]:
        """Team reward of each turn (of the longest transcript: the team shares one reward)."""
        longest = max(self.trajectories, key=lambda trajectory: len(trajectory.turns))
        return [float(turn.reward) for turn in longest.turns]

    @property
    def return_(self) -> float:
        """Undiscounted sum of the team reward."""
        return float(sum(self.rewards))
