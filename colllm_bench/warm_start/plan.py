"""What a warm start is made by: the settings, checked and filled in."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.setup.resolve import resolve
from colllm_bench.setup.validate import check_config

LEARNING_RATES = {"lora": 1e-3, "full": 2e-5}
"""Peak rates by tuning. With 0.001 SmolLM2-135M takes 80 steps of two episodes on `strategy`
(results/smollm2); that of full tuning is not tuned."""


@dataclass(frozen=True)
class Plan:
    """Everything that decides the bytes of a warm start, given the machine.

    Attributes:
        config: the environment, the model and how it is tuned; resolved, one policy for all agents.
        steps: most optimizer steps.
        episodes: demonstrated episodes a step.
        lr: peak learning rate: linear warm-up over 10 steps, then linear to a tenth.
        check_every: steps between plays on the development set.
        dev_episodes: tasks of the development set.
        minutes: write the model as it is after so many, over all interruptions. What changes no
            byte until then; it may differ when a warm start goes on.
    """

    config: RunConfig
    steps: int = 200
    episodes: int = 2
    lr: float = LEARNING_RATES["lora"]
    check_every: int = 20
    dev_episodes: int = 32
    minutes: float = float("inf")

    @classmethod
    def of(cls, config: RunConfig, **settings: Any) -> Plan:
        """The plan of a configuration as flags gave it.

        Raises:
            ConfigError: a setting that cannot be, a built-in model, full tuning in bfloat16.
        """
        if config.model in registry.MODELS:
            raise ConfigError(
                f"the built-in model {config.model!r} is made without --model",
                fix=f"python -m colllm_bench.pretrain --env {config.env}",
            )
        if config.tuning == "full" and config.dtype == "bfloat16":
            raise ConfigError(
                "full tuning in bfloat16 loses the small steps of its weights",
                allowed="--tuning lora (adapters stay in float32)", fix="--dtype float32",
            )
        settings.setdefault("lr", LEARNING_RATES[config.tuning])
        plan = cls(config, **settings)
        for name in ("steps", "episodes", "check_every", "dev_episodes"):
            if getattr(plan, name) < 1:
                raise ConfigError(f"{name}={getattr(plan, name)}", allowed="1 and more")
        if not 0 < plan.lr < float("inf"):
            raise ConfigError(f"lr={plan.lr}", allowed="above 0")
        if not plan.minutes > 0:
            raise ConfigError(f"minutes={plan.minutes}", allowed="above 0")
        # mc has no critic, and nothing else of it is read. Development tasks are played at once.
        config = resolve(config.replace(
            algo="mc", algo_options={"baseline": "none"}, group=1, share="all", lr=plan.lr,
            eval_split="dev", batch=plan.dev_episodes, eval_episodes=plan.dev_episodes,
        ))
        check_config(config)
        return replace(plan, config=config)

    def rate(self, step: int) -> float:
        """The learning rate of a step (from 0)."""
        return self.lr * min((step + 1) / 10, 1.0 - 0.9 * step / self.steps)

    def to_dict(self) -> dict[str, Any]:
        """All that a resumed warm start must have in common with the one before."""
        own = asdict(self)
        config = own.pop("config")
        del own["minutes"]
        return {**own, **{name: config[name] for name in (
            "env", "env_options", "agents", "style", "model", "tuning", "lora_rank", "lora_alpha",
            "dtype", "chat_template", "max_action_tokens", "seed",
        )}}
