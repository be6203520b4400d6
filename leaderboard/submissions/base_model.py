"""The base model by its files: two machines mean the same model if the digests agree."""

from __future__ import annotations

from pathlib import Path

from colllm_bench.errors import ConfigError
from colllm_bench.leaderboard.submissions.strict_json import sha256
from colllm_bench.registry import MODELS, env_spec
from colllm_bench.registry.packaged import PACKAGED

OF_A_MODEL = (
    "config.json", "generation_config.json", "*.safetensors", "*.safetensors.index.json",
    "tokenizer*.json", "tokenizer.model", "vocab.*", "merges.txt", "special_tokens_map.json",
    "added_tokens.json", "chat_template.jinja",
)
"""Files that determine the model's output. Pickled weights are not accepted."""


def model_folder(model: str, env: str, *, central: bool = False) -> Path:
    """The folder of a model's files on this machine.

    Args:
        model: a built-in name, that of a fetched model, a folder of ``save_pretrained``, or a
            hub id that was loaded here before.
        env: decides which built-in model a built-in name means.
        central: for the controller of centralized execution, which may have one of its own.

    Raises:
        ConfigError: they are not on this machine.
    """
    if model in MODELS:
        return MODELS[model].folder(env_spec(env).name, central=central)
    if model in PACKAGED:
        return PACKAGED[model].require()
    folder = Path(model).expanduser()
    if (folder / "config.json").is_file():
        return folder
    try:
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(model, "config.json")
    except Exception:  # no such package, or no name that a hub could have
        cached = None
    if not isinstance(cached, str):
        raise ConfigError(
            f"model {model!r} is not on this machine", allowed="a folder, or a hub id in the cache",
            fix="load it once (python -m colllm_bench.play --team model --model ...)",
        )
    return Path(cached).parent


def base_files(model: str, env: str, *, central: bool = False) -> dict[str, str]:
    """SHA-256 of each file of a model, by name.

    Raises:
        ConfigError: it is not on this machine, or has no weights in safetensors.
    """
    folder = model_folder(model, env, central=central)
    paths = sorted({path for pattern in OF_A_MODEL for path in folder.glob(pattern)})
    if not any(path.suffix == ".safetensors" for path in paths):
        raise ConfigError(f"model {model!r} has no weights in safetensors in {folder}",
                          fix="save_pretrained writes them")
    return {path.name: sha256(path) for path in paths}
