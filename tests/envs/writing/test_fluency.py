"""Fluency by a language model of one's own: calibrated, batched, and clear where it cannot be."""

from __future__ import annotations

import math
import random

import pytest

from colllm_bench import registry
from colllm_bench.envs.writing.env import WritingEnv
from colllm_bench.envs.writing.language import premises
from colllm_bench.envs.writing.language import tokens as tk
from colllm_bench.envs.writing.language.story_generator import write
from colllm_bench.envs.writing.scoring import fluency, ngram_model
from colllm_bench.errors import ConfigError


def test_without_torch_the_fix_is_one_line(monkeypatch):
    monkeypatch.setattr(fluency, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as error:
        WritingEnv(fluency="some/model")
    assert "pip install -e '.[train]'" in str(error.value)
    assert "\n" not in str(error.value)
    WritingEnv(fluency="reference")
    WritingEnv(fluency="off")


def test_off_leaves_fluency_out():
    env = WritingEnv(agents=2, fluency="off")
    env.reset(seed=0)
    env.step(dict.fromkeys(env.agents, "of the of a the and dog dog or."))
    assert env._score["fluency"] == 1.0


def test_perplexity_is_the_models_own_and_does_not_depend_on_the_batch(model_folder):
    """Against a forward of each text alone, token by token."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = model_folder("Llama")
    nll = registry.load(fluency.PERPLEXITY, "fluency model")(folder, device="cpu")
    texts = ["the north gate holds", "send 4", "the east wall fell and the west wall fell too"]
    model, tokenizer = (kind.from_pretrained(folder) for kind in (
        AutoModelForCausalLM, AutoTokenizer))  # fmt: skip
    for text, value in zip(texts, nll(texts)):
        start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else 1
        ids = torch.tensor([[start, *tokenizer(text)["input_ids"]]])
        with torch.no_grad():
            logs = model(ids).logits.log_softmax(-1)
        total = -sum(logs[0, i, ids[0, i + 1]].item() for i in range(ids.shape[1] - 1))
        assert value == pytest.approx(total / len(text.split()), rel=1e-4)
        assert math.isfinite(value)
    assert nll([]) == []


def test_a_model_that_knows_no_english_is_refused(model_folder):
    folder = model_folder("Llama")
    env = WritingEnv(agents=2, fluency=folder)
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="cannot tell the expert's sections"):
        env.step(dict.fromkeys(env.agents, "So it was."))


def test_a_model_that_is_not_there_is_named():
    env = WritingEnv(agents=2, fluency="./no/such/folder")
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="no/such/folder"):
        env.step(dict.fromkeys(env.agents, "So it was."))


def test_the_built_in_model_as_judge_is_calibrated():
    """1 for the expert's mean, 0 for shuffled words; loaded once for all environments."""
    folder = str(registry.MODELS["tiny"].folder("writing"))
    judge = fluency.scorer(folder)
    assert judge is fluency.scorer(folder)
    rng = random.Random(5)
    good, bad = [], []
    for _ in range(20):
        premise = premises.draw(3, rng)
        section = tk.read(write(premise, 1, 30, rng))
        good.append(section)
        bad.append(ngram_model.shuffled(section, rng))
    names = frozenset()
    assert sum(judge(good, names)) / 20 > 0.8 and sum(judge(bad, names)) / 20 < 0.2
    assert judge([tk.read("")], names) == [0.0]
