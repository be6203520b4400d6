"""``python -m colllm_bench.run``: train a team, evaluate it, keep the record."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import sys
import traceback
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from colllm_bench import cli, registry
from colllm_bench.config import RunConfig, fields_without_effect
from colllm_bench.errors import ColllmError, ConfigError, RunError
from colllm_bench.launchers.local import follow_parent
from colllm_bench.options import check_values, options_of

DESCRIPTION = """Train a team, evaluate it on held-out tasks, keep the record.

  python -m colllm_bench.run --env strategy --algo cc
  python -m colllm_bench.run --env strategy --algo mc --agents 4 --seeds 0:3
  python -m colllm_bench.run --resume results/strategy/cc/default/seed0
"""
RUN_OPTIONS = ("name", "out", "seeds", "log")
"""What a --config file may set beside the fields of RunConfig."""


def parser(algo: str = RunConfig.algo) -> cli.Parser:
    """The command's options; those of the algorithm ``algo`` are in its help."""
    made = cli.Parser(
        prog="python -m colllm_bench.run",
        usage="python -m colllm_bench.run [options]",
        description=DESCRIPTION,
        formatter_class=RawDescriptionHelpFormatter,
    )
    cli.add_config_options(made, algo=algo)
    folder = made.add_argument_group("run folder")
    folder.add_argument("--name", help="the run's name (default: from the settings that differ)")
    folder.add_argument(
        "--out", metavar="FOLDER",
        help="where run folders go: FOLDER/ENV/ALGO/NAME/seedK (default: results)",
    )
    folder.add_argument(
        "--resume", metavar="RUN_FOLDER", nargs="?", const="",
        help="go on with a run: this folder's, or (without a value) the one these settings name",
    )
    what = made.add_argument_group("what to do")
    what.add_argument("--seeds", metavar="SEEDS", help="several runs: 0,1,2 or 0:3; a process each")
    what.add_argument("--jobs", type=int, metavar="N", help="processes at a time (default: cores)")
    what.add_argument("--no-eval", action="store_true", help="train only; --resume evaluates later")
    what.add_argument(
        "--log", metavar="NAMES", help="copy the metrics to tensorboard, wandb (or both, a,b)"
    )
    what.add_argument("--trace", action="store_true", help="print the life of one turn")
    what.add_argument("--dry-run", action="store_true", help="print the resolved settings as TOML")
    what.add_argument("--list", action="store_true", help="environments, algorithms, models")
    what.add_argument("--quiet", action="store_true", help="print nothing but errors")
    what.add_argument("--debug", action="store_true", help="show tracebacks")
    what.add_argument("--version", action="store_true", help="print the version")
    return made


def main(argv: Sequence[str]) -> int:
    # Before torch is loaded: threads that wait by spinning take other processes' time.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    follow_parent()
    args = parser(cli.algorithm_of(argv)).parse(argv)
    given = vars(args)
    if "version" in given:
        from colllm_bench import __version__

        print(__version__)
        return 0
    if "list" in given:
        print(listing())
        return 0
    base, path = None, None
    if given.get("resume"):
        from colllm_bench.runs.folder import read_config

        path = Path(given["resume"])
        base = read_config(path)
    config, others = cli.build_config(args, RUN_OPTIONS, base)
    given.update({key: value for key, value in others.items() if key not in given})
    check_cheaply(config)
    if "log" in given:
        from colllm_bench.training.loggers import parse_names

        given["log"] = parse_names(given["log"])
    if "dry_run" in given:
        from colllm_bench.setup.resolve import resolve

        print(cli.to_toml(config, resolve(config)), end="")
        return 0
    if "seeds" in given and "seed" not in given:
        if path is not None:
            raise ConfigError("--seeds with the folder of one run", fix="--resume without a folder")
        from colllm_bench.launchers.jobs import run_seeds

        seeds = cli.parse_seeds(given["seeds"])
        paths = {seed: run_folder(config.replace(seed=seed), args) for seed in seeds}
        return run_seeds(argv, paths, given)
    return run_one(config, path or run_folder(config, args), args)


def run_one(config: RunConfig, path: Path, args: Namespace) -> int:
    """One seed from its settings to its report. Returns the exit code."""
    from rich.console import Console

    from colllm_bench.display.progress import make_callback
    from colllm_bench.runs.folder import RunFolder, check_free, holds_run

    given = vars(args)
    quiet, resume = "quiet" in given, "resume" in given and holds_run(path)
    console = Console(quiet=quiet and "trace" not in given)
    if not resume:
        check_free(path)
    with console.status("loading"):
        config = prepare(config)
    folder = (RunFolder.resume if resume else RunFolder.create)(path, config)
    with folder, _keeping_failures(folder):
        logs = _logs(folder, given)
        if not folder.complete:
            callback = make_callback(console, quiet=quiet, trace="trace" in given)
            callbacks = [callback, *logs] if callback else logs
            _work(folder, callbacks, console, evaluate="no_eval" not in given)
        elif logs:
            for log in logs:
                log.start(0, 0)
                log.end(folder.read_json("summary.json"))
        if not (path / "learning_curve.png").exists():
            draw_curve(path)
        if not folder.complete:
            console.print(f"trained, not evaluated: --resume {path} does", soft_wrap=True)
        elif not quiet:
            from colllm_bench.display.tables import print_report

            print_report(console, folder.path, folder.read_json("summary.json"))
    return 0


