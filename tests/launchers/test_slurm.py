"""Runs as Slurm jobs: submitit's local executor stands for the cluster, scripts for Slurm."""

from __future__ import annotations

import os
import re
import time

import pytest

pytest.importorskip("submitit")
from paths import ROOT

from colllm_bench import cli, sweep
from colllm_bench.errors import ConfigError
from colllm_bench.launchers import slurm
from colllm_bench.launchers.slurm import ResumableRun, SlurmLauncher
from colllm_bench.runs import files


@pytest.fixture
def launcher(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(
        [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.chdir(tmp_path)
    return SlurmLauncher(tmp_path / "jobs", minutes=5, cluster="local")


def wait(condition, seconds: float = 300.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it takes too long"
        time.sleep(0.05)


def test_jobs_end_with_the_code_and_the_line_of_their_runs(launcher):
    tasks = [launcher.start(["--version"]), launcher.start(["--lr", "nan"])]
    wait(lambda: all(task.poll() is not None for task in tasks))
    assert [task.poll() for task in tasks] == [0, 2]
    assert tasks[1].error() == "error: lr nan is out of range; allowed: above 0"


def test_a_job_that_died_has_a_negative_code_and_is_tried_again(launcher):
    task = slurm.SlurmTask(launcher.executor.submit(os._exit, 9))
    wait(lambda: task.poll() is not None)
    assert task.poll() == -1
    assert task.error().startswith(f"error: job {task.job.job_id} ended as ")


def test_a_run_that_was_asked_to_end_counts_as_killed():
    class Ended:
        job_id, state = "7", "COMPLETED"
        result = staticmethod(lambda: (143, "interrupted"))
        done, exception = (staticmethod(lambda: True), staticmethod(lambda: None))

    assert slurm.SlurmTask(Ended()).poll() == -15


def test_what_is_queued_again_resumes():
    again = ResumableRun().checkpoint(["--algo", "mc"])
    assert again.args == (["--algo", "mc", "--resume"],) and callable(again.function)
    assert ResumableRun().checkpoint(["--resume"]).args == (["--resume"],)


TIME_IS_UP = """
import os, signal
from pathlib import Path
from colllm_bench.envs.strategy.env import StrategyEnv

class Slow(StrategyEnv):
    def reset(self, *args, **kwargs):
        if any(Path("out").rglob("checkpoints/*")) and not Path("told").exists():
            Path("told").write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGUSR2)
        return super().reset(*args, **kwargs)
"""
"""An environment whose process gets, once, what Slurm sends before a job's time limit."""


@pytest.mark.slow
def test_a_run_whose_time_is_up_goes_on(launcher, tmp_path):
    (tmp_path / "slow.py").write_text(TIME_IS_UP)
    argv = ("--env ./slow.py:Slow --algo mc --agents 2 --group 2 --batch 4 --episodes 12 "
            "--eval-episodes 1 --checkpoint-every 1 --out out --name a --quiet").split()
    task = launcher.start(argv)
    wait(lambda: task.poll() is not None, 900.0)
    assert task.poll() == 0, task.error()
    run = tmp_path / "out/slow/mc/a/seed0"
    assert [row["iteration"] for row in files.read_lines(run / "metrics.jsonl")] == list(range(3))
    assert (run / "summary.json").exists(), "without --resume, the job that is queued again has it"
    log = task.job.paths.stdout.read_text()
    assert "Requeued job" in log and f"{task.job.job_id} (2 remaining timeouts)" in log
    assert log.count("Starting with JobEnvironment") == 2


def test_the_job_asks_slurm_for_what_the_options_say(tmp_path, monkeypatch):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sbatch", "srun", "sacct", "scancel"):
        script = f'#!/bin/sh\ncat "$1" > {tmp_path}/submitted\necho Submitted batch job 12\n'
        (programs / name).write_text(script if name == "sbatch" else "#!/bin/sh\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    launcher = SlurmLauncher(
        tmp_path / "jobs", minutes=90, gpus=2, partition="long", options={"account": "mine"}
    )
    task = launcher.start(["--version"])
    assert task.job.job_id == "12"
    script = (tmp_path / "submitted").read_text()
    asked = dict(re.findall(r"#SBATCH --([\w-]+)=(\S+)", script))
    assert asked["time"] == "90" and asked["gpus-per-node"] == "2"
    assert asked["partition"] == "long" and asked["account"] == "mine"


def test_without_slurm_and_with_foreign_options_one_line_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="there is no sbatch on this machine"):
        SlurmLauncher(tmp_path / "jobs")
    for words, reason in {
        "--minutes 5": "--minutes 5 has no effect with the local launcher; fix: --launcher slurm",
        "--launcher slurm --gpus 0.5": "allowed: whole GPUs",
        "--launcher slurm --address auto": "has no effect with the slurm launcher; fix: "
        "--launcher ray",
        "--launcher slurm --minutes 0": "--minutes 0 is out of range",
    }.items():
        assert cli.execute(sweep.main, ["--algo", "mc", *words.split()]) == 2
        assert reason in capsys.readouterr().err
