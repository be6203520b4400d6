"""``python -m colllm_bench.pretrain --model NAME_OR_FOLDER``: the command of a warm start."""

from __future__ import annotations

import os
import time
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from colllm_bench import cli
from colllm_bench.display.progress import duration
from colllm_bench.errors import ConfigError
from colllm_bench.models.get import ensure
from colllm_bench.runs.files import lock_folder, read_json, write_json, writing
from colllm_bench.warm_start.plan import LEARNING_RATES, Plan

DESCRIPTION = """Let a pretrained model clone scripted play, as a start for reinforcement learning.

  python -m colllm_bench.pretrain --model smollm2 --env strategy --agents 2 --out warm
  python -m colllm_bench.run --model warm --env strategy --agents 2

It ends when the model scores on a development set what its demonstrators score themselves. The
same command again goes on where it was interrupted.
"""
_HELP = {
    "steps": "most optimizer steps", "episodes": "demonstrated episodes a step",
    "lr": "peak learning rate ("
    + ", ".join(f"{rate:g} with --tuning {name}" for name, rate in LEARNING_RATES.items()) + ")",
    "check_every": "steps between plays on the development set",
    "dev_episodes": "tasks of the development set",
    "minutes": "write the model as it is after so many (default: no limit)",
}
_PLAN = "plan.json"


def parser(env: str | None = None) -> cli.Parser:
    command = cli.Parser(
        prog="python -m colllm_bench.pretrain",
        usage="python -m colllm_bench.pretrain --model NAME --env NAME --out FOLDER [options]",
        description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter,
    )
    cli.add_config_options(command, role="clone", env=env)
    group = command.add_argument_group("warm start")
    for field in fields(Plan):
        if field.name in _HELP:
            kind = float if field.name in ("lr", "minutes") else int
            default = f" (default: {field.default})" if kind is int else ""
            group.add_argument(f"--{field.name.replace('_', '-')}", type=kind,
                               metavar=cli.LETTERS[kind], help=_HELP[field.name] + default)
    group.add_argument("--out", metavar="FOLDER", help="where the model goes")
    command.add_argument("--debug", action="store_true", help="show tracebacks")
    return command


def main(argv: Sequence[str]) -> int:
    args = parser(cli.shown_environment(argv)).parse(argv)
    options = vars(args)
    if "out" not in options:
        raise ConfigError("a warm start needs a place for its model", fix="--out FOLDER")
    config, _ = cli.build_config(args)
    plan = Plan.of(config, **{name: options[name] for name in _HELP if name in options})
    folder = Path(options["out"])
    if (folder / "config.json").exists():
        raise ConfigError(f"{folder} holds a model", fix="another --out FOLDER, or remove it")
    ensure(plan.config.model)
    make(plan, folder, list(argv))
    return 0


def make(plan: Plan, folder: Path, command: list[str], tell: Callable[[str], None] = print) -> None:
    """The whole of it: demonstrations, cloning, files.

    Args:
        plan: the settings.
        folder: where the model goes; an interrupted warm start in it is gone on with.
        command: the command line, for the card.
        tell: takes lines of progress.

    Raises:
        ConfigError: ``folder`` holds a warm start with other settings.
    """
    from colllm_bench.warm_start.demonstrations import novice_class
    from colllm_bench.warm_start.model_files import WORK

    work = folder / WORK
    novice_class(plan.config.env)
    with writing(work):
        work.mkdir(parents=True, exist_ok=True)
    lock = lock_folder(work)
    try:
        _same_plan(work / _PLAN, plan)
        _make(plan, folder, command, tell)
    finally:
        if lock is not None:
            os.close(lock)


def _make(plan: Plan, folder: Path, command: list[str], tell: Callable[[str], None]) -> None:
    from colllm_bench.setup.environments import make_env
    from colllm_bench.teams.loading import build_team
    from colllm_bench.warm_start.cloning import Cloning
    from colllm_bench.warm_start.model_files import WORK, save

    env = make_env(plan.config, split="train")
    policy = build_team(plan.config, env.possible_agents)
    env.close()
    cloning = Cloning(plan, policy, folder / WORK)
    p = cloning.progress
    tell(f"{plan.config.model}: {sum(t.numel() for t in cloning.tensors):,} trained parameters; "
         f"the demonstrators' own return is {p.goal:.3f}"
         + (f"; going on at step {p.step}" if p.step else ""))
    cloning.run(_Reporter(plan, tell))
    save(plan, policy, p, folder, command)
    tell(("reached the demonstrators' return" if p.reached else "the demonstrators' return was "
          "not reached: more --steps or --minutes, or another --lr")
         + f"; {p.step} steps, {duration(p.seconds)}; written to {folder}")


def _same_plan(path: Path, plan: Plan) -> None:
    """Refuse to go on with other settings; write down those of a new warm start."""
    mine = plan.to_dict()
    if not path.exists():
        write_json(path, mine)
        return
    before = read_json(path)
    odd = [key for key in mine if before.get(key) != mine[key]]
    if odd:
        raise ConfigError(
            f"{path.parent.parent} holds a warm start that was interrupted, with other settings "
            f"({odd[0]}={before.get(odd[0])}, not {mine[odd[0]]})",
            fix="the same settings, another --out FOLDER, or remove it",
        )


class _Reporter:
    """A line of progress every ten steps and with every play on the development set."""

    def __init__(self, plan: Plan, tell: Callable[[str], None]):
        self.plan, self.tell = plan, tell
        self.began, self.first = time.monotonic(), None

    def __call__(self, progress: Any) -> None:
        p = progress
        self.first = p.step - 1 if self.first is None else self.first
        checked = p.checks and p.checks[-1]["step"] == p.step
        if not checked and p.step % 10 and p.step != 1:
            return
        each = (time.monotonic() - self.began) / (p.step - self.first)
        recent = p.losses[-10:]
        line = f"step {p.step}/{self.plan.steps}  loss {sum(recent) / len(recent):.3f}"
        if checked:
            row = p.checks[-1]
            line += (f"  development return {row['return']:.3f} of {p.goal:.3f}, "
                     f"{row['invalid']:.0%} invalid")
        remaining = self.plan.steps - p.step
        left = f", at most {duration(each * remaining)} left" if remaining else ""
        self.tell(f"{line}  ({each:.1f} s a step{left})")
