"""Who plays: the language-model team, and scripted teams to compare it with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from colllm_bench.seeding import derive
from colllm_bench.types import Episode, Transcript, Turn


class TeamPlayer:
    """A team of language models, all agents of all episodes in one batch.

    Args:
        team: a :class:`colllm_bench.team.Team`.
        generator: ``torch.Generator`` on the team's device; every sampled token comes from it.
        temperature: of sampling; 0 plays greedily.
        max_action_tokens: longest action.
    """

    def __init__(self, team: Any, *, generator: Any, temperature: float, max_action_tokens: int):
        self.team = team
        self.generator = generator
        self.temperature = temperature
        self.max_action_tokens = max_action_tokens

    def begin(self, episodes: Sequence[Episode]) -> None:
        self.running = list(episodes)
        self.session = self.team.session(
            len(episodes),
            generator=self.generator,
            temperature=self.temperature,
            max_action_tokens=self.max_action_tokens,
        )

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
        self.policies = []
        seen: Counter[int] = Counter()
        for episode in episodes:
            twin = seen[episode.seed]
            seen[episode.seed] += 1
            self.policies.append([self._policy(episode, twin, x) for x in episode.transcripts])

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
