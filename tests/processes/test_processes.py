"""Two processes train what one trains: the same episodes, the same numbers, one record."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
from paths import ROOT

from colllm_bench import cli, processes, run
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.runs import files
from colllm_bench.training.callbacks import Callback
from colllm_bench.training.loop import train
from colllm_bench.training.trainer import Trainer

SHORT = {
    "env": "credit", "agents": 2, "env_options": {"turns": 3}, "batch": 6, "episodes": 12,
    "eval_episodes": 5, "eval_every": 1, "random_streams": "episode", "gradient_snr_every": 1,
    "threads": 1, "lora_rank": 2,
}
CRITIC = {"critic_warmup": 0, "critic_epochs": 2}
CASES = {
    # a group of 6: its episodes start alike, and lie in both processes
    "mc": {"algo": "mc", "group": 6},
    "dc": {"algo": "dc", **CRITIC},
    "cc": {"algo": "cc", **CRITIC, "kl_coef": 0.1, "target_kl": 1e-9},
    "seq": {"algo": "seq", **CRITIC},
    "hier": {"algo": "hier", **CRITIC, "replay": 2},
    "adapters": {"algo": "cc", **CRITIC, "critic_backbone": "adapters", "micro_batch": 1},
    # more optimizer steps than episodes: some shares are empty
    "steps": {"algo": "dc", **CRITIC, "minibatches": 6, "critic_minibatches": 6,
              "critic_backbone": "adapters"},
}


class Rows(Callback):
    def __init__(self):
        self.rows = []

    def on_iteration(self, row, episodes):
        self.rows.append({**row, "texts": [
            turn.action_text for e in episodes for x in e.trajectories for turn in x.turns
        ]})


def trained(case: str):
    """(lines of the iterations, all trained tensors) of a case, in however many processes."""
    rows = Rows()
    trainer = train(RunConfig.of(**SHORT, **CASES[case]), callback=rows)
    tensors = [t for own in trainer.actor.groups.values() for t in own]
    if trainer.critic is not None:
        tensors += [t for own in trainer.critic.groups.values() for t in own]
    return rows.rows, [tensor.detach().tolist() for tensor in tensors]


def together(where, *argv: str, size: int = 2) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(size),
         "--master_port", "0", "--standalone", *argv],
        capture_output=True, text=True, cwd=where, timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "",
             "PYTHONFAULTHANDLER": "1",  # a child that aborts says where
             "PYTHONPATH": os.pathsep.join([str(ROOT), os.path.dirname(__file__),
                                            str(ROOT / "tests" / "support")])},
    )


TRAIN_ALL = """
import json, sys, warnings
from colllm_bench import processes
import torch
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.training.trainer import Trainer
import test_processes

warnings.simplefilter("ignore")
processes.join()
found = {case: test_processes.trained(case) for case in test_processes.CASES}
try:
    processes.require_same("ranks", [torch.tensor(float(processes.rank()))])
except RunError as error:
    found["drift"] = str(error)
try:
    processes.gather([lambda: None])
except RunError as error:
    found["unsendable"] = str(error)
config = RunConfig.of(**{**test_processes.SHORT, "batch": 1})
try:
    Trainer(config)
except ConfigError as error:
    found["batch"] = str(error)
found["size"] = processes.size()
if processes.is_first():
    try:
        with processes.leading():
            raise ValueError("wrong settings")
    except ValueError as error:
        job = str(error)
else:
    job = processes.hand_out(None)
found["jobs"] = processes.gather([job])
if processes.is_first():
    with open("found.json", "w") as file:
        json.dump(found, file)
processes.leave()
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What two processes made of every case, told by the first."""
    where = tmp_path_factory.mktemp("together")
    (where / "train_all.py").write_text(TRAIN_ALL)
    done = together(where, "train_all.py")
    assert done.returncode == 0, done.stderr[-9000:]
    return json.loads((where / "found.json").read_text())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES)
def test_two_processes_train_what_one_trains(found, case):
    rows, tensors = trained(case)
    assert found["size"] == 2 and len(found[case][0]) == len(rows) == 2
    for two, one in zip(found[case][0], rows, strict=True):
        assert two.pop("texts") == one.pop("texts")
        assert two == pytest.approx(one, rel=1e-5, abs=1e-5, nan_ok=True)
    for two, one in zip(found[case][1], tensors, strict=True):
        torch.testing.assert_close(torch.tensor(two), torch.tensor(one), atol=1e-5, rtol=1e-4)
    assert max(float(torch.tensor(x).abs().max()) for x in tensors) > 0


def test_what_cannot_be_shared_is_refused_in_words(found):
    assert "no longer hold the same ranks (norms [0.0, 1.0])" in found["drift"]
    assert "cannot be sent to another process" in found["unsendable"]
    assert found["batch"] == (
        "batch 1 for 2 processes; allowed: 2 or more; fix: a larger --batch, or fewer processes"
    )


PART = """
import os
from pathlib import Path
from colllm_bench import processes

