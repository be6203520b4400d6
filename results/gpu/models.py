"""Random models and a tokenizer for them, made here: nothing is downloaded."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

QWEN3_06B = {
    "vocab_size": 151_936, "hidden_size": 1024, "num_hidden_layers": 28,
    "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
    "intermediate_size": 3072,
}
"""The shape of Qwen3-0.6B (its config.json on the hub)."""
TINY = {
    "vocab_size": 16_384, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 128,
}
SPECIAL = ["<pad>", "<eos>"]


def word_tokenizer(size: int) -> Any:
    """A byte-level BPE of ``size`` entries, nearly all of them whole words of three syllables.

    A model of any vocabulary then writes text that encodes to as many tokens as it wrote, so
    that a trainer which re-reads texts reads what another keeps as ids.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces, merges = [*SPECIAL, *letters], []
    syllables = [c + v for c in "bcdfghjklmnpqrstvwxyz" for v in "aeiou"]

    def merge(left: str, right: str) -> None:
        if len(pieces) < size:
            merges.append((left, right))
            pieces.append(left + right)

    for syllable in syllables:
        merge(syllable[0], syllable[1])
    for syllable in syllables:
        merge("\u0120", syllable)
    # Few stems, so that a small vocabulary has whole words too.
    stems = list(itertools.islice(itertools.product(syllables, repeat=2), max(64, size // 90)))
    for first, second in stems:
        merge(f"\u0120{first}", second)
    for (first, second), third in itertools.product(stems, syllables):
        merge(f"\u0120{first}{second}", third)
    if len(pieces) < size:
        raise ValueError(f"{size} entries are more than the {len(pieces)} that can be made")
    backend = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token=SPECIAL[0], eos_token=SPECIAL[1],
        padding_side="left", model_max_length=4096,
    )


def save_qwen3(folder: Path, shape: dict[str, int], device: str, dtype: Any) -> None:
    """A randomly initialised Qwen3 of ``shape`` with tied embeddings, and its tokenizer."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    config = Qwen3Config(
        **shape, tie_word_embeddings=True, max_position_embeddings=4096, pad_token_id=0,
        bos_token_id=1, eos_token_id=1, dtype=dtype,
    )
    with torch.device(device):
        model = Qwen3ForCausalLM(config)
    model.to(dtype).save_pretrained(folder)
    word_tokenizer(shape["vocab_size"]).save_pretrained(folder)


def save_small(folder: Path, family: str, tokenizer: Any) -> str:
    """A small random model of a family with grouped attention, in float32."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(
        vocab_size=len(tokenizer), hidden_size=256, intermediate_size=704, num_hidden_layers=4,
        num_attention_heads=8, num_key_value_heads=2, head_dim=32, max_position_embeddings=2048,
        pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None, initializer_range=0.1,
    )
    getattr(transformers, f"{family}ForCausalLM")(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
