"""The datum: a turn, an agent's trajectory of turns, and a team's episode.

The fields of :class:`Turn` stand in the order of its life. Each docstring names the function
that writes the field; ``None`` means "not there yet", never 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


def written(value: T | None) -> T:
    """The value of a field that must have been written by now.

    Raises:
        ValueError: it is still None: the step that writes it was left out.
    """
    if value is None:
        raise ValueError("a field of a turn or a setting was read before it was written")
    return value


@dataclass(slots=True)
class Turn:
    """One agent's turn, from what it saw to what it learned."""

    observation: str
    """What the environment showed the agent. Written by ``rollout._next_turns``."""
    prompt_ids: list[int] | None = None
    """Token ids added to the trajectory before the action: chat markup and observation (and, in
    the first turn, the instructions). Written by ``LanguageModelTeam.act``."""
    action_ids: list[int] | None = None
    """The token ids that were sampled, the end-of-turn token included if the model wrote it.
    These ids are trained on; the text is never tokenized again.
    Written by ``LanguageModelTeam.act``."""
    logprobs: list[float] | None = None
    """Log-probability of each of ``action_ids`` when it was sampled.
    Written by ``LanguageModelTeam.act``, with ``--rollouts vllm`` again by ``correct_for_engine``.
    """
    action_text: str | None = None
    """``action_ids`` as text without markup, as handed to the environment. Written by
    ``LanguageModelTeam.act`` (or the ``act`` of whichever team plays)."""
    reward: float | None = None
    """The team reward that followed. Written by ``rollout._step``."""
    terminated: bool | None = None
    """The task itself ended with this turn: nothing follows, no bootstrap.
    Written by ``rollout._step``."""
    truncated: bool | None = None
    """The episode was cut off after this turn: what would follow is bootstrapped.
    Written by ``rollout._step``."""
    info: dict[str, Any] | None = None
    """Legal actions before the turn; components of the score, ``invalid``, ``notice``, ``success``
    after it. Written by ``rollout._next_turns``, then ``rollout._step``."""
    log_ratio: float | None = None
    """Log of how much likelier the action is to the present policy than to the one that sampled
    it; None: they are the same. Written by ``ActorLearner.write_log_ratios`` (``--replay``)."""
    value: float | None = None
    """The critic's V(h_t), read before the action. Written by ``CriticLearner.write_values``."""
    values: list[float] | None = None
    """Further values of a turn that some of its actions are known to (``seq``, ``hier``), or of a
    critic of your own. Written by ``CriticLearner.write_values``."""
    return_: float | None = None
    """The critic's target (or, without a critic, the return-to-go).
    Written by ``Algorithm.compute_advantages``."""
    returns: list[float] | None = None
    """Targets of ``values``, one of each, where they are not ``return_`` (off policy a value that
    knows some actions has another).
    Written by ``HierarchicalCritic._write_targets``, ``SequentialCredit._corrected``."""
    advantage: float | None = None
    """The turn's advantage, the same for each of its action tokens.
    Written by ``Algorithm.compute_advantages``."""
    sampling_factors: list[float] | None = None
    """With another engine (``--rollouts vllm``): the weight of each of ``action_ids``, the ratio of
    the policy's probability and the engine's, truncated; None: the policy sampled itself.
    Written by ``correct_for_engine``."""


@dataclass(slots=True)
class Trajectory:
    """One agent's part of an episode: an append-only list of turns."""

    agent: str
    """The environment's name of the agent."""
    index: int
    """The agent's place in ``possible_agents``: which adapter wrote the actions."""
    instructions: str
    """Role, rules and grammar, given once at reset."""
    turns: list[Turn] = field(default_factory=list)
    final_prompt_ids: list[int] | None = None
    """Ids of the observation after the last turn, only when the episode was truncated:
    the critic reads its bootstrap value there. Written by ``LanguageModelTeam.observe_final``."""
    final_value: float | None = None
    """The bootstrap value at ``final_prompt_ids``. Written by ``CriticLearner.write_values``."""


@dataclass(slots=True)
class Episode:
    """A team's episode: every agent's trajectory, and what the team got."""

    seed: int
    """Seed of the environment's reset: with the split, it names the task."""
    group: int
    """Episodes of one group started from the same state (Monte-Carlo baselines compare them)."""
    trajectories: list[Trajectory]
    """One an agent, in the order of ``possible_agents``."""
    success: bool | None = None
    """The environment's own verdict at the end. Written by ``rollout._step``."""
    score: dict[str, float] = field(default_factory=dict)
    """The environment's named components of the score at the end. Written by ``rollout._step``."""
    context_exceeded: bool = False
    """A trajectory reached the end of a model's context: the episode was truncated there, or its
    first observation shortened. Written by ``LanguageModelTeam._exceeded``."""
    replayed: bool = False
    """Played by the policy of an earlier iteration. Written by ``ReplayBuffer.add``."""
    frames: list[dict[str, Any]] = field(default_factory=list)
    """What a spectator sees, at the start and after each turn; empty unless it was asked for.
    Written by ``rollout._step``."""

    @property
    def rewards(self) -> list[float]:
        """Team reward of each turn (of the longest trajectory: the team shares one reward)."""
        longest = max(self.trajectories, key=lambda trajectory: len(trajectory.turns))
        return [float(written(turn.reward)) for turn in longest.turns]

    @property
    def return_(self) -> float:
        """Undiscounted sum of the team reward."""
        return float(sum(self.rewards))