processes.join()
import torch._dynamo  # as optimizers and transformers do

processes.gather([processes.rank()])
rank = processes.rank()
def threads():
    return [task.read_text().strip() for task in Path("/proc/self/task").glob("*/comm")]

met = threads()
processes.leave()
Path(f"threads.{rank}").write_text("\\n".join(["met", *met, "left", *threads()]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are read from /proc")
def test_no_thread_of_the_group_outlives_it(tmp_path):
    """One that does may want the interpreter while it ends, and aborts the process then."""
    (tmp_path / "part.py").write_text(PART)
    done = together(tmp_path, "part.py")
    assert done.returncode == 0, done.stderr[-9000:]
    for rank in range(2):
        met, _, left = (tmp_path / f"threads.{rank}").read_text().partition("\nleft\n")
        assert "gloo" in met and "gloo" not in left


ARGV = ("--env credit --algo cc --agents 2 --env-option turns=3 --batch 6 --eval-episodes 5 "
        "--checkpoint-every 1 --critic-warmup 0 --out runs --quiet").split()


def lines(run):
    return files.read_lines(run / "metrics.jsonl")


def test_the_first_process_alone_keeps_the_record_and_any_number_goes_on(tmp_path, monkeypatch):
    command = ["-m", "colllm_bench.run", *ARGV]
    done = together(tmp_path, *command, "--name", "split", "--episodes", "6")
    assert done.returncode == 0, done.stderr[-9000:]
    split = tmp_path / "runs/credit/cc/split/seed0"
    assert files.read_json(split / "environment.json")["processes"] == 2
    assert files.read_json(split / "config.json")["config"]["random_streams"] == "episode"
    assert (split / "summary.json").exists()

    monkeypatch.chdir(tmp_path)
    whole = tmp_path / "runs/credit/cc/whole/seed0"
    assert cli.execute(run.main, ["--resume", str(split), "--episodes", "18", "--quiet"]) == 0
    streams = ["--random-streams", "episode"]
    assert cli.execute(run.main, [*ARGV, *streams, "--name", "whole", "--episodes", "12"]) == 0
    done = together(tmp_path, "-m", "colllm_bench.run", "--resume", str(whole), "--episodes", "18",
                    "--quiet")
    assert done.returncode == 0, done.stderr[-9000:]
    assert files.read_json(whole / "environment.json")["resumed"][-1]["processes"] == 2

    assert len(lines(whole)) == 3
    for one, other in zip(lines(split), lines(whole), strict=True):
        assert one == pytest.approx(other, rel=1e-5, abs=1e-5, nan_ok=True)
    assert (split / "episodes.jsonl").read_bytes() == (whole / "episodes.jsonl").read_bytes()
    ends = [files.read_json(run / "summary.json")["held_out"]["trained"] for run in (split, whole)]
    assert ends[0] == ends[1]


def test_a_run_of_one_stream_or_of_an_engine_stays_in_one_process(monkeypatch):
    monkeypatch.setattr(processes._Here, "size", 2)
    with pytest.raises(ConfigError, match="2 processes and random_streams 'batch'.*one process"):
        Trainer(RunConfig.of(**{**SHORT, "random_streams": "batch"}))
    with pytest.raises(ConfigError, match="--rollouts vllm in 2 processes"):
        Trainer(RunConfig.of(**SHORT, rollouts="vllm"))


def test_several_seeds_are_no_work_to_share(monkeypatch, capsys):
    monkeypatch.setattr(processes._Here, "size", 2)
    monkeypatch.setattr(processes._Here, "handed_out", True)
    assert cli.execute(run.main, ["--seeds", "0:2"]) == 2
    assert "--seeds in 2 processes that share a run" in capsys.readouterr().err


def test_nobody_waits_for_work_that_never_comes(found):
    """The first fails, or has nothing to do: the others are let go."""
    assert found["jobs"] == ["wrong settings", None]


@pytest.mark.parametrize("count", [0, 1, 5, 6])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_shares_are_neighbours_as_many_as_the_others(monkeypatch, count, size):
    monkeypatch.setattr(processes._Here, "size", size)
    shares = []
    for rank in range(size):
        monkeypatch.setattr(processes._Here, "rank", rank)
        shares.append(list(processes.own(range(count))))
    assert [item for share in shares for item in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_alone_everything_is_given_back():
    tensor = torch.ones(2, requires_grad=True)
    processes.total_gradients([tensor])
    assert tensor.grad is None
    assert processes.gather([1, 2]) == [1, 2] and processes.own("ab") == "ab"
    assert processes.total_numbers({"a": 1.0}) == {"a": 1.0}
    assert processes.from_first(3) == 3 and processes.is_first()
