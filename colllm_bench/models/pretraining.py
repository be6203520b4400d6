"""Built-in language models from scripted play: tokenizer, model, behaviour cloning, files.

Demonstrations of an environment -> byte-level BPE -> a small Llama. The demonstrators' *most
likely* choice is wrong (see ``envs/*/scripted.py``): a clone of them plays badly, greedily
played it loses, and there is something left for reinforcement learning.

Each environment has a model of its own: orders, code and prose share no vocabulary, and a model
for all would be larger, slower, and change every environment's figures whenever one is added.
An environment gets one by naming its ``demonstrations`` in its registry entry, and under
``pretrain`` the settings that differ from the defaults here.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from colllm_bench import registry
from colllm_bench.errors import ConfigError, check_choice
from colllm_bench.seeding import derive, torch_generator
from colllm_bench.types import written

ROLES = ("system", "user", "assistant")
SPECIALS = ["<|pad|>", "<|end|>", *(f"<|{role}|>" for role in ROLES)]
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


CONTROLLER = "controller"
PLAYERS = ("agent", CONTROLLER)


@dataclass(frozen=True)
class PretrainConfig:
    """Everything that decides the model's bytes, given the machine."""

    env: str = "strategy"
    """environment whose demonstrations it clones"""
    player: str = "agent"
    """who is cloned: an agent, or the controller of centralized execution"""
    vocab: int = 1024
    """entries of the tokenizer"""
    tokenizer_chats: int = 3000
    """demonstrations that the tokenizer is made from"""
    hidden: int = 64
    """width"""
    layers: int = 2
    """layers"""
    heads: int = 2
    """attention heads"""
    intermediate: int = 192
    """width of the feed-forward layers"""
    context: int = 16384
    """longest transcript (rotary positions: costs nothing)"""
    steps: int = 600
    """optimizer steps"""
    batch: int = 16
    """transcripts a step"""
    lr: float = 4e-3
    """peak learning rate: linear warm-up over 5% of the steps, then cosine to 5%"""
    observation_weight: float = 0.1
    """weight of tokens that the model only reads, against 1 for those that it must write"""
    longest: int = 800
    """transcripts are cut to this many tokens"""
    seed: int = 0
    """seed of demonstrations, weights and order"""
    threads: int = 1
    """CPU threads; part of the configuration because sums depend on it"""


def settings(env: str, **changes: Any) -> PretrainConfig:
    """The configuration that an environment's registry entry asks for, with ``changes``.

    Raises:
        ConfigError: an unknown environment, or one without demonstrations (of a controller).
    """
    spec = registry.env_spec(env)
    player = changes.get("player", PretrainConfig.player)
    check_choice("player", player, PLAYERS)
    if player == CONTROLLER:
        if not spec.masters:
            raise ConfigError(
                f"environment {env!r} has no demonstrations of a controller",
                allowed="player agent", fix="name them as masters in its EnvSpec",
            )
        return PretrainConfig(**{"env": spec.name, **spec.pretrain_masters, **changes})
    if not spec.demonstrations:
        able = ", ".join(s.name for s in registry.ENVS.values() if s.demonstrations)
        raise ConfigError(
            f"environment {env!r} has no demonstrations to clone",
            allowed=able or "none", fix="name them in its EnvSpec",
        )
    return PretrainConfig(**{"env": spec.name, **spec.pretrain, **changes})


def corpus(config: PretrainConfig, seed: int) -> Iterator[list[dict[str, str]]]:
    """The environment's demonstrations without end."""
    spec = registry.env_spec(config.env)
    entry = spec.masters if config.player == CONTROLLER else spec.demonstrations
    make = registry.load(written(entry), "demonstrations")
    yield from make(random.Random(derive(seed, "demonstrations", spec.name)), sys.maxsize)


