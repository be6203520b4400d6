"""What a run is: one frozen dataclass of real defaults, and the options of its algorithm.

``None`` as a default means "the algorithm's (or the model's) own default", which
``setup.resolve.resolve`` fills in, so that ``config.json`` never holds an open question.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from colllm_bench import registry
from colllm_bench.options import option, options_of

RENAMED = {
    "lam": "gae_lambda", "critic_lam": "critic_gae_lambda", "clip": "clip_range",
    "ratio": "importance_ratio", "kl": "kl_coef", "entropy": "entropy_coef",
    "snr_every": "gradient_snr_every",
}
"""Settings of version 0.1 and before: old name to new. Old config.json files are still read."""
ALGORITHM_OPTIONS_OF_0_1 = frozenset({
    "gamma", "gae_lambda", "critic_gae_lambda", "clip_range", "importance_ratio", "kl_coef",
    "entropy_coef", "baseline", "critic_lr", "critic_epochs", "critic_minibatches",
    "critic_warmup", "critic_model",
})
"""Settings that were fields of RunConfig then and belong to algorithms now."""
LEFT_OUT_AT_DEFAULT = frozenset({
    "compile_decoding", "eval_every", "lr_schedule", "random_streams", "rollouts",
    "sampling_factor_cap", "vllm_memory",
})
"""Settings that came after digests were published: at their defaults no digest has them."""
OPTIONS_LEFT_OUT = {"critic_counts": 0}
"""Options of algorithms of which the same is true, with their defaults."""


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run's bytes, given the machine."""

    env: str = option(
        "strategy",
        f"environment: {', '.join(registry.ENVS)}; 'module:Class' or './file.py:Class'",
        group="task", in_path=True, roles={"clone", "evaluation", "play", "policy", "table"},
    )
    algo: str = option(
        "cc",
        f"algorithm: {', '.join(registry.ALGORITHMS)}; 'module:Class' or './file.py:Class'",
        group="task", in_path=True, roles={"evaluation", "trained"},
    )
    algo_options: dict[str, Any] = option(
        factory=dict, help="an option of the algorithm (gae_lambda=0.9); may be repeated",
        group="task",
    )
    agents: int = option(
        3, "number of agents", group="task", low=1, roles={"clone", "evaluation", "play", "table"}
    )
    env_options: dict[str, Any] = option(
        factory=dict, help="an option of the environment (level=2); may be repeated",
        group="task", roles={"clone", "evaluation", "play", "table"},
    )
    style: str | None = option(
        None,
        "prompt style: brief or full (default: brief for the built-in model, that which a "
        "warm-started one has cloned, full for others)",
        group="task", roles={"clone", "evaluation"},
    )
    model: str = option(
        "tiny",
        "a built-in name, a Hugging Face folder, a GGUF file, an adapter's folder or a hub id",
        group="model", roles={"clone", "evaluation", "play", "policy", "seat"},
    )
    tuning: str = option(
        "lora", "lora (adapters on one frozen base) or full (a copy of the model per agent)",
        group="model", choices=("lora", "full"), roles={"clone", "policy"},
    )
    share: str = option(
        "none", "which agents share parameters: none, all, or role (agents of one role)",
        group="model", choices=("none", "all", "role"),
    )
    lora_rank: int = option(
        8, "rank of the adapters", group="model", low=1, roles={"clone", "policy"}
    )
    lora_alpha: float = option(
        16.0, "scale of the adapters: alpha / rank", group="model", above=0, time=False,
        roles={"clone", "policy"},
    )
    device: str = option(
        "auto", "auto, cpu or cuda", group="model", choices=("auto", "cpu", "cuda"),
        affects="machine", roles={"clone", "evaluation", "play", "table"},
    )
    dtype: str = option(
        "auto", "auto (bfloat16 on cuda, float32 on cpu), float32 or bfloat16", group="model",
        choices=("auto", "float32", "bfloat16"), roles={"clone", "evaluation", "play", "table"},
    )
    chat_template: str | None = option(
        None, "a Jinja file, for a tokenizer that has no chat template", group="model",
        roles={"clone", "evaluation", "play", "policy", "seat", "trained"},
    )
    trust_remote_code: bool = option(
        False, "run code that the model's repository brings with it", group="model", time=False,
        roles={"clone", "evaluation", "play", "policy"},
    )
    gradient_checkpointing: bool = option(
        False, "recompute activations in the backward pass: slower, less memory", group="model",
        affects="speed", roles={"clone"},
    )
    compile_decoding: bool = option(
        False,
        "play tokens through torch.compile, with CUDA graphs on cuda: the first ones of a run take "
        "minutes (docs/training.md)",
        group="model", affects="speed",
    )
    episodes: int = option(2560, "training episodes in all", group="rollout", low=1, time=False)
    batch: int = option(
        64, "episodes an iteration", group="rollout", low=1, roles={"evaluation"}
    )
    group: int | None = option(
        None, "episodes that start from the same state (default: the algorithm's)",
        group="rollout", low=1,
    )
    curriculum: str = option(
        "none", "easier tasks first: lower levels, dense shaping that fades, or late starts",
        group="rollout", choices=("none", "levels", "anneal", "backward"),
    )
    curriculum_mark: float = option(
        0.5, "training success of 5 iterations at which levels and backward go on",
        group="rollout", above=0, high=1, time=False,
    )
    curriculum_stages: int = option(
        5, "stages of backward, the last from the beginning", group="rollout", low=2, time=False
    )
    max_action_tokens: int | None = option(
        None, "longest action in tokens (default: the model's)", group="rollout", low=1,
        roles={"clone", "evaluation", "play", "seat"},
    )
    temperature: float = option(
        1.0, "sampling temperature, in the trained distribution too", group="rollout", above=0,
        time=False, roles={"evaluation", "play", "seat"},
    )
    random_streams: str = option(
        "batch",
        "random numbers of sampling: one stream for a batch, or one for each agent's turn "
        "(episode), so that several processes can share a batch; torchrun sets it",
        group="rollout", choices=("batch", "episode"), time=False,
    )
    rollouts: str = option(
        "torch", "what samples in training: torch (the policy itself), or vllm (docs/training.md)",
        group="rollout", choices=("torch", "vllm"),
    )
    vllm_memory: float = option(
        0.45, "share of the GPU's memory that vllm may take", group="rollout", above=0, high=1,
        affects="speed",
    )
    lr: float | None = option(
        None,
        "actor's learning rate (default: the algorithm's; for models that are not built in at most "
        "5e-5, 5e-6 with --tuning full; docs/tuning.md)",
        group="learning", above=0, time=False,
    )
    lr_schedule: str = option(
        "constant",
        "actor's learning rate over the run: constant, or linear (falls to 0 over --episodes)",
        group="learning", choices=("constant", "linear"), time=False,
    )
    epochs: int | None = option(
        None, "actor's passes over a batch (default: the algorithm's)", group="learning", low=1
    )
    minibatches: int = option(2, "optimizer steps per pass of the actors", group="learning", low=1)
    micro_batch: int | None = option(
        None,
        "episodes per forward pass; gradients accumulate (default: what fits into half the memory)",
        group="learning", low=1, affects="speed", roles={"clone"},
    )
    sampling_factor_cap: float = option(
        2.0, "largest weight of a token for the difference between vllm and the policy",
        group="learning", above=0, time=False,
    )
    target_kl: float | None = option(
        None, "stop an iteration's epochs when the policy moved this far", group="learning",
        above=0, time=False,
    )
    normalize_advantages: bool = option(
        True, "advantages of a batch to mean 0 and standard deviation 1", group="learning",
        time=False,
    )
    max_grad_norm: float = option(
        1.0, "gradient clipping, per agent and per critic", group="learning", above=0, time=False
    )
    eval_episodes: int = option(
        200, "held-out episodes of the final evaluation", group="evaluation", low=1, time=False
    )
    eval_split: str = option(
        "eval", "split of the held-out tasks: eval (reported), or dev (to choose settings on)",
        group="evaluation", choices=("eval", "dev"), time=False,
    )
    eval_every: int = option(
        0, "iterations between held-out evaluations during training (0: only at its end)",
        group="evaluation", low=0, affects="bookkeeping",
    )
    seed: int = option(
        0, "seed of everything random in the run", group="run", low=0, in_path=True, time=False,
        roles={"clone", "evaluation", "policy"},
    )
    threads: int = option(
        0, "CPU threads (0: one for the built-in model, all cores for others)", group="run", low=0,
        high=1024, affects="speed", roles={"clone", "evaluation", "play", "table"},
    )
    checkpoint_every: int = option(
        5, "iterations between checkpoints", group="run", low=1, affects="bookkeeping", time=False
    )
    gradient_snr_every: int = option(
        10,
        "iterations between measurements of the gradient's signal-to-noise ratio (0: never)",
        group="run", low=0, affects="bookkeeping", was="snr_every",
    )

    @property
    def iterations(self) -> int:
        """Iterations of ``batch`` episodes that make up ``episodes`` (rounded up)."""
        return -(-self.episodes // self.batch)

    def replace(self, **changes: Any) -> RunConfig:
        """A copy with other values; names of algorithm options go into ``algo_options``."""
        fields = {field.name for field in dataclasses.fields(self)}
        options = {name: changes.pop(name) for name in list(changes) if name not in fields}
        if options:
            changes["algo_options"] = changes.get("algo_options", self.algo_options) | options
        return dataclasses.replace(self, **changes)

    @classmethod
    def of(cls, **settings: Any) -> RunConfig:
        """Settings by name, the algorithm's own options among them:
        ``RunConfig.of(algo="cc", agents=4, gae_lambda=0.9)``."""
        return cls().replace(**settings)

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RunConfig:
        """A configuration from its :meth:`to_dict`, or from that of version 0.1.

        Raises:
            TypeError: a key is no setting of any version.
        """
        settings = {RENAMED.get(name, name): value for name, value in data.items()}
        old = {name: settings.pop(name) for name in ALGORITHM_OPTIONS_OF_0_1 & settings.keys()}
        if old:
            # Version 0.1 wrote the options of all algorithms into every file.
            read = options_of(registry.options_class(settings.get("algo", cls.algo)))
            kept = {name: value for name, value in old.items() if name in read}
            settings["algo_options"] = kept | settings.get("algo_options", {})
        return cls(**settings)

    @property
    def digest(self) -> str:
        """Twelve hex digits that name the configuration, the seed left out."""
        return digest_of(self.to_dict())


def digest_of(settings: dict[str, Any]) -> str:
    """:attr:`RunConfig.digest` of a dict of any version's settings."""
    plain = {name: getattr(RunConfig, name) for name in LEFT_OUT_AT_DEFAULT}
    data = {
        name: value for name, value in settings.items()
        if name != "seed" and (name not in plain or value != plain[name])
    }
    if options := data.get("algo_options"):
        data["algo_options"] = {
            name: value for name, value in options.items()
            if name not in OPTIONS_LEFT_OUT or value != OPTIONS_LEFT_OUT[name]
        }
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:12]


def fields_with(
    *, affects: str | None = None, role: str | None = None, time: bool | None = None
) -> frozenset[str]:
    """Names of the fields of RunConfig of which this holds.

    Args:
        affects: what the setting affects (:class:`colllm_bench.options.Option`).
        role: who else reads it.
        time: whether it changes how long an iteration takes.
    """
    return frozenset(
        name for name, about in options_of(RunConfig).items()
        if affects in (None, about.affects)
        and (role is None or role in about.roles)
        and time in (None, about.time)
    )


def fields_without_effect() -> frozenset[str]:
    """Fields that change nothing of what is learned: free to change when a run goes on."""
    return frozenset(options_of(RunConfig)) - fields_with(affects="learning")
