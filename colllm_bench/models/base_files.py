"""The files of a base model: where they lie, whether they are whole, and their digest.

Torch-free: none of it loads a model.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from pathlib import Path

from colllm_bench.errors import ConfigError
from colllm_bench.registry import MODELS, env_spec
from colllm_bench.registry.packaged import PACKAGED

WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "*.gguf")
CONTENT = (
    *WEIGHTS, "*.index.json", "config.json", "generation_config.json", "tokenizer*.json",
    "tokenizer.model", "vocab.*", "merges.txt", "special_tokens_map.json", "added_tokens.json",
    "chat_template.jinja", "adapter_config.json",
)
"""Files that determine a model's output."""
ALLOWED = (
    "a folder of save_pretrained or of a PEFT adapter, a .gguf file, a hub id, "
    + ", ".join(sorted((*MODELS, *PACKAGED)))
)
"""What ``--model`` takes, in words."""
_LFS = b"version https://git-lfs"


def find_source(name: str, env: str | None, *, central: bool = False) -> str:
    """Where ``from_pretrained`` finds a model: a folder, a GGUF file, or a hub id as it is.

    Args:
        name: a built-in name, that of a fetched model, a folder of ``save_pretrained``, a PEFT
            adapter's folder, a GGUF file or a folder with one, or a hub id.
        env: decides which built-in model a built-in name means.
        central: for the controller of centralized execution; likewise.

    Raises:
        ConfigError: a path with no model in it, a model that was not fetched yet.
    """
    if name in MODELS:
        folder = MODELS[name].folder(env and env_spec(env).name, central=central)
        if not (folder / "config.json").is_file():
            raise ConfigError(
                f"the built-in model {name!r} is not in this installation ({folder})",
                fix="python -m colllm_bench.pretrain makes it",
            )
        return str(folder)
    if name in PACKAGED:
        return str(PACKAGED[name].require())
    path = Path(name)
    if not (path.exists() or name.startswith((".", "/", "~"))):
        near = difflib.get_close_matches(name.lower(), (*MODELS, *PACKAGED), 1, 0.75)
        if near and "/" not in name:  # the hub's ids have an owner, but for a few old ones
            raise ConfigError(
                f"no model {name!r}", allowed=ALLOWED, fix=f"did you mean {near[0]}?"
            )
        return name
    path = path.expanduser()
    files = sorted(path.glob("*.gguf")) if path.is_dir() else []
    is_model = (path / "config.json").is_file() or (path / "adapter_config.json").is_file()
    if not is_model and len(files) == 1:
        return str(files[0])
    if not is_model and files:
        raise ConfigError(
            f"{name!r} has {len(files)} GGUF files", allowed=", ".join(map(str, files[:4])),
            fix="name the file",
        )
    if not is_model and not (path.is_file() and path.suffix == ".gguf"):
        raise ConfigError(
            f"{name!r} is not a model folder: no config.json in it", allowed=ALLOWED,
        )
    return str(path)


def files_of(source: str) -> list[Path]:
    """The files that determine the output of the model at ``source``, sorted by name; of a hub
    id those in the local cache, and none where nothing is cached."""
    path = Path(source)
    if path.is_file():
        return [path]
    if not path.is_dir():
        folder = _cached(source)
        if folder is None:
            return []
        path = folder
    return sorted({file for pattern in CONTENT for file in path.glob(pattern)})


def digest(source: str) -> str | None:
    """Sixteen hex digits of a model's files: equal on two machines for the same model. None
    where there are no files."""
    files = files_of(source)
    if not files:
        return None
    whole = hashlib.sha256()
    for path in files:
        content = hashlib.sha256()
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                content.update(piece)
        whole.update(f"{content_name(path)} {content.hexdigest()}\n".encode())
    return whole.hexdigest()[:16]


def content_name(path: Path) -> str:
    """A file's name in digests: a GGUF file is the same model under any name."""
    return "model.gguf" if path.suffix == ".gguf" else path.name


def require_whole(name: str, source: str) -> None:
    """Refuse weights that are a Git LFS pointer, or a safetensors file that was cut off.

    Raises:
        ConfigError: names the file and what to do.
    """
    for path in files_of(source):
        with open(path, "rb") as file:
            head = file.read(len(_LFS))
        if head == _LFS:
            raise ConfigError(
                f"model {name!r}: {path.name} is a Git LFS pointer, not the file itself",
                fix=f"git lfs pull, in {path.parent}",
            )
        if path.suffix == ".safetensors":
            _require_whole_safetensors(name, path)


def _require_whole_safetensors(name: str, path: Path) -> None:
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(length)) if length <= size else {}
            ends = [int(x["data_offsets"][1]) for k, x in header.items() if k != "__metadata__"]
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            ends = []
    if not ends or 8 + length + max(ends) != size:
        whole = f" of {8 + length + max(ends)}" if ends else ""
        raise ConfigError(
            f"model {name!r}: {path.name} is truncated or damaged ({size} bytes{whole})",
            fix="copy or download it again",
        )


def _cached(model: str) -> Path | None:
    try:
        from huggingface_hub import try_to_load_from_cache

        config = try_to_load_from_cache(model, "config.json")
    except Exception:  # no such package, or no name that a hub could have
        return None
    return Path(config).parent if isinstance(config, str) else None
