"""From a model's name to a model: built-in names, folders and hub ids, and what can go wrong."""

from __future__ import annotations

import functools
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from colllm_bench.errors import ConfigError
from colllm_bench.models import base_files
from colllm_bench.models.base_files import find_source, require_whole
from colllm_bench.models.gguf_files import dequantized, require_gguf
from colllm_bench.models.probes import require_causal
from colllm_bench.registry import MODELS

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass
class LoadedModel:
    """A causal language model and what belongs to it.

    Attributes:
        model: in ``eval`` mode with every dropout at 0, frozen nowhere.
        tokenizer: with a chat template and a padding id.
        name: what the user called it.
        source: folder, file or hub id that ``from_pretrained`` takes.
        context_length: most positions, or None where the configuration names no limit.
        end_ids: ids that end a text, by the model's ``generation_config``.
    """

    model: Any
    tokenizer: Any
    name: str
    source: str
    context_length: int | None
    end_ids: tuple[int, ...] = ()

    @property
    def public_name(self) -> str:
        """What files that are passed on call the model: a built-in one by its place in the
        package, not by the path of this installation."""
        if self.name in MODELS:
            return f"colllm_bench/models/{self.name}/{Path(self.source).name}"
        return self.source

    @functools.cached_property
    def digest(self) -> str | None:
        """See :func:`colllm_bench.models.base_files.digest`."""
        return base_files.digest(self.source)


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
    central: bool = False,
    trust_remote_code: bool = False,
) -> LoadedModel:
    """Load a causal language model.

    Args:
        name: a built-in name, that of a fetched model, a folder of ``save_pretrained``, the folder
            of a PEFT adapter (it is merged into its base), a GGUF file, or a hub id.
        env: what it will play: a built-in name stands for one model an environment.
        central: whether it will play for the whole team, for which there may be another.
        trust_remote_code: run code that the model's repository brings.

    Raises:
        ConfigError: no such model, one that was not fetched yet, damaged or other weights, a model
            that is not causal, no chat template, no such device.
    """
    place = resolve_device(str(device))
    kind = dtype if isinstance(dtype, torch.dtype) else resolve_dtype(dtype, place)
    source = find_source(name, env, central=central)
    require_whole(name, source)
    from transformers.utils import logging

    logging.disable_progress_bar()  # one bar is shown at a time, and it is the run's
    tokenizer, model = _tokenizer_and_model(name, source, kind, trust_remote_code)
    prepare_tokenizer(tokenizer, chat_template)
    _require_embeddings(name, tokenizer, model.get_input_embeddings().num_embeddings)
    prepare_model(model, gradient_checkpointing)
    model.to(place)
    require_causal(model)
    length = context_length(model.config)
    return LoadedModel(model, tokenizer, name, source, length, end_ids_of(model))


def _tokenizer_and_model(
    name: str, source: str, dtype: torch.dtype, trust_remote_code: bool
) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path, options = Path(source), {"trust_remote_code": trust_remote_code}
    if path.is_file():
        require_gguf(f"model {name!r}")
        source, options["gguf_file"] = str(path.parent), path.name
    elif (path / "adapter_config.json").is_file() and not (path / "config.json").is_file():
        return _with_adapter(name, path, dtype, trust_remote_code)
    tokenizer = _pretrained(AutoTokenizer, name, source, **options)
    if "gguf_file" in options:
        options |= dequantized()
    model, info = _pretrained(
        AutoModelForCausalLM, name, source, dtype=dtype, output_loading_info=True, **options
    )
    missing = sorted(info["missing_keys"])
    if missing:
        raise ConfigError(
            f"model {name!r} lacks {len(missing)} of its weights ({missing[0]})",
            fix="a folder in which the weights belong to config.json and to text generation",
        )
    return tokenizer, model


def _with_adapter(
    name: str, folder: Path, dtype: torch.dtype, trust_remote_code: bool
) -> tuple[Any, Any]:
    """A PEFT adapter merged into its base, with the adapter's own tokenizer if it has one."""
    from peft import PeftModel
    from transformers import AutoTokenizer

    base = _base_of(name, folder)
    if not list(folder.glob("adapter_model.*")):
        raise ConfigError(
            f"adapter {name!r} has no weights: no adapter_model.safetensors in it",
            fix="copy or download it again",
        )
    if Path(base).is_dir() and not (Path(base) / "config.json").is_file():
        raise ConfigError(
            f"the base of adapter {name!r}, {base!r}, is an adapter itself",
            fix="merge that one first, or set base_model_name_or_path to a whole model",
        )
    require_whole(base, base)
    tokenizer, model = _tokenizer_and_model(base, base, dtype, trust_remote_code)
    if (folder / "tokenizer_config.json").is_file():
        tokenizer = _pretrained(AutoTokenizer, name, str(folder))
    with warnings.catch_warnings():
        # PEFT reads an attribute that transformers 5 has renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        merged = _pretrained(_Merging(PeftModel, model), name, str(folder))
    return tokenizer, merged


def _base_of(name: str, folder: Path) -> str:
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        base = config["base_model_name_or_path"]
        if not base or not isinstance(base, str):
            raise ValueError(f"base_model_name_or_path is {base!r}")
        return find_source(base, None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"adapter {name!r} cannot be loaded: its base is not named ({error!r})",
            fix="set base_model_name_or_path in adapter_config.json",
        ) from error


class _Merging:
    """``from_pretrained`` of an adapter on a loaded base, merged into it."""

    def __init__(self, factory: Any, base: Any):
        self.factory, self.base = factory, base

    def from_pretrained(self, source: str) -> Any:
        return self.factory.from_pretrained(self.base, source).merge_and_unload()


def _pretrained(factory: Any, name: str, source: str, **options: Any) -> Any:
    try:
        return factory.from_pretrained(source, **options)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # transformers and what reads files for it raise of any kind
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        fix = "check the name, the folder, or the network (and a login for gated models)"
        if "trust_remote_code" in str(error):
            reason = "its repository brings code of its own"
            fix = "--trust-remote-code, if you trust it"
        elif "size mismatch" in reason or "mismatch" in reason.lower():
            fix = "a folder whose weights belong to its config.json"
        raise ConfigError(
            f"model {name!r} cannot be loaded: {reason}",
            allowed=base_files.ALLOWED,
            fix=fix,
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


def _require_embeddings(name: str, tokenizer: Any, embeddings: int) -> None:
    """Refuse a tokenizer with ids that the embedding lacks. Added tokens count only where they
    may come up: as end, padding or markup of the chat template."""
    added, template = tokenizer.get_added_vocab(), str(tokenizer.chat_template)
    used = (tokenizer.eos_token, tokenizer.pad_token)
    ids = [
        i
        for token, i in tokenizer.get_vocab().items()
        if token not in added or token in used or token in template
    ]
    if max(ids, default=0) >= embeddings:
        raise ConfigError(
            f"the tokenizer of model {name!r} has ids up to {max(ids)}, and its embedding has "
            f"{embeddings} rows",
            fix="model.resize_token_embeddings(len(tokenizer)), or the model's own tokenizer",
        )


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
    ids = ids if isinstance(ids, (list, tuple)) else [ids]
    return tuple(i for i in ids if type(i) is int and i >= 0)  # some write -1 for none


def context_length(config: Any) -> int | None:
    """Most positions of a model, by the names that configurations use."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    for field in ("max_position_embeddings", "n_positions", "max_sequence_length", "n_ctx"):
        value = getattr(text, field, None)
        if isinstance(value, int) and value > 0:
            return value
    return None
