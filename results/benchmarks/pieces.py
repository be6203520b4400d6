"""The pieces of a training iteration, each against the plain way of doing it.

Every measurement is of CPU seconds in one thread. The alternatives run in turn (A B A B ...),
so that a slow minute of a shared machine hits all of them, and the medians are compared.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable

import torch

from colllm_bench.config import RunConfig
from colllm_bench.models import adapters
from colllm_bench.models.forward import LogitsAt, score_tokens
from colllm_bench.models.team_policy import TeamPolicy
from colllm_bench.objectives.batches import TokenBatch, collate
from colllm_bench.types import Episode, Trajectory, Turn

NEW_TOKENS, ACTION_TOKENS = 12, 2
"""Of a turn of the built-in game: what is seen, and what is written."""


def medians(
    ways: dict[str, Callable[[], object]],
    repeats: int,
    before: dict[str, Callable[[], object]] | None = None,
) -> dict[str, float]:
    """Median CPU seconds of each way; one unmeasured round first.

    Args:
        before: what each way needs done first, unmeasured.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats + 1):
        for name, way in ways.items():
            if before:
                before[name]()
            began = time.process_time()
            way()
            if repeat:
                seconds[name].append(time.process_time() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def build(model: str, agents: int, device: str = "cpu", dtype: str = "float32") -> TeamPolicy:
    config = RunConfig(model=model, device=device, dtype=dtype, agents=agents)
    names = [f"agent_{a}" for a in range(agents)]
    return TeamPolicy.build(config, names, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def shake(team: TeamPolicy) -> None:
    """Policies that differ from the base, as after some training."""
    generator = torch.Generator().manual_seed(1)
    for tensors in team.parameters().values():
        for tensor in tensors:
            noise = torch.randn(tensor.shape, generator=generator) * 0.02
            tensor.add_(noise.to(tensor.device))


class Play:
    """Episodes of random text at the sizes of the built-in game, one turn at a time."""

    def __init__(self, team: TeamPolicy, episodes: int, reuse: str, temperature: float = 1.0):
        self.team, self.rng = team, random.Random(0)
        self.session = team.session(
            episodes, generator=torch.Generator(team.device).manual_seed(0),
            temperature=temperature, max_action_tokens=ACTION_TOKENS, cache_policy=reuse,
            end_ids=(),
        )
        self.episodes = [
            Episode(e, e, [Trajectory(name, a, "") for a, name in enumerate(team.agents)])
            for e in range(episodes)
        ]

    def prepare(self) -> None:
        """The next turn's observations; they differ in length by a token or two."""
        size, self.turns = len(self.team.tokenizer), []
        for a in range(len(self.team.agents)):
            for episode in self.episodes:
                turn = Turn("")
                length = NEW_TOKENS + self.rng.randint(-1, 1)
                turn.prompt_ids = [self.rng.randrange(size) for _ in range(length)]
                episode.trajectories[a].turns.append(turn)
                self.turns.append(turn)

    def act(self) -> None:
        results = self.session.generate([turn.prompt_ids for turn in self.turns])
        for turn, (ids, logprobs) in zip(self.turns, results, strict=True):
            turn.action_ids, turn.logprobs = ids, logprobs

    def turn(self) -> None:
        self.prepare()
        self.act()

    def batch(self) -> TokenBatch:
        return collate(self.episodes, self.team.prompts.pad_id, self.team.device)


def reuse_of_keys(model: str, rows: int, history: int, repeats: int) -> dict:
    """Agent-turns a second of the turns around ``history`` tokens, with and without reuse."""
    team = build(model, 3)
    shake(team)
    turns = history // (NEW_TOKENS + ACTION_TOKENS)
    plays = {reuse: Play(team, rows // 3, reuse) for reuse in ("session", "turn", "none")}
    # The measured turns are centered on the wanted history.
    for _ in range(max(0, turns - repeats // 2 - 1)):
        for play in plays.values():
            play.turn()
    seconds = medians(
        {name: play.act for name, play in plays.items()},
        repeats,
        before={name: play.prepare for name, play in plays.items()},
    )
    speed = {name: rows / value for name, value in seconds.items()}
    return {
        "rows": rows,
        "history_tokens": history,
        "agent_turns_per_s_with_reuse": speed["session"],
        "agent_turns_per_s_within_turns_only": speed["turn"],
        "agent_turns_per_s_without": speed["none"],
        "ratio_to_within_turns_only": speed["session"] / speed["turn"],
        "ratio_to_without": speed["session"] / speed["none"],
    }


def parity(model: str, rows: int = 24, turns: int = 10) -> dict:
    """Largest difference of log-probabilities: as sampled against recomputed."""
    team = build(model, 3)
    shake(team)
    play = Play(team, rows // 3, "session")
    for turn in range(turns):
        play.turn()
        if turn == turns // 2:  # half of the episodes end
            kept = list(range(0, len(play.episodes), 2))
            play.session.keep(kept)
            play.episodes, ended = [play.episodes[i] for i in kept], play.episodes
    batch = collate(ended, team.prompts.pad_id)
    with torch.no_grad():
        found = team.evaluate_actions(batch).logprobs
    return {"tokens": len(found), "largest_gap": float((found - batch.logprobs).abs().max())}


def update_ways(model: str, agents: int, episodes: int, turns: int, repeats: int) -> dict:
    """A forward and backward pass over all agents' transcripts: all adapters at once, one
    after another, and PEFT's ``set_adapter`` loop; and the two forms of the product."""
    team = build(model, agents)
    shake(team)
    play = Play(team, episodes, "session")
    for _ in range(turns):
        play.turn()
    batch = play.batch()
    singles = [one_agent(play.episodes, a, team.prompts.pad_id) for a in range(agents)]
    peft = PeftLoop(model, team)

    def mixed(limit: int):
        def run():
            before, adapters.MERGE_LIMIT = adapters.MERGE_LIMIT, limit
            team.evaluate_actions(batch).logprobs.sum().backward()
            adapters.MERGE_LIMIT = before

        return run

    def in_turn():
        for single in singles:
            team.evaluate_actions(single).logprobs.sum().backward()

    def peft_loop():
        for a, single in enumerate(singles):
            peft.scores(a, single).sum().backward()

    with torch.no_grad():
        ours = torch.cat([team.evaluate_actions(single).logprobs for single in singles])
        theirs = torch.cat([peft.scores(a, single) for a, single in enumerate(singles)])
    seconds = medians(
        {
            "mixed": mixed(adapters.MERGE_LIMIT),
            "mixed_factored": mixed(0),
            "one_after_another": in_turn,
            "peft_set_adapter": peft_loop,
        },
        repeats,
    )
    return {
        "agents": agents,
        "rows": len(batch.ids),
        "tokens": int(batch.mask.sum()),
        "cpu_ms": {name: 1000 * value for name, value in seconds.items()},
        "largest_gap_to_peft": float((ours - theirs).abs().max()),
    }


def one_agent(episodes: list[Episode], agent: int, pad_id: int) -> TokenBatch:
    alone = [Episode(e.seed, e.group, [e.trajectories[agent]]) for e in episodes]
    batch = collate(alone, pad_id)
    batch.agent += agent
    return batch


class PeftLoop:
    """The same team in PEFT: one base, an adapter an agent, switched between passes. It gets
    the same favours: logits at action positions only, no attention mask."""

    def __init__(self, model: str, team: TeamPolicy):
        from peft import LoraConfig, get_peft_model

        from colllm_bench.models.loading import load_base

        base = load_base(model, device="cpu").model
        self.gather = LogitsAt(base)
        config = LoraConfig(
            r=team.config.lora_rank, lora_alpha=team.config.lora_alpha,
            target_modules=sorted(team.adapters.layers), task_type="CAUSAL_LM",
        )
        self.model = get_peft_model(base, config, adapter_name="agent_0")
        for name in team.agents[1:]:
            self.model.add_adapter(name, config)
        self.names = team.agents
        own = dict(self.model.named_parameters())
        with torch.no_grad():
            for slot, agent in enumerate(team.agents):
                for name, layer in team.adapters.layers.items():
                    stem = f"base_model.model.{name}"
                    own[f"{stem}.lora_A.{agent}.weight"].copy_(layer.a[slot])
                    own[f"{stem}.lora_B.{agent}.weight"].copy_(layer.b[slot])

    def scores(self, agent: int, batch: TokenBatch) -> torch.Tensor:
        self.model.set_adapter(self.names[agent])
        rows, columns = batch.action_mask.nonzero(as_tuple=True)
        logits = self.gather.logits(
            self.model, (rows, columns - 1), input_ids=batch.ids, use_cache=False
        )
        return score_tokens(logits, batch.ids[rows, columns], 1.0, False)[0]


def iteration(repeats: int) -> dict:
    """Seconds of an iteration of the default run: ``--env strategy --algo cc``."""
    from colllm_bench.setup.resolve import resolve
    from colllm_bench.training.trainer import Trainer

    config = resolve(RunConfig.of(device="cpu", threads=1, critic_warmup=0))
    trainer = Trainer(config)
    kept: dict = {}

    def play():
        kept["episodes"] = trainer.play(0)

    seconds = medians(
        {"rollout": play, "learn": lambda: trainer.learn(kept["episodes"], 0)}, repeats
    )
    turns = [turn for e in kept["episodes"] for x in e.trajectories for turn in x.turns]
    return {
        "episodes": config.batch,
        "agents": config.agents,
        "agent_turns": len(turns),
        "rollout_cpu_s": seconds["rollout"],
        "learn_cpu_s": seconds["learn"],
        "iteration_cpu_s": seconds["rollout"] + seconds["learn"],
        "agent_turns_per_s_end_to_end": len(turns) / sum(seconds.values()),
    }