def train_tokenizer(config: PretrainConfig):
    """A byte-level BPE with a chat template: any text can be encoded, and comes back whole."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    # As GPT-2 cuts text, but "army=2" is one piece: a label and its value become one token.
    pieces = Regex(r" ?[a-z]+=[^\s=]+| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+")
    backend.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(pieces, "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    backend.decoder = decoders.ByteLevel()
    chats = itertools.islice(corpus(config, config.seed), config.tokenizer_chats)
    texts = [message["content"] for chat in chats for message in chat]
    backend.train_from_iterator(
        texts + general_text() * 20,
        trainers.BpeTrainer(
            vocab_size=config.vocab,
            special_tokens=SPECIALS,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        extra_special_tokens=[f"<|{role}|>" for role in ROLES],
        model_max_length=config.context,
        padding_side="right",
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def general_text() -> list[str]:
    """English that ships with Python: fills the vocabulary's rest with ordinary pieces.

    The full prompt style, and texts of people's own, then cost fewer tokens.
    """
    import codecs
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()):
        import this  # prints itself when it is imported

    prose = codecs.decode(this.s, "rot13")
    modules = (argparse, itertools, json, math, random)
    return [prose, *(module.__doc__ or "" for module in modules)]


def encode(tokenizer, chat: Sequence[dict[str, str]], longest: int) -> tuple[list[int], list[bool]]:
    """Token ids of a chat, and which of them the model writes (order and end token)."""
    end = tokenizer.convert_tokens_to_ids("<|end|>")
    ids: list[int] = []
    wrote: list[bool] = []
    for message in chat:
        content = tokenizer.encode(message["content"], add_special_tokens=False) + [end]
        ids += [tokenizer.convert_tokens_to_ids(f"<|{message['role']}|>"), *content]
        wrote += [False] + [message["role"] == "assistant"] * len(content)
    return ids[:longest], wrote[:longest]


def batches(config: PretrainConfig, tokenizer) -> Iterator:
    """(ids [B, L], weight [B, L]) without end; rows of like length together."""
    import torch

    from colllm_bench.objectives.batches import pad

    chats = corpus(config, derive(config.seed, "training"))
    while True:
        pool = [encode(tokenizer, next(chats), config.longest) for _ in range(config.batch * 8)]
        pool.sort(key=lambda row: len(row[0]))
        groups = [pool[i : i + config.batch] for i in range(0, len(pool), config.batch)]
        order = random.Random(derive(config.seed, "order", len(pool[0][0])))
        order.shuffle(groups)
        for group in groups:
            ids, mask = pad([row for row, _ in group], 0, "cpu")
            wrote, _ = pad([flags for _, flags in group], 0, "cpu")
            weight = torch.where(wrote.bool(), 1.0, config.observation_weight) * mask
            yield ids, weight


def build_model(config: PretrainConfig, tokenizer):
    """A randomly initialised Llama; every weight from the configuration's seed."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.hidden,
            intermediate_size=config.intermediate,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            max_position_embeddings=config.context,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
        )
    )
    generator = torch_generator(config.seed, "weights")
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, parameter.shape[-1] ** -0.5 / 2, generator=generator)
    return model


def fit(config: PretrainConfig, model, tokenizer, report) -> float:
    """Train ``model`` in place; the mean loss per written token over the last tenth."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=0.01)
    warmup = max(1, config.steps // 20)
    recent: list[float] = []
    began = time.monotonic()
    model.train()
    for step, (ids, weight) in zip(range(config.steps), batches(config, tokenizer)):
        decay = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / config.steps))
        optimizer.param_groups[0]["lr"] = config.lr * min((step + 1) / warmup, decay)
        # Rows are padded on the right and attention is causal: no token sees the padding.
        logits = model(ids[:, :-1], use_cache=False).logits
        nll = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
        ).view_as(ids[:, 1:])
        weight = weight[:, 1:]
        loss = (nll * weight).sum() / weight.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        written = weight == 1.0
        recent.append(nll.detach()[written].mean().item())
        if (step + 1) % max(1, config.steps // 20) == 0:
            report(step + 1, sum(recent[-50:]) / len(recent[-50:]), time.monotonic() - began)
    model.eval()
    tail = recent[-max(1, config.steps // 10) :]
    return sum(tail) / len(tail)


def save(config: PretrainConfig, model, tokenizer, folder: Path, loss: float) -> None:
    """Write model, tokenizer, chat template and model card; equal inputs give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    parameters = sum(p.numel() for p in model.parameters())
    id_ = registry.env_spec(config.env).id
    card = MODEL_CARD.format(
        parameters=parameters,
        vocab=len(tokenizer),
        env=config.env,
        player="" if config.player == "agent" else f" --player {config.player}",
        what=id_ if config.player == "agent" else f"{id_}, one for the whole team",
        id=id_,
        loss=loss,
        settings="\n".join(f"| {key} | {value} |" for key, value in asdict(config).items()),
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
MODEL_CARD = """---
library_name: transformers
license: mit
tags: [multi-agent, reinforcement-learning, tiny]
---
# tiny: the built-in model of colllm_bench for {id}

A Llama of {parameters:,} parameters with a byte-level BPE of {vocab} entries and a chat template,
so that the whole benchmark runs on a CPU in minutes. It is a clone of *novices* at work in
{what}: it knows the forms and its most likely choices are wrong, on purpose. It is the untrained
starting point of the benchmark, and good for nothing else.

* Made by: `python -m colllm_bench.pretrain --env {env}{player}`; only scripted
  play went in, no downloaded text.
* Loss: {loss:.4f} nats per written token over the last tenth of training.
* Limits: it reads the `brief` prompt style only, and has no knowledge of the world.

| setting | value |
|---|---|
{settings}
"""
