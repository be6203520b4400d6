"""A transformer's sizes, whatever its family calls them."""

from __future__ import annotations

from typing import Any, NamedTuple


class ModelShape(NamedTuple):
    """Widths of a block: of the model, of all heads' queries, of all heads' keys, of the
    feed-forward part (the widest where layers differ); and how many blocks there are."""

    layers: int
    width: int
    queries: int
    keys: int
    inner: int


def shape_of(model: Any) -> ModelShape:
    text = model.config.get_text_config()
    width = text.hidden_size
    heads = _setting(text, "num_attention_heads")
    head = _setting(text, "head_dim")
    queries = heads * head if heads and head else width
    key_heads = _setting(text, "num_key_value_heads") or heads
    keys = queries * key_heads // heads if heads and key_heads else queries
    inner = _setting(text, "intermediate_size") or _setting(text, "ffn_dim") or 4 * width
    return ModelShape(text.num_hidden_layers, width, queries, keys, inner)


def _setting(config: Any, name: str) -> int | None:
    try:
        value = getattr(config, name, None)
    except RuntimeError:  # gemma4: an attribute that may differ by layer is not read as one value
        value = config.to_dict().get(name)
    return max(value) if isinstance(value, (list, tuple)) else value
