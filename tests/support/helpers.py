"""What several tests do: build a team, let it play, put its play into a batch."""

from __future__ import annotations

import random

import torch

from colllm_bench.config import RunConfig
from colllm_bench.models.team_policy import TeamPolicy
from colllm_bench.objectives.batches import TokenBatch, collate
from colllm_bench.types import Episode, Trajectory, Turn

WORDS = "north gate holds 3 guards left fort fell send scout keep west morale".split()


def config_for(folder: str, **changes) -> RunConfig:
    return RunConfig.of(model=folder, device="cpu", lora_rank=4, lora_alpha=8.0, **changes)


def build_team(folder: str, agents: int = 2, seed: int = 0, roles=None, critics=0, **changes):
    names = [f"agent_{i}" for i in range(agents)]
    generator = torch.Generator().manual_seed(seed)
    return TeamPolicy.build(
        config_for(folder, **changes), names, generator=generator, critic_slots=critics, roles=roles
    )


@torch.no_grad()
def shake(team: TeamPolicy, seed: int = 1, scale: float = 0.15) -> None:
    """Move every policy away from the base and from the others."""
    generator = torch.Generator().manual_seed(seed)
    for tensors in team.parameters().values():
        for tensor in tensors:
            tensor.add_(torch.randn(tensor.shape, generator=generator) * scale)


def play(
    team: TeamPolicy,
    episodes: int = 3,
    turns: int = 3,
    *,
    seed: int = 0,
    temperature: float = 1.0,
    drop: dict[int, list[int]] | None = None,
    max_action_tokens: int = 4,
    instructions: str = "hold the fort",
    **options,
) -> list[Episode]:
    """Episodes with made-up observations of different lengths. ``drop`` maps a turn to the
    positions that go on after it."""
    rng = random.Random(seed)
    done = [
        Episode(e, e, [Trajectory(name, a, instructions) for a, name in enumerate(team.agents)])
        for e in range(episodes)
    ]
    running = list(done)
    generator = torch.Generator().manual_seed(seed)
    session = team.session(
        episodes, generator=generator, temperature=temperature,
        max_action_tokens=max_action_tokens, **options,
    )
    for t in range(turns):
        turn_of = {}
        for a in range(len(team.agents)):
            for episode in running:
                turn = Turn(" ".join(rng.choices(WORDS, k=rng.randint(1, 6))))
                trajectory = episode.trajectories[a]
                if t == 0:
                    text = turn.observation
                    turn.prompt_ids = team.prompts.first_turn(trajectory.instructions, text)
                else:
                    ended = trajectory.turns[-1].action_ids[-1] in team.prompts.end_ids
                    turn.prompt_ids = team.prompts.next_turn(turn.observation, ended=ended)
                trajectory.turns.append(turn)
                turn_of[len(turn_of)] = turn
        results = session.generate([turn.prompt_ids for turn in turn_of.values()])
        for turn, (ids, logprobs) in zip(turn_of.values(), results):
            turn.action_ids, turn.logprobs, turn.reward = ids, logprobs, 0.0
            turn.action_text = team.prompts.text(ids)
        if drop and t in drop:
            session.keep(drop[t])
            running = [running[i] for i in drop[t]]
    return done


def batch_of(team: TeamPolicy, episodes: list[Episode]) -> TokenBatch:
    return collate(episodes, team.prompts.pad_id, team.device)
