"""``python -m colllm_bench.run``: train a team, evaluate it, keep the record."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from colllm_bench import cli, processes, registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ColllmError, ConfigError, RunError
from colllm_bench.launchers.local import exit_with_parent
from colllm_bench.models.get import ensure
from colllm_bench.registry.packaged import PACKAGED
from colllm_bench.runs.arithmetic import make_portable_if_asked
from colllm_bench.runs.naming import run_folder
from colllm_bench.setup.prepare import check_names, prepare

DESCRIPTION = """Train a team, evaluate it on held-out tasks, keep the record.

  python -m colllm_bench.run --env strategy --algo cc
  python -m colllm_bench.run --env strategy --algo mc --agents 4 --seeds 0:3
  python -m colllm_bench.run --resume results/strategy/cc/default/seed0
"""
RUN_OPTIONS = ("name", "out", "seeds", "log")
"""What a --config file may set beside the fields of RunConfig."""


def parser(algo: str = RunConfig.algo, env: str | None = None) -> cli.Parser:
    """The command's options; those of the algorithm and of the environment are in its help."""
    command = cli.Parser(
        prog="python -m colllm_bench.run",
        usage="python -m colllm_bench.run [options]",
        description=DESCRIPTION,
        formatter_class=RawDescriptionHelpFormatter,
    )
    cli.add_config_options(command, algo=algo, env=env)
    folder = command.add_argument_group("run folder")
    folder.add_argument("--name", help="the run's name (default: from the settings that differ)")
    folder.add_argument(
        "--out", metavar="FOLDER",
        help="where run folders go: FOLDER/ENV/ALGO/NAME/seedK (default: results)",
    )
    folder.add_argument(
        "--resume", metavar="RUN_FOLDER", nargs="?", const="",
        help="go on with a run: this folder's, or (without a value) the one these settings name; "
        "a finished one goes on with more --episodes",
    )
    what = command.add_argument_group("what to do")
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
    return command


def main(argv: Sequence[str]) -> int:
    # Before torch is loaded: threads that wait by spinning take other processes' time.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    make_portable_if_asked()
    exit_with_parent()
    processes.join()
    if not processes.is_first():
        from colllm_bench.training.loop import follow

        return follow()
    with processes.leading():
        code = lead(argv)
    processes.leave()
    return code


def lead(argv: Sequence[str]) -> int:
    """The command itself: in the only process, or in the first of several."""
    args = parser(cli.algorithm_of(argv), cli.shown_environment(argv)).parse(argv)
    options = vars(args)
    if "version" in options:
        from colllm_bench import __version__

        print(__version__)
        return 0
    if "list" in options:
        print(listing())
        return 0
    if {"seed", "seeds"} <= options.keys():
        raise ConfigError("--seed and --seeds are both given", fix="leave one of them out")
    base, path = None, None
    if options.get("resume"):
        from colllm_bench.runs.folder import read_config

        path = Path(options["resume"])
        base = read_config(path)
    config, others = cli.build_config(args, RUN_OPTIONS, base)
    options.update({key: value for key, value in others.items() if key not in options})
    check_names(config)
    config = _sharing(config, options)
    if "log" in options:
        from colllm_bench.training.loggers import parse_names

        options["log"] = parse_names(options["log"])
    several = "seeds" in options and "seed" not in options  # a file's seeds give way to --seed
    if several and path is not None:
        raise ConfigError("--seeds with the folder of one run", fix="--resume without a folder")
    if several and processes.size() > 1:
        raise ConfigError(
            f"--seeds in {processes.size()} processes that share a run", allowed="--seed K",
            fix="torchrun for each seed, or --seeds without torchrun: a process each",
        )
    seeds = cli.parse_seeds(options["seeds"]) if several else [config.seed]
    paths = {seed: path or _path(config.replace(seed=seed), options) for seed in seeds}
    if "dry_run" in options:
        from colllm_bench.setup.resolve import resolve
        from colllm_bench.setup.validate import check_config
        from colllm_bench.training.memory import told

        resolved = resolve(config)
        check_config(resolved)
        print(cli.to_toml(config, resolved))
        print("\n".join(f"# {line}" for line in told(resolved, as_table=True)))
        return 0
    ensure(config.model)
    if several:
        from colllm_bench.launchers.jobs import run_seeds

        return run_seeds(argv, paths, options)
    return run_one(config, paths[config.seed], args)


def _sharing(config: RunConfig, options: dict[str, Any]) -> RunConfig:
    """A new run in several processes draws its random numbers apart, turn by turn."""
    chosen = processes.size() == 1 or "random_streams" in options or options.get("resume")
    return config if chosen else config.replace(random_streams="episode")


def _path(config: RunConfig, options: dict[str, Any]) -> Path:
    return run_folder(config, options.get("name"), options.get("out"))


