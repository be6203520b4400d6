"""Episodes of the last iterations, to be learned from again, and their part of a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from colllm_bench.types import Episode, Trajectory, Turn, written


class ReplayBuffer:
    """The episodes of the ``iterations - 1`` iterations before the present one.

    Kept are token ids, log-probabilities as sampled, rewards and end flags: what actors and
    learned critics read. What environments told beside (``info``, ``score``) is not.

    Args:
        iterations: the present one and those before it that are learned from.
        texts: whether texts and agents' names are kept too, for critics that read those. Episodes
            are then replayed as a checkpoint gives them back, resumed or not: what a critic finds
            in them does not depend on where a run was interrupted.
    """

    def __init__(self, iterations: int, texts: bool = False):
        self.iterations, self.texts = iterations, texts
        self.groups: list[list[Episode]] = []
        """Of each iteration, the oldest first."""

    @property
    def episodes(self) -> list[Episode]:
        """All of them, the oldest first."""
        return [episode for group in self.groups for episode in group]

    def add(self, episodes: Sequence[Episode]) -> None:
        """Keep an iteration's episodes for the next ones, and forget the oldest."""
        kept = list(episodes)
        if self.texts:
            kept = _unpacked(self._state(kept))
        for episode in kept:
            episode.replayed = True
        self.groups = [*self.groups, kept][1 - self.iterations :]

    def state_dict(self) -> list[dict[str, Any]]:
        return [self._state(group) for group in self.groups]

    def _state(self, episodes: Sequence[Episode]) -> dict[str, Any]:
        return _packed(episodes) | (_texts(episodes) if self.texts else {})

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        self.groups = [_unpacked(group) for group in state]


def _texts(episodes: Sequence[Episode]) -> dict[str, list[tuple[str, ...]]]:
    """``about``: of each trajectory name and instructions; ``texts``: of each turn observation and
    action."""
    trajectories = [x for episode in episodes for x in episode.trajectories]
    return {
        "about": [(x.agent, x.instructions) for x in trajectories],
        "texts": [(t.observation, written(t.action_text)) for x in trajectories for t in x.turns],
    }


def _packed(episodes: Sequence[Episode]) -> dict[str, Any]:
    """Flat tensors: ``ids`` and ``logprobs`` of all turns one after the other, ``lengths`` [turns,
    2] of prompts and actions, ``rewards`` [turns], ``ends`` [turns, 2], ``final`` ids, ``shapes``
    [trajectories, 3]: episode, turns, length of ``final`` (-1: none), ``seeds`` [episodes, 2]."""
    places = [(e, x) for e, episode in enumerate(episodes) for x in episode.trajectories]
    turns = [turn for _, x in places for turn in x.turns]
    final = [x.final_prompt_ids for _, x in places]
    return {
        "ids": _ints(i for t in turns for i in [*written(t.prompt_ids), *written(t.action_ids)]),
        "logprobs": torch.tensor(
            [p for turn in turns for p in written(turn.logprobs)], dtype=torch.float32
        ),
        "lengths": _ints(
            n for t in turns for n in (len(written(t.prompt_ids)), len(written(t.action_ids)))
        ).view(-1, 2),
        "rewards": torch.tensor([written(t.reward) for t in turns], dtype=torch.float64),
        "ends": torch.tensor([(bool(t.terminated), bool(t.truncated)) for t in turns]),
        "final": _ints(i for ids in final for i in ids or ()),
        "shapes": _ints(
            n for (e, x), ids in zip(places, final, strict=True)
            for n in (e, len(x.turns), -1 if ids is None else len(ids))
        ).view(-1, 3),
        "seeds": torch.tensor([(e.seed, e.group) for e in episodes], dtype=torch.int64),
    }


def _ints(numbers: Iterable[int]) -> torch.Tensor:
    return torch.tensor(list(numbers), dtype=torch.int32)


def _unpacked(state: dict[str, Any]) -> list[Episode]:
    """The episodes again. Without :func:`_texts` agents have their index for a name."""
    about, texts = iter(state.get("about", ())), iter(state.get("texts", ()))
    ids, logprobs = iter(state["ids"].tolist()), iter(state["logprobs"].tolist())
    final = iter(state["final"].tolist())
    rows = zip(
        state["lengths"].tolist(), state["rewards"].tolist(), state["ends"].tolist(), strict=True
    )
    episodes = [Episode(seed, group, [], replayed=True) for seed, group in state["seeds"].tolist()]
    for number, count, after in state["shapes"].tolist():
        own = episodes[number].trajectories
        name, instructions = next(about, (str(len(own)), ""))
        trajectory = Trajectory(name, len(own), instructions)
        for _ in range(count):
            (prompt, action), reward, (terminated, truncated) = next(rows)
            seen, done = next(texts, ("", None))
            trajectory.turns.append(Turn(
                seen, [next(ids) for _ in range(prompt)], [next(ids) for _ in range(action)],
                [next(logprobs) for _ in range(action)], done,
                reward=reward, terminated=terminated, truncated=truncated,
            ))
        if after >= 0:
            trajectory.final_prompt_ids = [next(final) for _ in range(after)]
        own.append(trajectory)
    return episodes
