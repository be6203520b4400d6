"""From a model's name to a model: built-in names, folders and hub ids, and what can go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from colllm_bench.errors import ConfigError
from colllm_bench.models.probes import require_causal
from colllm_bench.registry import MODELS, env_spec

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass
class LoadedModel:
    """A causal language model and what belongs to it.

    Attributes:
        model: in ``eval`` mode with every dropout at 0, frozen nowhere.
        tokenizer: with a chat template and a padding id.
        name: what the user called it; adapters on disk name their base by ``source``.
        source: folder or hub id that ``from_pretrained`` takes.
        context_length: most positions, or None where the configuration names no limit.
        end_ids: ids that end a text, by the model's ``generation_config``.
    """

    model: Any
    tokenizer: Any
    name: str
    source: str
    context_length: int | None
    end_ids: tuple[int, ...] = ()


def resolve_device(device: str) -> torch.device:
    """``auto``, ``cpu`` or ``cuda`` (or ``cuda:N``). Raises ConfigError for an absent one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        allowed = "auto, cpu, cuda, cuda:N"
        raise ConfigError(f"unknown device {device!r}", allowed=allowed) from error
    if wanted.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"device {device!r} was asked for, but this PyTorch sees no CUDA GPU",
            allowed="auto, cpu",
            fix="use --device auto, or install a CUDA build of torch and a driver",
        )
    if wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count():
        last = torch.cuda.device_count() - 1
        raise ConfigError(f"device {device!r} does not exist", allowed=f"cuda:0 to cuda:{last}")
    return wanted


def resolve_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """``auto`` is bfloat16 on CUDA and float32 on the CPU. Raises ConfigError for others."""
    if dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    if dtype not in DTYPES:
        raise ConfigError(f"unknown dtype {dtype!r}", allowed="auto, " + ", ".join(DTYPES))
    return DTYPES[dtype]


def load_base(
    name: str,
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    chat_template: str | None = None,
    gradient_checkpointing: bool = False,
    env: str | None = None,
) -> LoadedModel:
    """Load a causal language model by built-in name, folder or hub id.

    Args:
        env: what it will play: a built-in name stands for one model an environment.

    Raises:
        ConfigError: no such model, no model in the folder, no chat template, no such device.
    """
    place = resolve_device(str(device))
    kind = dtype if isinstance(dtype, torch.dtype) else resolve_dtype(dtype, place)
    source = _source(name, env)
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # one bar is shown at a time, and it is the run's
    tokenizer = _pretrained(AutoTokenizer, name, source)
    model = _pretrained(AutoModelForCausalLM, name, source, dtype=kind)
    prepare_tokenizer(tokenizer, chat_template)
    prepare_model(model, gradient_checkpointing)
    model.to(place)
    require_causal(model)
    length = context_length(model.config)
    return LoadedModel(model, tokenizer, name, source, length, end_ids_of(model))


def _source(name: str, env: str | None) -> str:
    if name in MODELS:
        folder = MODELS[name].folder(env and env_spec(env).name)
        if not (folder / "config.json").is_file():
            raise ConfigError(
                f"the built-in model {name!r} is not in this installation ({folder})",
                fix="python -m colllm_bench.pretrain makes it",
            )
        return str(folder)
    path = Path(name)
    if path.exists() or name.startswith((".", "/", "~")):
        path = path.expanduser()
        if not (path / "config.json").is_file():
            raise ConfigError(
                f"{name!r} is not a model folder: no config.json in it",
                allowed="a folder of save_pretrained, a hub id, " + ", ".join(sorted(MODELS)),
            )
        return str(path)
    return name


def _pretrained(factory: Any, name: str, source: str, **options: Any) -> Any:
    try:
        return factory.from_pretrained(source, **options)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"model {name!r} cannot be loaded: {reason}",
            allowed="a hub id, a folder of save_pretrained, " + ", ".join(sorted(MODELS)),
            fix="check the name, the folder, or the network (and a login for gated models)",
        ) from error


def prepare_tokenizer(tokenizer: Any, chat_template: str | None) -> None:
    """Give the tokenizer the template of the file, if one is named, and a padding id."""
    if chat_template is not None:
        try:
            tokenizer.chat_template = Path(chat_template).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"chat template {chat_template!r} cannot be read: {error}",
                fix="name a Jinja file",
            ) from error
    if tokenizer.pad_token_id is None and tokenizer.eos_token is not None:
        # Never seen by a model here: padding is masked by position, not by its id.
        tokenizer.pad_token = tokenizer.eos_token


def prepare_model(model: Any, gradient_checkpointing: bool) -> None:
    """No dropout anywhere: the sampled and the trained distribution are one."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for field, value in vars(module).items():
            if isinstance(value, float) and "drop" in field:
                setattr(module, field, 0.0)
    model.eval()
    if gradient_checkpointing and not model.supports_gradient_checkpointing:
        raise ConfigError(
            f"{type(model).__name__} does not support gradient checkpointing",
            fix="leave out --gradient-checkpointing and use a smaller micro_batch",
        )


def end_ids_of(model: Any) -> tuple[int, ...]:
    """The ids at which the model's own ``generate`` would stop: one, several or none."""
    ids = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    if ids is None:
        return ()
    return tuple(ids) if isinstance(ids, (list, tuple)) else (ids,)


def context_length(config: Any) -> int | None:
    """Most positions of a model, by the names that configurations use."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    for field in ("max_position_embeddings", "n_positions", "max_sequence_length", "n_ctx"):
        value = getattr(text, field, None)
        if isinstance(value, int) and value > 0:
            return value
    return None
