"""A model without its weights: tokenizer, shapes of the modules, nothing of size in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from colllm_bench.errors import ConfigError
from colllm_bench.models import probes
from colllm_bench.models.base_files import find_source, require_whole
from colllm_bench.models.loading import context_length, prepare_tokenizer, resolve_dtype


@dataclass(frozen=True)
class Outline:
    """What is known of a model before it is loaded.

    Attributes:
        model: its modules on the meta device, in the dtype that it will have.
        tokenizer: with a chat template and a padding id.
        context_length: most positions, or None for no limit.
        stored: bytes of its weights on the disk; 0 where they are not on this machine yet.
    """

    model: Any
    tokenizer: Any
    context_length: int | None
    stored: int

    @property
    def size(self) -> int:
        """Bytes of its weights in memory."""
        return sum(p.numel() * p.element_size() for p in self.model.parameters())

    @property
    def linear_layers(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of each layer that an adapter goes on; of an architecture whose
        layers are not all adapted (routers, fused experts) more than there will be."""
        output = self.model.get_output_embeddings()
        layers = [m for m in self.model.modules() if m is not output and probes.is_linear(m)]
        shapes = [tuple(layer.weight.shape) for layer in layers]
        return [
            (n, m) if isinstance(layer, torch.nn.Linear) else (m, n)
            for layer, (m, n) in zip(layers, shapes, strict=True)
        ]


def outline(
    name: str,
    *,
    device: torch.device,
    dtype: str = "auto",
    chat_template: str | None = None,
    env: str | None = None,
    central: bool = False,
    trust_remote_code: bool = False,
) -> Outline:
    """What :func:`colllm_bench.models.loading.load_base` would load; the arguments are its own.

    Raises:
        ConfigError: no such model, or one of which no outline can be made.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    source = find_source(name, env, central=central)
    require_whole(name, source)
    path, options = Path(source), {"trust_remote_code": trust_remote_code}
    if (path / "adapter_config.json").is_file() and not (path / "config.json").is_file():
        about = json.loads((path / "adapter_config.json").read_text(encoding="utf-8"))
        source = find_source(about["base_model_name_or_path"], None)
        path = Path(source)
    place = source
    if path.is_file():
        place, options["gguf_file"] = str(path.parent), path.name
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, **options)
        config = AutoConfig.from_pretrained(place, **options)
        options.pop("gguf_file", None)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(
                config, dtype=resolve_dtype(dtype, device), **options
            )
    except Exception as error:  # transformers and what reads files for it raise of any kind
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise ConfigError(f"model {name!r} has no outline: {reason}") from error
    prepare_tokenizer(tokenizer, chat_template)
    stored = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
    return Outline(
        model, tokenizer, context_length(config), sum(file.stat().st_size for file in stored)
    )
