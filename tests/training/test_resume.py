"""A run that dies at any instant and goes on ends with the same bytes as one left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from colllm_bench.runs import files

RUN = "--agents 2 --episodes 12 --batch 4 --eval-episodes 4 --checkpoint-every 2 --threads 1"
DIFFERS = {"timing.jsonl"}
"""Wall times and memory may differ between equal runs; nothing else may."""

# Dies like kill -9, in the middle of its n-th write, for n = 1, 2, ...: each time a process of
# its own, so that nothing survives but the files.
DIE_AT_EVERY_WRITE = """
import os, sys
from colllm_bench import cli, run
from colllm_bench.runs import files
import colllm_bench.training.loop  # before the forks: each child starts where imports are done

argv = sys.argv[1:]
write, replace = os.write, os.replace


def dying_at(n):
    left = [n]

    def due():
        left[0] -= 1
        return left[0] == 0

    def torn_write(descriptor, data):
        if due():
            write(descriptor, bytes(data)[: len(data) // 2])
            os._exit(9)
        return write(descriptor, data)

    def late_replace(source, target):
        if due():
            os._exit(9)  # the temporary file is whole and stays, the target is the old one
        replace(source, target)

    os.write, os.replace = torn_write, late_replace


deaths = 0
for n in range(1, 60):
    child = os.fork()
    if child == 0:
        dying_at(n)
        os._exit(cli.execute(run.main, argv))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        print(deaths)
        sys.exit(0)
    if code != 9:
        sys.exit(f"child {n} ended with {code}")
    deaths += 1
sys.exit("it never ended")
"""


def command(where: Path, *more: str) -> list[str]:
    return [*RUN.split(), "--name", "a", "--out", str(where), "--quiet", *more]


def start(argv: list[str], *program: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *(program or ("-m", "colllm_bench.run")), *argv],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def contents(where: Path) -> dict[str, bytes]:
    folder = next(where.glob("strategy/*/a/seed0"))
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in DIFFERS
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, bytes]:
    where = tmp_path_factory.mktemp("undisturbed")
    code, _, err = finish(start(command(where)))
    assert code == 0, err
    return contents(where)


def assert_same(found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    assert found.keys() == expected.keys()
    different = [name for name in expected if found[name] != expected[name]]
    assert not different


def test_the_record_is_complete(undisturbed):
    assert {
        "config.json", "environment.json", "metrics.jsonl", "episodes.jsonl", "summary.json",
        "untrained.json", "learning_curve.png", "checkpoints/iteration-000002.pt",
        "checkpoints/iteration-000003.pt", "transcripts/held-out-0.txt",
        "replays/held-out-0.json", "replays/untrained-0.json", "replays/scripted-0.json",
        "replays/iteration-00002.json",
        "team/front_1/adapter_model.safetensors", "team/front_2/adapter_config.json",
    } <= undisturbed.keys()
    assert undisturbed["metrics.jsonl"].count(b"\n") == 3
    assert undisturbed["episodes.jsonl"].count(b"\n") == 12


def test_dying_in_every_write_changes_no_byte(tmp_path, undisturbed):
    code, out, err = finish(start(command(tmp_path, "--resume"), "-c", DIE_AT_EVERY_WRITE))
    assert code == 0, err
    assert int(out) >= 8, "it must have died in writes of every kind"
    assert_same(contents(tmp_path), undisturbed)


def wait_for_a_line(where: Path, process: subprocess.Popen) -> None:
    """Until this process, and not an earlier one, has written a line of metrics."""
    path = where / "strategy/cc/a/seed0/metrics.jsonl"
    before = path.stat().st_mtime_ns if path.exists() else 0
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if path.exists() and path.stat().st_mtime_ns > before and files.read_lines(path):
            return
        time.sleep(0.005)
    raise AssertionError(f"no line: {finish(process)}")


def test_kill_9_and_sigterm_and_ctrl_c_lose_nothing(tmp_path):
    def longer(root):
        argv = command(root)
        # Long enough that no signal comes too late, and each start begins at the beginning.
        argv[argv.index("--episodes") + 1] = "60"
        argv[argv.index("--checkpoint-every") + 1] = "50"
        return argv

    code, _, err = finish(start(longer(tmp_path / "calm")))
    assert code == 0, err
    undisturbed = contents(tmp_path / "calm")
    tmp_path = tmp_path / "killed"
    process = start(longer(tmp_path))
    wait_for_a_line(tmp_path, process)
    process.kill()
    assert finish(process)[0] == -signal.SIGKILL

    folder = tmp_path / "strategy/cc/a/seed0"
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        process = start(["--resume", str(folder), "--quiet"])
        wait_for_a_line(tmp_path, process)
        process.send_signal(number)
        ended, _, err = finish(process)
        assert ended == code, err
        again = f"interrupted; go on with: python -m colllm_bench.run --resume {folder}"
        assert err.strip() == again
    code, _, err = finish(start(["--resume", str(folder), "--quiet"]))
    assert code == 0, err
    found = contents(tmp_path)
    for name in (
        "metrics.jsonl", "episodes.jsonl", "summary.json", "learning_curve.png",
        "checkpoints/iteration-000015.pt", "team/front_1/adapter_model.safetensors",
    ):
        assert found[name] == undisturbed[name], name
