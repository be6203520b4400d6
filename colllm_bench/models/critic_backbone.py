"""The model that a critic reads with."""

from __future__ import annotations

from typing import Any

from torch import nn

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.models.loading import LoadedModel, load_base


def backbone_parameters(model: Any) -> list[nn.Parameter]:
    """All parameters that a value depends on: the output embedding only where it is tied."""
    inputs = model.get_input_embeddings().weight
    unused = [p for p in model.get_output_embeddings().parameters() if p is not inputs]
    return [p for p in model.parameters() if all(p is not other for other in unused)]


def load_backbone(config: RunConfig, team: Any, backbone: str | None) -> LoadedModel:
    """A model of the critics' own: ``backbone``, or the team's base once more.

    Raises:
        ConfigError: it has another vocabulary than the team's.
    """
    loaded = load_base(
        backbone or team.loaded.source,
        device=str(team.device),
        dtype=team.model.dtype,
        chat_template=config.chat_template,
        gradient_checkpointing=config.gradient_checkpointing,
        trust_remote_code=config.trust_remote_code,
    )
    # Critics read the actors' token ids: a backbone with another tokenizer cannot.
    if team.tokenizer.get_vocab() != loaded.tokenizer.get_vocab():
        raise ConfigError(
            f"critic model {loaded.name!r} has another vocabulary than {team.loaded.name!r}",
            allowed="a model with the actors' tokenizer",
            fix="leave out --critic-model, or choose one of the same family",
        )
    return loaded
