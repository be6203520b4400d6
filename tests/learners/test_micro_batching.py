"""Micro-batches: what fits into the budget, logits included."""

from __future__ import annotations

import pytest
import torch
from helpers import config_for

from colllm_bench.errors import ConfigError
from colllm_bench.learners.micro_batching import LOGIT_BYTES, MicroBatchSizer
from colllm_bench.models.loading import load_base


def test_logits_of_action_tokens_take_their_part_of_the_budget():
    sizes = MicroBatchSizer(bytes_per_token=100, budget=10_000, bytes_per_action=400)
    assert sizes.episodes(10) == 10
    assert sizes.episodes(10, 5) == 10_000 // (10 * 100 + 5 * 400)
    with pytest.raises(ConfigError, match="one episode of 10 tokens"):
        sizes.episodes(10, 30)


def test_a_large_vocabulary_makes_smaller_micro_batches(model_folder):
    model = load_base(model_folder("Qwen3"), device="cpu").model
    config = config_for("unused")
    sizes = MicroBatchSizer.for_model(model, config, torch.device("cpu"))
    assert sizes.bytes_per_action == LOGIT_BYTES * 320
    assert sizes.episodes(64, 16) == 4096 // 64  # on a CPU the caches decide, not the memory
