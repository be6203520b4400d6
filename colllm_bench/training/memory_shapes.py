"""Bytes that a run's tensors take, from the shapes of its model and of its transcripts.

Nothing is loaded: the model is an outline, transcripts are of the longest actions that are allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from colllm_bench import processes
from colllm_bench.config import RunConfig
from colllm_bench.learners.micro_batching import LOGIT_BYTES, MicroBatchSizer
from colllm_bench.models import onednn
from colllm_bench.models.adapters import MERGE_LIMIT
from colllm_bench.models.model_shape import shape_of
from colllm_bench.models.outline import Outline
from colllm_bench.models.prompts import PromptBuilder
from colllm_bench.models.shared_prefix import LEAST_PARAMETERS
from colllm_bench.objectives.batches import action_tokens, padded_tokens, shared_prefixes
from colllm_bench.objectives.prefixes import Prefixes
from colllm_bench.rollout import rollout
from colllm_bench.seeding import derive
from colllm_bench.setup.environments import close_all, make_env
from colllm_bench.setup.resolve import load_algorithm
from colllm_bench.teams.language_model import LanguageModelTeam
from colllm_bench.types import Episode, Turn, written

SAMPLED = 4
"""Episodes that are played for the lengths of transcripts, and for what they begin with alike: of
two tasks where a run plays several of each."""
LONGEST = 1_000
"""Turns of an episode that are looked at."""
FLOAT = 4
"""Bytes of a number that is trained: adapters, gradients, moments and heads are float32."""
SAMPLING_BYTES = 16
"""Bytes that sampling takes for each row and entry of the vocabulary beside the logits: float32,
their exponentials, and the distribution function in double precision."""

HOLES = 1.25
"""Of passes one after another on a CPU: what the allocator holds beyond the largest of them
(measured: 1.4 for three micro-batches of six episodes, 1.0 for a single pass)."""


class _Longest(LanguageModelTeam):
    """Plays without a model: actions as long as they may be, legal ones where they are told."""

    def __init__(self, prompts: PromptBuilder, tokens: int):
        self.team, self.seed, self.max_action_tokens = self, None, tokens
        self.prompts, self.played = prompts, 0

    def reset(self, episodes: Sequence[Episode]) -> None:
        self.running, self.session = list(episodes), self

    def generate(self, new_ids: Sequence[list[int] | None]) -> list[Any]:
        """As a decoding session; nothing is sampled."""
        ids = [self.prompts.pad_id] * self.max_action_tokens
        return [None if new is None else (list(ids), [0.0] * len(ids)) for new in new_ids]

    def keep(self, running: Sequence[int]) -> None:
        """Nothing is kept but the episodes."""

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        super().act(turns)
        self.played += 1
        for turn in (turn for own in turns for turn in own if turn is not None):
            legal = written(turn.info).get("legal_actions")
            turn.action_text = str(legal[0]) if legal else ""
            if self.played > LONGEST:
                turn.action_text = None  # which truncates the episode


def longest_episodes(config: RunConfig, base: Outline) -> list[Episode]:
    """:data:`SAMPLED` episodes of the run's tasks with the longest actions that are allowed."""
    envs = [make_env(config, split="train") for _ in range(min(SAMPLED, config.batch))]
    same = 2 if written(config.group) > 1 else 1
    seeds = [derive(config.seed, "task", 0, k // same) for k in range(len(envs))]
    player = _Longest(PromptBuilder(base.tokenizer), written(config.max_action_tokens))
    episodes = rollout(envs, seeds, list(range(len(envs))), player)
    close_all(envs)
    return episodes


class Shapes:
    """Bytes by phase of a run of these shapes."""

    def __init__(
        self, config: RunConfig, base: Outline, device: torch.device, episodes: list[Episode]
    ):
        self.config, self.outline, self.device, self.sample = config, base, device, episodes
        self.item = base.model.dtype.itemsize
        self.base = base.size
        self.layers, self.width, self.queries, self.keys, self.inner = shape_of(base.model)
        self.vocabulary = base.model.get_output_embeddings().weight.shape[0]
        self.agents = len(episodes[0].trajectories)
        self.batch = -(-config.batch // processes.size())
        self.algorithm = load_algorithm(config.algo)
        self.options = self.algorithm.Options(**config.algo_options)
        self.sizer = MicroBatchSizer.for_model(base.model, config, device)
        self.holes = HOLES if device.type == "cpu" else 1.0
        self.shared: Prefixes | None = None
        if config.tuning == "lora" and base.size >= LEAST_PARAMETERS * self.item:
            self.shared = None if config.gradient_checkpointing else shared_prefixes(episodes)

    def prefixes(self) -> int:
        """How many beginnings a batch has in common: one a role, or one a role and task."""
        found, tasks = len(written(self.shared).ids), {e.seed for e in self.sample}
        if found <= self.agents:
            return found
        return found * -(-self.batch // written(self.config.group)) // len(tasks)

    def trained(self) -> dict[str, int]:
        """Policies and critics with a backbone, their gradients and Adam's two moments."""
        adapter = sum(n + m for n, m in self.outline.linear_layers) * self.config.lora_rank * FLOAT
        slots = 1 if self.config.share == "all" else self.agents  # role: as many at most
        critics = 0
        if self.algorithm.critic_input is not None:
            critics = self.algorithm.critic_input.critics(self.agents)
        kind = getattr(self.options, "critic_backbone", "frozen")
        policies = slots * (adapter if self.config.tuning == "lora" else self.base)
        readers = critics * {"frozen": 0, "adapters": adapter, "full": self.base}[kind]
        return {
            "adapters" if self.config.tuning == "lora" else "policies": policies,
            **({"critics": readers} if readers else {}),
            "gradients": policies + readers, "optimizer": 2 * (policies + readers),
        }

    def columns(self) -> int:
        """Columns of the cache at the end: it grows by half whenever it is full. An action's last
        token comes into it with the next turn."""
        columns, begun = 0, 0
        if self.shared is not None:
            begun = max(64, *map(len, self.shared.ids))
        for x in (x for e in self.sample for x in e.trajectories):
            length, own, pending = 0, begun, 0
            for turn in x.turns:
                steps = [1] * (len(written(turn.action_ids)) - 1)
                for new in (pending + len(written(turn.prompt_ids)), *steps):
                    length += new
                    if length > own:
                        own = max(length, 64, own * 3 // 2)
                pending = 1
            columns = max(columns, own)
        return columns

    def cache(self, rows: int) -> int:
        """Keys and values of so many transcripts."""
        return 2 * self.layers * rows * self.keys * self.columns() * self.item

    def rollout(self) -> int:
        """Keys and values, logits of a token of all rows, the widest pass over new tokens."""
        rows = self.batch * self.agents
        logits = rows * self.vocabulary * (self.item + SAMPLING_BYTES)
        held = max(map(len, self.shared.ids)) if self.shared is not None else 0
        widest = max(
            len(written(turn.prompt_ids)) - (0 if t else held)
            for e in self.sample for x in e.trajectories for t, turn in enumerate(x.turns)
        )
        linear = sum(n * m for n, m in self.outline.linear_layers) * self.item
        merged = linear * self.agents if self.item == 4 else 0
        model = self.outline.model
        whole = self.config.tuning == "lora" and not onednn.pays(model, self.device)
        merged = merged if merged <= MERGE_LIMIT and whole else 0
        return self.cache(rows) + merged + max(logits, self._forward(rows * widest))

    def _forward(self, tokens: int) -> int:
        """Activations of one block at a time, without gradients."""
        block = 4 * self.width + max(3 * self.inner, 2 * self.queries + 2 * self.keys)
        return tokens * block * self.item

    def learning(self) -> dict[str, int]:
        """The critic's reading and the actors' update."""
        tokens, actions = padded_tokens(self.sample), action_tokens(self.sample)
        phases = {}
        if self.algorithm.critic_input is not None:
            phases["critic"] = self._critic(tokens)
        return phases | {"update": self._update(tokens, actions)}

    def _update(self, tokens: int, actions: int) -> int:
        """Activations and logits of a micro-batch; what rows share is read before them, seen by
        each (its keys and values are repeated for all heads), and read once more behind them."""
        each, seen, states, again = self.sizer.bytes_per_token, 0, 0, 0
        if self.shared is not None:
            longest = max(map(len, self.shared.ids))
            tokens = self.agents * max(self.shared.rests)
            seen = 2 * self.layers * self.agents * longest * self.queries * self.item
            held = self.prefixes() * longest
            states = 2 * 2 * self.layers * held * self.keys * FLOAT  # and their gradients
            again = held * each + states // 2
        size = min(self.batch, self.sizer.episodes(tokens, actions))
        logits = actions * self.vocabulary * LOGIT_BYTES
        one = size * (tokens * each + seen + logits)
        if size < self.batch:
            one = int(one * self.holes)
        return states + max(again, one)

    def _critic(self, tokens: int) -> int:
        learns = self.options.critic_backbone != "frozen"
        sizer = MicroBatchSizer.for_model(self.outline.model, self.config, self.device, learns)
        size = min(self.batch, sizer.episodes(tokens))
        if learns:
            return size * tokens * sizer.bytes_per_token
        cells = sum(len(x.turns) for x in self.sample[0].trajectories) * self.config.batch
        read = self.width * (2 if self.options.critic_embeddings else 1)
        read = (read + self.options.critic_counts) * 2 * FLOAT
        # Kept, put together for the first units, and the actions among them once more.
        return self._forward(size * tokens) + cells * read * 5 // 2
