"""The steps of ``run.sh``: each in a process and a time budget of its own."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "benchmarks")]
os.environ.update({
    "OMP_WAIT_POLICY": "PASSIVE", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1",
})

from common import Report, read  # noqa: E402

STEPS = {"machine": 40, "parity": 80, "iteration": 200, "strategy": 150, "smollm2": 380,
         "sizes": 110, "compiled": 240}
"""Steps in order of worth, and the most seconds of each."""


SLACK = 4
"""How much more time toy runs get: they are for busy CPUs, and no measurement."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="everything that a GPU must show")
    parser.add_argument("out", nargs="?", type=Path, default=HERE / "data")
    parser.add_argument("--tiny", action="store_true", help="toy sizes, for a CPU")
    parser.add_argument("--seconds", type=float, help="of all steps together (default: 480)")
    parser.add_argument("--commit", help="of the code, where there is no git checkout")
    parser.add_argument("--steps", default=",".join(STEPS), help="which, comma separated")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.seconds is None:
        args.seconds = 480 * (SLACK if args.tiny else 1)
    return args


def child(args: argparse.Namespace) -> None:
    """One step, in this process."""
    report = Report(args.out, args.step, tiny=args.tiny, seconds=args.seconds)
    report.data["commit"] = args.commit
    importlib.import_module(args.step).measure(report)
    report.close()


def run_step(name: str, args: argparse.Namespace, seconds: float) -> None:
    """A step in a process group of its own, which is ended with the step or at its budget."""
    command = [sys.executable, str(HERE / "run.py"), str(args.out), "--step", name,
               "--seconds", str(seconds)]
    command += ["--tiny"] * args.tiny + (["--commit", args.commit] if args.commit else [])
    began = time.monotonic()
    process = subprocess.Popen(command, start_new_session=True)
    try:
        code = process.wait(timeout=seconds)
        error = f"the step ended with code {code}" if code else None
    except subprocess.TimeoutExpired:
        error = f"stopped after its {seconds:.0f} s"
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
    if error:
        Report.fail(args.out, name, error)
    took = time.monotonic() - began
    print(f"{name}: {error or 'done'}, {took:.0f} s", flush=True)


def main() -> None:
    args = parse()
    args.out = args.out.resolve()
    if args.step:
        return child(args)
    args.out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + args.seconds
    for name in args.steps.split(","):
        if read(args.out, name).get("complete"):
            print(f"{name}: there already", flush=True)
            continue
        left = end - time.monotonic()
        if left < 5:
            Report.fail(args.out, name, "no time was left for it")
            continue
        run_step(name, args, min(STEPS[name] * (SLACK if args.tiny else 1), left))
    import table

    text = table.markdown(args.out)
    (args.out / "table.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
