"""GGUF files, llama.cpp's format: what reading one as a model that can be trained needs."""

from __future__ import annotations

from typing import Any

from colllm_bench.errors import ConfigError


def require_gguf(what: str) -> None:
    """Raises ConfigError where the package that reads GGUF files is not installed."""
    import importlib.util

    if importlib.util.find_spec("gguf") is None:
        raise ConfigError(
            f"{what} is a GGUF file, and the package gguf is not installed",
            fix="pip install -e '.[gguf]' in the checkout",
        )


def dequantized() -> dict[str, Any]:
    """Keyword arguments of a model's ``from_pretrained`` by which a GGUF file's weights are plain
    tensors. Where a kernel for it is installed newer versions of transformers would leave them
    packed in layers of its own, which take no adapters and cannot be trained."""
    try:
        from transformers import GgufConfig
    except ImportError:  # older ones know no packed weights
        return {}
    return {"quantization_config": GgufConfig(dequantize=True)}
