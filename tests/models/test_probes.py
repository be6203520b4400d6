"""Which models are refused as not causal, where rounding is coarse."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertLMHeadModel, LlamaConfig, LlamaForCausalLM

from colllm_bench.errors import ConfigError
from colllm_bench.models.probes import require_causal

SIZES = {"vocab_size": 4000, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
         "num_attention_heads": 4}


class MovedByLength(LlamaForCausalLM):
    """Logits that another number of tokens moves by noise of ``share`` of their spread."""

    share = 0.0

    def forward(self, input_ids, **inputs):
        output = super().forward(input_ids, **inputs)
        generator = torch.Generator().manual_seed(input_ids.shape[1])
        noise = torch.randn(output.logits[:1].shape, generator=generator, dtype=torch.float32)
        output.logits = output.logits + self.share * output.logits.float().std() * noise
        return output


def moved(share, dtype):
    torch.manual_seed(0)
    model = MovedByLength(LlamaConfig(**SIZES, num_key_value_heads=2)).eval().to(dtype)
    model.share = share
    return model


def test_rounding_of_half_precision_is_no_look_ahead():
    """As large as a clone of SmolLM2 had it: .02 on average, one of many logits beyond .08."""
    model = moved(0.02, torch.bfloat16)
    ids = torch.arange(1, 6)[None]
    with torch.no_grad():
        long, short = (model(x, use_cache=False).logits.float() for x in (ids, ids[:, :3]))
    assert (long[:, :3] - short).abs().max() > 0.08 * long.std()
    require_causal(model)
    with pytest.raises(ConfigError, match="later tokens"):
        require_causal(moved(0.02, torch.float32))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_that_sees_the_length_or_the_future_is_refused(dtype):
    with pytest.raises(ConfigError, match="later tokens"):
        require_causal(moved(0.2, dtype))
    torch.manual_seed(0)
    with pytest.raises(ConfigError, match="later tokens"):
        encoder = BertLMHeadModel(BertConfig(**SIZES, initializer_range=0.2))
        require_causal(encoder.eval().to(dtype))