def run_one(config: RunConfig, path: Path, args: Namespace) -> int:
    """One seed from its settings to its report. Returns the exit code."""
    from colllm_bench.display.console import make_console
    from colllm_bench.display.progress import make_progress
    from colllm_bench.runs.folder import RunFolder, check_free, holds_run

    options = vars(args)
    quiet, resume = "quiet" in options, "resume" in options and holds_run(path)
    console = make_console(quiet=quiet and "trace" not in options)
    if not resume:
        check_free(path)
    with console.status("loading"):
        config = prepare(config)
    whole = config.iterations * config.batch
    if whole != config.episodes and not quiet:
        cli.say(f"{whole} training episodes: {config.episodes} in whole batches of {config.batch}")
    if not quiet:
        from colllm_bench.training.memory import told

        for line in told(config):
            console.print(line, soft_wrap=True, markup=False, highlight=False)
    folder = (RunFolder.resume if resume else RunFolder.create)(path, config)
    with folder, _keeping_failures(folder):
        loggers = _loggers(folder, options)
        if not folder.complete:
            processes.hand_out({"config": folder.config, "evaluate": "no_eval" not in options})
            shown = make_progress(console, quiet=quiet, trace="trace" in options)
            _work(folder, [*shown, *loggers], console, evaluate="no_eval" not in options)
        else:
            for logger in loggers:
                logger.on_start(0, 0)
                logger.on_run_end(folder.read_json("summary.json"))
        if not (path / "learning_curve.png").exists():
            draw_curve(path)
        if not folder.complete:
            place = cli.quoted(str(path))
            console.print(f"trained, not evaluated: --resume {place} does", soft_wrap=True)
        elif not quiet:
            from colllm_bench.display.tables import print_report

            print_report(console, folder.path, folder.read_json("summary.json"))
    return 0


def _loggers(folder: Any, options: dict[str, Any]) -> list[Any]:
    if "log" not in options:
        return []
    from colllm_bench.training.loggers import make_loggers

    return make_loggers(options["log"], folder.path, folder.config)


def _work(folder: Any, callbacks: Sequence[Any], console: Any, *, evaluate: bool) -> None:
    """Train and evaluate; the callbacks are told."""
    from colllm_bench.training.callbacks import Callback, CallbackList
    from colllm_bench.training.loop import finish, train

    status, summary = console.status("playing the held-out tasks before training"), None

    class StatusEnds(Callback):
        def on_start(self, total: int, done: int) -> None:
            status.stop()

    callback = CallbackList([StatusEnds(), *callbacks])
    status.start()
    try:
        with contextlib.closing(train(folder.config, folder, callback)) as trainer:
            if evaluate:
                with console.status("playing the held-out tasks: trained team, random, expert"):
                    summary = finish(trainer, folder)
    finally:
        status.stop()
        callback.on_run_end(summary)


def draw_curve(path: Path) -> None:
    """``learning_curve.png`` of a run folder; a hint instead where matplotlib is missing."""
    try:
        from colllm_bench.leaderboard.plots.run_curve import learning_curve
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        cli.say("no learning curve drawn: pip install -e '.[plots]' in the checkout")
        return
    learning_curve(path, path / "learning_curve.png")


@contextlib.contextmanager
def _keeping_failures(folder: Any) -> Iterator[None]:
    """Around a run's work: what a failure leaves behind, and the words that say how to go on."""
    again = f"python -m colllm_bench.run --resume {cli.quoted(str(folder.path))}"
    try:
        yield
    except KeyboardInterrupt as interrupt:
        kept = "nothing was learned yet" if folder.discard() else f"go on with: {again}"
        raise type(interrupt)(f"interrupted; {kept}") from None
    except ColllmError as error:
        if not folder.discard() and "--resume" not in str(error):
            cli.add_note(error, f"go on with: {again}")
        raise
    except Exception as error:
        learned = not folder.discard()
        folder.write_error(traceback.format_exc())
        if _out_of_memory(error):
            raise RunError(
                f"out of memory ({' '.join(str(error).split())[:120]}); fix: a smaller "
                f"--micro-batch, or --gradient-checkpointing, with: {again}"
            ) from error
        if learned:
            cli.add_note(error, f"what was learned is kept, go on with: {again}")
        raise


def _out_of_memory(error: BaseException) -> bool:
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or "can't allocate memory" in str(error)


def listing() -> str:
    """Environments, algorithms and models by name, entry points of other packages included."""
    from importlib.metadata import entry_points

    sections = []
    kinds = {
        "Environments": (registry.ENVS, "colllm_bench.envs"),
        "Algorithms": (registry.ALGORITHMS, "colllm_bench.algorithms"),
        "Models": ({**registry.MODELS, **PACKAGED}, None),
    }
    for title, (specs, group) in kinds.items():
        lines = {spec.name: spec.summary for spec in specs.values()}
        for point in entry_points(group=group) if group else ():
            lines.setdefault(point.name, f"from {point.dist.name if point.dist else point.value}")
        width = max(map(len, lines))
        rows = [f"  {name:<{width}}  {summary}" for name, summary in lines.items()]
        sections.append("\n".join([title, *rows]))
    names = cli.preset_names()
    width = max(map(len, names))
    rows = [f"  {name:<{width}}  {cli.describe_preset(name)}" for name in names]
    sections.append("\n".join(["Presets (--preset)", *rows]))
    sections.append(
        "Your own: --env or --algo 'module:Class' or './file.py:Class'; "
        "--model with a folder, a .gguf file or a hub id"
    )
    return "\n\n".join(sections)


if __name__ == "__main__":
    sys.exit(cli.execute(main))
