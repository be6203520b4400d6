"""A team of language models."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from colllm_bench.config import RunConfig
from colllm_bench.seeding import derive, torch_generator
from colllm_bench.teams.base import Team, replicas
from colllm_bench.teams.thoughts import without_thoughts
from colllm_bench.types import Episode, Trajectory, Turn


def streams_of(config: RunConfig, device: Any, *names: object) -> dict[str, Any]:
    """Where a run's team gets its random numbers for the stream ``names``, as arguments of
    :class:`LanguageModelTeam`: one generator, or (``random_streams`` ``episode``) a seed."""
    if config.random_streams == "episode":
        return {"seed": derive(config.seed, *names)}
    return {"generator": torch_generator(config.seed, *names, device=device)}


class LanguageModelTeam(Team):
    """A team of language models, all agents of all episodes in one batch.

    Args:
        team: a :class:`colllm_bench.models.team_policy.TeamPolicy`.
        generator: ``torch.Generator`` on the team's device; every sampled token comes from it.
        temperature: of sampling; 0 plays greedily.
        max_action_tokens: longest action.
        seed: instead of ``generator``: a stream for every agent, episode and turn, so that
            an agent says the same whoever else is in the batch
            (:class:`colllm_bench.models.sampling.PerTurnRandom`).
        replicas: with ``seed``, which of the episodes that start alike each is; None: counted
            among those that are played here.
        engine: what samples for the team
            (:class:`colllm_bench.models.vllm_engine.VLLMEngine`); None: the team itself.
    """

    def __init__(
        self,
        team: Any,
        *,
        generator: Any = None,
        temperature: float,
        max_action_tokens: int,
        seed: int | None = None,
        replicas: Sequence[int] | None = None,
        engine: Any = None,
    ):
        self.team = team
        self.engine = team if engine is None else engine
        self.generator = generator
        self.seed, self.replicas = seed, replicas
        self.temperature = temperature
        self.max_action_tokens = max_action_tokens

    def reset(self, episodes: Sequence[Episode]) -> None:
        self.running = list(episodes)
        self.session = self.engine.session(
            len(episodes),
            generator=self._streams() if self.seed is not None else self.generator,
            temperature=self.temperature,
            max_action_tokens=self.max_action_tokens,
        )

    def _streams(self) -> Any:
        """A stream of random numbers for every agent, episode and turn."""
        from colllm_bench.models.sampling import PerTurnRandom  # torch

        numbers = replicas(self.running) if self.replicas is None else self.replicas
        places = list(zip(self.running, numbers, strict=True))
        names = [
            (self.running[0].trajectories[a].agent, episode.seed, replica)
            for a in range(len(self.running[0].trajectories))
            for episode, replica in places
        ]
        return PerTurnRandom(self.seed, names, self.max_action_tokens)

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        flat: list[Turn | None] = []
        for a in range(len(turns[0])):
            for episode, own in zip(self.running, turns, strict=True):
                turn = own[a]
                if turn is not None:
                    turn.prompt_ids = self._prompt(episode, episode.trajectories[a], turn)
                flat.append(turn)
        sampled = self.session.generate([turn and turn.prompt_ids for turn in flat])
        for row, (turn, result) in enumerate(zip(flat, sampled, strict=True)):
            if turn is not None and result is None:
                self._exceeded(self.running[row % len(self.running)])
            elif turn is not None:
                turn.action_ids, turn.logprobs = result
                turn.action_text = self._answer(turn.action_ids)

    def _answer(self, action_ids: Sequence[int]) -> str:
        """What an action says to the environment: thoughts are sampled and trained on only."""
        prompts = self.team.prompts
        opening = "<think>" if prompts.template.opens_thought else ""
        return without_thoughts(opening + prompts.text(action_ids))

    def _exceeded(self, episode: Episode) -> None:
        episode.context_exceeded = True
        warnings.warn(
            "a transcript reached the end of the model's context of "
            f"{self.team.prompts.context_length} tokens: such episodes are truncated there",
            stacklevel=2,
        )

    def keep_running(self, running: Sequence[int]) -> None:
        self.running = [self.running[i] for i in running]
        if running:
            self.session.keep(list(running))

    def observe_final(self, trajectory: Trajectory, observation: str) -> None:
        ids = self._after(trajectory.turns[-1], observation)
        context = self.team.prompts.context_length
        if context is not None:
            turns = trajectory.turns
            ids = ids[: context - sum(len(x.prompt_ids) + len(x.action_ids) for x in turns)]
        trajectory.final_prompt_ids = ids

    def _prompt(self, episode: Episode, trajectory: Trajectory, turn: Turn) -> list[int]:
        if len(trajectory.turns) > 1:
            return self._after(trajectory.turns[-2], turn.observation)
        prompts, instructions = self.team.prompts, trajectory.instructions
        ids = prompts.first_turn(instructions, turn.observation)
        reserve = self.max_action_tokens + 1
        if prompts.fits(len(ids) + reserve):
            return ids
        # An episode has a turn at least: the task is shown as far as it fits.
        self._exceeded(episode)
        text = prompts.shortened(instructions, turn.observation, reserve)
        return prompts.first_turn(instructions, text)

    def _after(self, previous: Turn, observation: str) -> list[int]:
        ended = previous.action_ids[-1] in self.team.prompts.end_ids
        return self.team.prompts.next_turn(observation, ended=ended)
