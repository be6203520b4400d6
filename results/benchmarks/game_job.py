"""The training job of ``throughput.py --peer``, on this package.

The game of the peer's benchmark: each agent gets a prompt of 128 tokens, writes 16 tokens a
turn, and 32 tokens of observation are appended to the history each turn; the team reward counts
distinct words. CoLLM-CC trains one pass over the batch: rollout, values, credit, critic update,
actor update. Every action has exactly the requested number of tokens: no token ends it.
"""

from __future__ import annotations

import os
import random
import resource
import time
import zlib

import torch

from colllm_bench.baselines.collm_cc import CentralizedCritic
from colllm_bench.config import RunConfig
from colllm_bench.learners.actor_learner import ActorLearner
from colllm_bench.models.team_policy import TeamPolicy
from colllm_bench.rollout import rollout
from colllm_bench.teams.language_model import LanguageModelTeam

PLAIN = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
"""A chat template that adds a line end only: prompts have a token a turn more than the peer's."""


def reward(texts: list[str]) -> float:
    """Of the whole team: the share of its words that are distinct, from -1 to 1."""
    sets = [set(text.split()) for text in texts]
    return 2.0 * len(set().union(*sets)) / (sum(map(len, sets)) or 1) - 1.0


class WordGame:
    """The peer's workload as a parallel environment: texts are functions of seed and place."""

    def __init__(self, tokenizer, agents: int, turns: int, prompt: int, observation: int):
        self.possible_agents = [f"agent_{a}" for a in range(agents)]
        self.turns, self.sizes = turns, (prompt, observation)
        vocabulary = tokenizer.get_vocab()
        self.words = sorted(
            piece[1:]
            for piece in vocabulary
            if piece.startswith("\u0120") and len(piece) > 3 and piece[1:].isalpha()
        )

    def text(self, words: int, *key) -> str:
        rng = random.Random(zlib.crc32(repr((self.seed, *key)).encode()))
        return "".join(f" {word}" for word in rng.choices(self.words, k=words))

    def reset(self, seed=None, options=None):
        self.seed, self.turn, self.agents = seed, 0, list(self.possible_agents)
        prompts = {a: {"text": self.text(self.sizes[0], "item", a)} for a in self.agents}
        return prompts, {a: {"instructions": ""} for a in self.agents}

    def step(self, actions):
        self.turn += 1
        over = self.turn == self.turns
        value = reward(list(actions.values()))
        own = list(self.agents)
        seen = {a: {"text": self.text(self.sizes[1], "obs", self.turn, a)} for a in own}
        if over:
            self.agents = []
        return (
            seen,
            dict.fromkeys(own, value),
            dict.fromkeys(own, over),
            dict.fromkeys(own, False),
            {a: {} for a in own},
        )


class Job:
    """A team, its critic, and the game. ``case`` holds the workload's numbers."""

    def __init__(self, case: dict):
        self.case = case
        self.config = RunConfig.of(
            algo="cc",
            model=case["model"],
            chat_template=case["template"],
            agents=case["agents"],
            batch=case["items"],
            device=case.get("device", "cpu"),
            dtype=case.get("dtype", "float32"),
            lr=1e-4,
            critic_lr=1e-4,
            epochs=1,
            critic_epochs=1,
            critic_warmup=0,
            critic_backbone="adapters",  # the peer's critic is a whole model: ours reads anew, too
            group=1,
            micro_batch=case.get("micro_batch"),
            gradient_checkpointing=case.get("checkpointing", False),
            compile_decoding=case.get("compile", False),
            max_action_tokens=case["new_tokens"],
            seed=case["seed"],
        )
        names = [f"agent_{a}" for a in range(case["agents"])]
        generator = torch.Generator().manual_seed(case["seed"])
        self.team = TeamPolicy.build(self.config, names, generator=generator, critic_slots=1)
        self.team.prompts.end_ids = frozenset()
        self.algorithm = CentralizedCritic(self.config)
        self.critic = self.algorithm.build_critic(self.team, None)
        self.actor = ActorLearner(self.team, self.algorithm, self.config)
        self.envs = [
            WordGame(self.team.tokenizer, case["agents"], case["turns"], case["prompt_tokens"],
                     case["obs_tokens"])
            for _ in range(case["items"])
        ]

    def play(self, iteration: int = 0):
        """The episodes of one iteration, ``wave`` of them in lockstep at a time."""
        generator = torch.Generator(self.team.device).manual_seed(iteration)
        items = list(range(self.case["items"]))
        wave = self.case.get("wave") or len(items)
        episodes = []
        for i in range(0, len(items), wave):
            player = LanguageModelTeam(
                self.team,
                generator=generator,
                temperature=1.0,
                max_action_tokens=self.case["new_tokens"],
            )
            own = items[i : i + wave]
            seeds = [1000 * iteration + k for k in own]
            episodes += rollout([self.envs[k] for k in own], seeds, own, player)
        return episodes

    def learn(self, episodes, iteration: int = 0) -> dict:
        self.critic.write_values(episodes)
        self.algorithm.compute_advantages(episodes)
        return self.critic.update(episodes) | self.actor.update(episodes, iteration)


def rss_mib() -> float:
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def run_case(case: dict) -> dict:
    """Build, warm up with one small piece, then one iteration, measured."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    warm = Job({**case, "items": 1, "turns": 1, "micro_batch": None})
    warm.learn(warm.play())
    del warm
    job = Job(case)
    built = rss_mib()
    marks = [(time.perf_counter(), time.process_time())]

    def mark():
        marks.append((time.perf_counter(), time.process_time()))

    episodes = job.play()
    mark()
    job.critic.write_values(episodes)
    job.algorithm.compute_advantages(episodes)
    mark()
    job.critic.update(episodes)
    mark()
    job.actor.update(episodes, 0)
    mark()
    turns = [turn for e in episodes for x in e.trajectories for turn in x.turns]
    lengths = {len(turn.action_ids) for turn in turns}
    if lengths != {case["new_tokens"]}:
        raise RuntimeError(f"actions of {lengths} tokens, not of {case['new_tokens']}")
    names = ("rollout", "values", "critic", "actor")
    pieces = {n: 1000 * (b[1] - a[1]) / len(turns) for n, a, b in zip(names, marks, marks[1:])}
    return {
        "samples": len(turns),
        "tokens_a_transcript": sum(
            len(t.prompt_ids) + len(t.action_ids) for t in episodes[0].trajectories[0].turns
        ),
        "wall_s": marks[-1][0] - marks[0][0],
        "cpu_s": marks[-1][1] - marks[0][1],
        "cpu_ms_per_sample": sum(pieces.values()),
        "cpu_ms_per_sample_by_piece": pieces,
        "rss_before_mib": built,
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    import json
    import sys

    print(json.dumps(run_case(json.loads(sys.argv[1]))))