def prepare(config: RunConfig) -> RunConfig:
    """The resolved configuration, after every check that needs no model.

    Raises:
        ConfigError: the configuration cannot be run. Nothing has been written.
    """
    from colllm_bench.setup.environments import make_env, provenance_of
    from colllm_bench.setup.resolve import resolve
    from colllm_bench.setup.validate import check_config

    config = resolve(config)
    check_config(config)
    env = make_env(config, split="train")
    provenance_of(env)
    env.close()
    return config


def _logs(folder: Any, given: dict[str, Any]) -> list[Any]:
    if "log" not in given:
        return []
    from colllm_bench.training.loggers import make_logs

    return make_logs(given["log"], folder.path, folder.config)


def _work(folder: Any, callbacks: Sequence[Any], console: Any, *, evaluate: bool) -> None:
    from colllm_bench.display.progress import After
    from colllm_bench.training.loop import finish, train

    status, summary = console.status("playing the held-out tasks before training"), None
    status.start()
    try:
        trainer = train(folder.config, folder, After(status.stop, callbacks))
        if evaluate:
            with console.status("playing the held-out tasks: trained team, random team, expert"):
                summary = finish(trainer, folder)
    finally:
        status.stop()
        for callback in callbacks:
            callback.close()
            if hasattr(callback, "end"):
                callback.end(summary)


def draw_curve(path: Path) -> None:
    """``learning_curve.png`` of a run folder; a hint instead where matplotlib is missing."""
    try:
        from colllm_bench.leaderboard.plots.run_curve import learning_curve
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        cli.say("no learning curve drawn: pip install 'colllm-bench[plots]'")
        return
    learning_curve(path, path / "learning_curve.png")


@contextlib.contextmanager
def _keeping_failures(folder: Any) -> Iterator[None]:
    """Around a run's work: what a failure leaves behind, and the line that says how to go on."""
    again = f"python -m colllm_bench.run --resume {folder.path}"
    try:
        yield
    except KeyboardInterrupt as interrupt:
        kept = "nothing was learned yet" if folder.discard() else f"go on with: {again}"
        raise type(interrupt)(f"interrupted; {kept}") from None
    except ColllmError:
        folder.discard()
        raise
    except Exception as error:
        folder.discard()
        folder.write_error(traceback.format_exc())
        if _out_of_memory(error):
            raise RunError(
                f"out of memory ({' '.join(str(error).split())[:120]}); fix: a smaller "
                f"--micro-batch, or --gradient-checkpointing, with: {again}"
            ) from error
        raise


def _out_of_memory(error: BaseException) -> bool:
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )


def check_cheaply(config: RunConfig) -> None:
    """What can be said in milliseconds: names, ranges, and whether anything here can train.

    Raises:
        ConfigError: an unknown environment or algorithm, or no torch.
    """
    registry.env_spec(config.env)
    registry.algorithm_spec(config.algo)
    check_values(RunConfig, vars(config))
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(
                f"training needs {package}, which is not installed",
                fix="pip install 'colllm-bench[train]', or pip install -e '.[train]' in a checkout",
            )


def run_folder(config: RunConfig, args: Namespace) -> Path:
    """Where a run of this configuration goes."""
    from colllm_bench.runs.folder import run_path

    given = vars(args)
    name = given.get("name") or default_name(config)
    if re.sub(r"[\w.+=-]", "", name) or name.startswith("."):
        raise ConfigError(
            f"--name {name!r} is no folder name", allowed="letters, digits and _ . + = -"
        )
    env, algo = registry.env_spec(config.env).name, registry.algorithm_spec(config.algo).name
    return run_path(given.get("out", "results"), env, algo, name, config.seed)


def default_name(config: RunConfig) -> str:
    """``default``, or the settings that differ from the defaults and affect what is learned:
    ``agents4-level2-lr0.0003``."""
    parts = []
    for name, about in options_of(RunConfig).items():
        value = getattr(config, name)
        if isinstance(value, dict):
            parts += [f"{key.replace('_', '')}{item}" for key, item in sorted(value.items())]
        elif not about.in_path and about.affects == "learning" and value != plain_value(name):
            parts.append(f"{name.replace('_', '')}{value}")
    name = re.sub(r"[^\w.+=-]+", "_", "-".join(parts)) or "default"
    if len(name) <= 80:
        return name
    # Of the same fields as the name: a run is not another one for its number of threads.
    free = fields_without_effect() | {n for n, a in options_of(RunConfig).items() if a.in_path}
    return config.replace(**{field: plain_value(field) for field in free}).digest


def plain_value(name: str) -> Any:
    """The default of a field of :class:`RunConfig`."""
    return getattr(RunConfig(), name)


def listing() -> str:
    """Environments, algorithms and models by name, entry points of other packages included."""
    from importlib.metadata import entry_points

    sections = []
    kinds = {
        "Environments": (registry.ENVS, "colllm_bench.envs"),
        "Algorithms": (registry.ALGORITHMS, "colllm_bench.algorithms"),
        "Models": (registry.MODELS, None),
    }
    for title, (specs, group) in kinds.items():
        lines = {spec.name: spec.summary for spec in specs.values()}
        for point in entry_points(group=group) if group else ():
            lines.setdefault(point.name, f"from {point.dist.name if point.dist else point.value}")
        width = max(map(len, lines))
        rows = [f"  {name:<{width}}  {summary}" for name, summary in lines.items()]
        sections.append("\n".join([title, *rows]))
    sections.append(
        "Your own: --env or --algo 'module:Class' or './file.py:Class'; "
        "--model with a Hugging Face folder or hub id"
    )
    return "\n\n".join(sections)


if __name__ == "__main__":
    sys.exit(cli.execute(main))
