"""``python -m colllm_bench.pretrain``: makes a built-in language model from scripted play, or
lets a pretrained one (``--model``) clone it."""

from __future__ import annotations

import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from colllm_bench import cli, registry
from colllm_bench.cli.field_docs import field_docs
from colllm_bench.errors import ConfigError
from colllm_bench.models.pretraining import (
    CONTROLLER,
    PretrainConfig,
    build_model,
    fit,
    save,
    settings,
    train_tokenizer,
)

DESCRIPTION = """Make the built-in language model of an environment again, from scripted play.

  python -m colllm_bench.pretrain --env coding --out my_model
  python -m colllm_bench.pretrain --env coding --replace       # the model of this installation
  python -m colllm_bench.pretrain --env strategy --player controller --out my_master

Or let a pretrained model clone such play; --model NAME --help shows the options of that:

  python -m colllm_bench.pretrain --model smollm2 --env strategy --agents 2 --out warm
"""


def parser() -> cli.Parser:
    command = cli.Parser(
        prog="python -m colllm_bench.pretrain",
        usage="python -m colllm_bench.pretrain [options]",
        description=DESCRIPTION,
        formatter_class=RawDescriptionHelpFormatter,
    )
    command.add_argument("--out", metavar="FOLDER", help="where the model goes")
    command.add_argument(
        "--replace", action="store_true",
        help="overwrite a model that is there (without --out: the built-in one)",
    )
    documented = field_docs(PretrainConfig)
    for name, value in asdict(PretrainConfig()).items():
        text = documented[name].text.replace("%", "%%")
        default = f"default: {value}" + ("" if name == "env" else ", or the environment's own")
        command.add_argument(
            f"--{name.replace('_', '-')}", type=type(value), metavar=cli.LETTERS[type(value)],
            help=f"{text} ({default})",
        )
    command.add_argument("--debug", action="store_true", help="show tracebacks")
    return command


def main(argv: Sequence[str]) -> int:
    if any(word == "--model" or word.startswith("--model=") for word in argv):
        from colllm_bench.warm_start import command

        return command.main(argv)
    options = vars(parser().parse(argv))
    options.pop("debug", None)
    out, replace = options.pop("out", None), options.pop("replace", False)
    config = settings(options.pop("env", PretrainConfig.env), **options)
    folder = Path(out) if out else built_in_folder(config.env, config.player)
    if (folder / "config.json").exists() and not replace:
        raise ConfigError(f"{folder} holds a model", fix="--out FOLDER, or --replace")
    make(config, folder)
    return 0


def built_in_folder(env: str, player: str) -> Path:
    """Where the built-in model for ``env`` lies in this installation."""
    name = env + registry.CENTRAL * (player == CONTROLLER)
    return Path(__file__).parent / registry.MODELS["tiny"].path / name


def make(config: PretrainConfig, folder: Path) -> None:
    """Tokenizer, model, training, files: the whole of it."""
    import torch

    torch.set_num_threads(config.threads)
    tokenizer = train_tokenizer(config)
    model = build_model(config, tokenizer)
    count = sum(p.numel() for p in model.parameters())
    print(f"{count:,} parameters, {len(tokenizer)} tokens", flush=True)

    def report(step: int, loss: float, seconds: float) -> None:
        left = seconds / step * (config.steps - step)
        print(f"step {step}/{config.steps} loss {loss:.4f} ({left:.0f} s left)", flush=True)

    loss = fit(config, model, tokenizer, report)
    save(config, model, tokenizer, folder, loss)
    print(f"written to {folder}")


if __name__ == "__main__":
    sys.exit(cli.execute(main))
