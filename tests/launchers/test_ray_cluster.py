"""A sweep on a real Ray cluster of this machine, with a worker killed in the middle."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from colllm_bench import cli, sweep
from colllm_bench.launchers import ray_cluster
from colllm_bench.launchers.ray_cluster import RayLauncher
from colllm_bench.runs import files

pytest.importorskip("ray")
from paths import ROOT
from slow_env import SLOW_ENVIRONMENT

COUNTING = SLOW_ENVIRONMENT.replace("import time", "import os, time").replace(
    "        time.sleep", '        print(os.getpid(), file=open("pids", "a"))\n        time.sleep'
)
ARGV = ("--env ./slow.py:Slow --algo mc --agents 2 --group 2 --batch 4 --episodes 32 "
        "--eval-episodes 1 --checkpoint-every 1 --seeds 3 --jobs 1 --launcher ray").split()


@pytest.fixture
def started(tmp_path):
    """Start a sweep in ``tmp_path``; it is gone after the test, however that went."""
    processes = []

    def start(*argv: str) -> subprocess.Popen:
        processes.append(subprocess.Popen(
            [sys.executable, "-m", "colllm_bench.sweep", *argv], text=True, cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(
                [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])},
        ))
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=60)


def test_a_killed_worker_loses_minutes_and_not_the_run(tmp_path, started):
    (tmp_path / "slow.py").write_text(COUNTING)
    process = started(*ARGV)
    metrics, lines, until = [], 0, time.monotonic() + 300
    while lines < 3:
        assert time.monotonic() < until, "Ray has not come to play three iterations"
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
        metrics = list(tmp_path.glob("results/slow/mc/*/seed3/metrics.jsonl"))
        lines = len(files.read_lines(metrics[0])) if metrics else 0
    first = int((tmp_path / "pids").read_text().split()[-1])
    assert first != process.pid
    os.kill(first, signal.SIGKILL)

    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "mc     1/1" in out
    assert [row["iteration"] for row in files.read_lines(metrics[0])] == list(range(8))
    assert (metrics[0].parent / "summary.json").exists()
    played = [int(line) for line in (tmp_path / "pids").read_text().split()]
    second = [pid for pid in played if pid != first]
    assert len(set(second)) == 1
    # Two evaluations of an episode each, and the random and the scripted team's; the rest is
    # training: not from the beginning again.
    assert len(second) - 3 < 32 - 2 * 4


def hide(monkeypatch, package: str) -> None:
    """As if ``package`` were not installed; what others import is found as ever."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *where: None if name == package else real(name, *where),
    )


def test_without_ray_there_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    hide(monkeypatch, "ray")
    assert cli.execute(sweep.main, ["--algo", "mc", "--launcher", "ray"]) == 2
    said = capsys.readouterr().err
    assert said == (
        "error: --launcher ray needs ray, which is not installed; fix: pip install "
        "-e '.[ray]' in the checkout, or --launcher local\n"
    )


def test_gpus_that_no_node_has_are_refused_at_once(tmp_path, monkeypatch, capsys):
    """Ray itself would wait for them without a word."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    argv = ["--algo", "mc", "--launcher", "ray", "--jobs", "1", "--gpus", "1000"]
    assert cli.execute(sweep.main, argv) == 2
    said = capsys.readouterr().err
    assert re.search(r"error: --gpus 1000: a node of the Ray cluster has \d+ GPUs at most", said)
    assert not list(tmp_path.iterdir())


def test_a_cluster_that_may_grow_is_waited_for_with_a_word(capsys):
    launcher = object.__new__(RayLauncher)
    launcher.ray = SimpleNamespace(nodes=lambda: [
        {"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": False, "Resources": {"GPU": 8.0}},
    ])
    launcher._check_gpus(1, started_here=False)
    assert "--gpus 1: a node of the Ray cluster has 0 GPUs at most; runs wait until" in (
        capsys.readouterr().err
    )
    launcher._check_gpus(0, started_here=True)
    assert capsys.readouterr().err == ""


def test_workers_find_the_package_where_it_lies():
    """In a process that does not know where: the function travels as code."""
    root = ROOT
    portable = ray_cluster._portable_work()
    assert str(root) in [cell.cell_contents for cell in portable.__closure__]


def test_a_cluster_that_does_not_answer_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    argv = ["--algo", "mc", "--launcher", "ray", "--address", "127.0.0.1:9"]
    assert cli.execute(sweep.main, argv) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: no Ray cluster answers at '127.0.0.1:9' (")
    assert said.endswith("or leave --address out\n")


TELLING = SLOW_ENVIRONMENT.replace("import time", "import os, time").replace(
    "        time.sleep(0.03)",
    '        print(os.getpid(), time.time(), os.environ.get("CUDA_VISIBLE_DEVICES"),\n'
    '              file=open("played", "a"))\n        time.sleep(0.1)',
)


@pytest.mark.parametrize(("gpus", "at_once"), [("0.5", 2), ("0.6", 1)])
def test_runs_share_a_gpu_by_fractions(tmp_path, started, monkeypatch, gpus, at_once):
    """One GPU that Ray is told of and that nobody has: halves of it run side by side."""
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", '{"GPU": 1}')
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (tmp_path / "slow.py").write_text(TELLING)
    process = started(
        *"--env ./slow.py:Slow --algo mc --agents 2 --group 2 --batch 4 --episodes 16 "
        "--eval-episodes 1 --seeds 0:2 --jobs 2 --launcher ray --device cpu --gpus".split(), gpus,
    )
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0 and "mc     2/2" in out, err
    lines = [line.split() for line in (tmp_path / "played").read_text().splitlines()]
    spans = []
    for pid in sorted({line[0] for line in lines}):
        times = [float(when) for own, when, _ in lines if own == pid]
        spans.append((min(times), max(times)))
    assert len(spans) == 2
    together = max(start for start, _ in spans) < min(end for _, end in spans)
    assert together == (at_once == 2)
    assert {device for _, _, device in lines} == {"0"}  # the one that Ray gave them
