"""Who plays: the language-model team, scripted teams to compare it with, and mixed ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from colllm_bench.models.sampling import RowStreams
from colllm_bench.rollout import Player
from colllm_bench.seeding import derive
from colllm_bench.types import Episode, Transcript, Turn


def twins(episodes: Sequence[Episode]) -> list[int]:
    """[episodes] how many before it start from the same seed: tells equal starts apart."""
    seen: Counter[int] = Counter()
    numbers = []
    for episode in episodes:
        numbers.append(seen[episode.seed])
        seen[episode.seed] += 1
    return numbers


class TeamPlayer:
    """A team of language models, all agents of all episodes in one batch.

    Args:
        team: a :class:`colllm_bench.models.team_policy.Team`.
        generator: ``torch.Generator`` on the team's device; every sampled token comes from it.
        temperature: of sampling; 0 plays greedily.
        max_action_tokens: longest action.
        seed: instead of ``generator``: a stream for every agent, episode and turn, so that
            an agent says the same whoever else is in the batch
            (:class:`colllm_bench.models.sampling.RowStreams`).
    """

    def __init__(
        self,
        team: Any,
        *,
        generator: Any = None,
        temperature: float,
        max_action_tokens: int,
        seed: int | None = None,
    ):
        self.team = team
        self.generator = generator
        self.seed = seed
        self.temperature = temperature
        self.max_action_tokens = max_action_tokens

    def begin(self, episodes: Sequence[Episode]) -> None:
        self.running = list(episodes)
        self.session = self.team.session(
            len(episodes),
            generator=self._streams() if self.seed is not None else self.generator,
            temperature=self.temperature,
            max_action_tokens=self.max_action_tokens,
        )

    def _streams(self) -> RowStreams:
        places = list(zip(self.running, twins(self.running), strict=True))
        names = [
            (self.running[0].transcripts[a].agent, episode.seed, twin)
            for a in range(len(self.running[0].transcripts))
            for episode, twin in places
        ]
        return RowStreams(self.seed, names, self.max_action_tokens)

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        flat: list[Turn | None] = []
        for a in range(len(turns[0])):
            for episode, own in zip(self.running, turns, strict=True):
                turn = own[a]
                if turn is not None:
                    turn.prompt_ids = self._prompt(episode.transcripts[a], turn.observation)
                flat.append(turn)
        sampled = self.session.act([turn and turn.prompt_ids for turn in flat])
        for turn, result in zip(flat, sampled, strict=True):
            if turn is not None:
                turn.action_ids, turn.logprobs = result
                turn.action_text = self.team.prompts.text(turn.action_ids)

    def keep(self, running: Sequence[int]) -> None:
        self.running = [self.running[i] for i in running]
        if running:
            self.session.keep(list(running))

    def observe_end(self, transcript: Transcript, observation: str) -> None:
        transcript.final_prompt_ids = self._after(transcript.turns[-1], observation)

    def _prompt(self, transcript: Transcript, observation: str) -> list[int]:
        if len(transcript.turns) == 1:
            return self.team.prompts.first(transcript.instructions, observation)
        return self._after(transcript.turns[-2], observation)

    def _after(self, previous: Turn, observation: str) -> list[int]:
        ended = previous.action_ids[-1] in self.team.prompts.end_ids
        return self.team.prompts.next(observation, ended=ended)


class ScriptedPlayer:
    """A team of scripted policies, one object an agent, each seeing only its own text.

    Args:
        policy: a class with ``reset(agent, instructions, seed)`` and ``act(observation, info)``.
        seed: with the episode's seed and the agent, seeds each policy; where several episodes
            start from one seed, each has policies of its own.
    """

    def __init__(self, policy: Callable[[], Any], seed: int = 0):
        self.policy = policy
        self.seed = seed

    def begin(self, episodes: Sequence[Episode]) -> None:
        self.policies = [
            [self._policy(episode, twin, transcript) for transcript in episode.transcripts]
            for episode, twin in zip(episodes, twins(episodes), strict=True)
        ]

    def _policy(self, episode: Episode, twin: int, transcript: Transcript) -> Any:
        # Not the place in the batch: how a team plays a task must not depend on its company.
        policy = self.policy()
        seed = derive(self.seed, "scripted", episode.seed, twin, transcript.agent)
        policy.reset(transcript.agent, transcript.instructions, seed)
        return policy

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        for policies, own in zip(self.policies, turns, strict=True):
            for policy, turn in zip(policies, own, strict=True):
                if turn is not None:
                    turn.action_text = policy.act(turn.observation, turn.info)

    def keep(self, running: Sequence[int]) -> None:
        self.policies = [self.policies[i] for i in running]

    def observe_end(self, transcript: Transcript, observation: str) -> None:
        pass


class MixedPlayer:
    """A team whose seats are played by several players, each seeing its own seats only.

    Args:
        parts: (player, seats) pairs; ``seats`` are places in ``possible_agents``, and all
            pairs together have every seat once.
    """

    def __init__(self, parts: Sequence[tuple[Player, Sequence[int]]]):
        self.parts = [(player, list(seats)) for player, seats in parts]
        self._of_seat = {seat: player for player, seats in self.parts for seat in seats}

    def begin(self, episodes: Sequence[Episode]) -> None:
        for player, seats in self.parts:
            # The same transcripts, fewer of them: what a player writes is the episode's.
            player.begin([
                Episode(e.seed, e.group, [e.transcripts[seat] for seat in seats]) for e in episodes
            ])

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        for player, seats in self.parts:
            player.act([[own[seat] for seat in seats] for own in turns])

    def keep(self, running: Sequence[int]) -> None:
        for player, _ in self.parts:
            player.keep(running)

    def observe_end(self, transcript: Transcript, observation: str) -> None:
        self._of_seat[transcript.index].observe_end(transcript, observation)

    def close(self) -> None:
        for player, _ in self.parts:
            close(player)


def close(player: Player) -> None:
    """Let go of what a player holds (processes, connections); most hold nothing."""
    if hasattr(player, "close"):
        player.close()
