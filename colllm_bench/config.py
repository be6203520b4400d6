"""What a run is: frozen dataclasses with real defaults.

The docstring under a field is its help text. ``None`` as a default means "the algorithm's
(or the model's) own default", which :func:`colllm_bench.setup.resolve.resolve` fills in, so that
``config.json`` never holds an open question.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run's bytes, given the machine."""

    # -- task
    env: str = "strategy"
    """environment: a name of --list, 'module:Class' or './file.py:Class'"""
    algo: str = "cc"
    """algorithm: a name of --list, 'module:Class' or './file.py:Class'"""
    agents: int = 3
    """number of agents"""
    env_options: dict[str, Any] = field(default_factory=dict)
    """further options of the environment, as KEY=VALUE pairs (level=2 reward=dense)"""
    style: str | None = None
    """prompt style: brief or full (default: brief for the built-in model, full for others)"""
    # -- model
    model: str = "tiny"
    """a built-in name, a Hugging Face folder or a hub id"""
    tuning: str = "lora"
    """lora (adapters on one frozen base) or full (a copy of the model per agent)"""
    share: str = "none"
    """which agents share parameters: none, all, or role (agents of one role)"""
    lora_rank: int = 8
    """rank of the adapters"""
    lora_alpha: float = 16.0
    """scale of the adapters: alpha / rank"""
    critic_model: str | None = None
    """a separate backbone for the critic (default: adapters on the actors' base)"""
    device: str = "auto"
    """auto, cpu or cuda"""
    dtype: str = "auto"
    """auto (bfloat16 on cuda, float32 on cpu), float32 or bfloat16"""
    chat_template: str | None = None
    """a Jinja file, for a tokenizer that has no chat template"""
    trust_remote_code: bool = False
    """run code that the model's repository brings with it"""
    gradient_checkpointing: bool = False
    """recompute activations in the backward pass: slower, less memory"""
    # -- rollout
    episodes: int = 2560
    """training episodes in all"""
    batch: int = 64
    """episodes an iteration"""
    group: int | None = None
    """episodes that start from the same state (default: the algorithm's)"""
    max_action_tokens: int | None = None
    """longest action in tokens (default: the model's)"""
    temperature: float = 1.0
    """sampling temperature, in the trained distribution too"""
    # -- learning
    lr: float | None = None
    """actor's learning rate (default: the algorithm's, see docs/tuning.md)"""
    critic_lr: float | None = None
    """critic's learning rate (default: the algorithm's)"""
    epochs: int | None = None
    """actor's passes over a batch (default: the algorithm's)"""
    critic_epochs: int | None = None
    """critic's passes over a batch (default: the algorithm's)"""
    critic_minibatches: int = 4
    """optimizer steps per pass of the critic"""
    critic_warmup: int = 2
    """first iterations that train the critic alone"""
    minibatches: int = 2
    """optimizer steps per pass of the actors"""
    micro_batch: int | None = None
    """episodes per forward pass; gradients accumulate (default: what fits into half the memory)"""
    gamma: float = 1.0
    """discount"""
    lam: float = 0.8
    """lambda of GAE for the actor's advantages"""
    critic_lam: float = 0.95
    """lambda of the critic's targets"""
    clip: float = 0.2
    """PPO's clip range"""
    ratio: str = "token"
    """importance ratio per token or per turn"""
    baseline: str = "group"
    """baseline of mc: group, loo, max or none"""
    kl: float = 0.0
    """coefficient of the KL to the frozen reference"""
    entropy: float = 0.0
    """coefficient of the entropy bonus"""
    target_kl: float | None = None
    """stop an iteration's epochs when the policy moved this far"""
    normalize_advantages: bool = True
    """advantages of a batch to mean 0 and standard deviation 1"""
    max_grad_norm: float = 1.0
    """gradient clipping, per agent and per critic"""
    # -- evaluation
    eval_episodes: int = 200
    """held-out episodes of the final evaluation"""
    # -- run
    seed: int = 0
    """seed of everything random in the run"""
    threads: int = 0
    """CPU threads (0: one for the built-in model, all cores for others)"""
    checkpoint_every: int = 5
    """iterations between checkpoints"""
    snr_every: int = 10
    """iterations between measurements of the gradient's signal-to-noise ratio (0: never)"""

    @property
    def iterations(self) -> int:
        """Iterations of ``batch`` episodes that make up ``episodes`` (rounded up)."""
        return -(-self.episodes // self.batch)

    def replace(self, **changes: Any) -> RunConfig:
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RunConfig:
        return cls(**data)

    @property
    def digest(self) -> str:
        """Twelve hex digits that name the configuration, the seed left out."""
        data = {k: v for k, v in self.to_dict().items() if k != "seed"}
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:12]
