"""The base model by its files: two machines mean the same model if the digests agree."""

from __future__ import annotations

from colllm_bench.errors import ConfigError
from colllm_bench.leaderboard.submissions.strict_json import sha256
from colllm_bench.models.base_files import content_name, files_of, find_source

WEIGHTS = (".safetensors", ".gguf")
"""Pickled weights are not accepted: loading them may run code."""


def base_files(model: str, env: str, *, central: bool = False) -> dict[str, str]:
    """SHA-256 of each file that determines a model's output, by name.

    Args:
        model: as ``--model`` takes it (:func:`colllm_bench.models.base_files.find_source`); a hub
            id that was loaded here before.
        env: decides which built-in model a built-in name means.
        central: for the controller of centralized execution, which may have one of its own.

    Raises:
        ConfigError: it is not on this machine, or has no weights in safetensors or GGUF.
    """
    source = find_source(model, env, central=central)
    paths = files_of(source)
    if not paths:
        raise ConfigError(
            f"model {model!r} is not on this machine", allowed="a folder, or a hub id in the cache",
            fix="load it once (python -m colllm_bench.play --team model --model ...)",
        )
    if not any(path.suffix in WEIGHTS for path in paths):
        raise ConfigError(f"model {model!r} has no weights in safetensors in {source}",
                          fix="save_pretrained writes them")
    return {content_name(path): sha256(path) for path in paths if path.suffix != ".bin"}
