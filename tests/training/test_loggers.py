"""Metrics in TensorBoard and W&B: every iteration once, whatever happened to the run."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from colllm_bench import cli, run
from colllm_bench.config import RunConfig
from colllm_bench.runs import files
from colllm_bench.training import loggers

CONFIG = RunConfig(episodes=24, batch=4)
SUMMARY = {"score": {"trained": {"mean": 0.5}, "random": {"mean": None}}, "success": None}


def row(k: int) -> dict:
    return {"iteration": k, "episodes": 4 * (k + 1), "return": 0.5 * k, "kl": None, "name": "x"}


def killed_and_resumed(name: str, path: Path) -> None:
    """Iterations 0 to 4, a kill, and on from the checkpoint before iteration 3 to the end."""
    metrics = path / "metrics.jsonl"
    (log,) = loggers.make_loggers([name], path, CONFIG)
    log.on_start(24, 0)
    assert not (path / "logs").exists(), "a run that never began leaves nothing"
    for k in range(5):
        files.append_lines(metrics, [row(k)])
        log.on_iteration(row(k), [])
    log.on_train_end()
    log.on_run_end(None)
    files.truncate_lines(metrics, lambda line: line["iteration"] < 3)
    (log,) = loggers.make_loggers([name], path, CONFIG)
    log.on_start(24, 12)
    for k in range(3, 6):
        files.append_lines(metrics, [row(k)])
        log.on_iteration(row(k), [])
    log.on_train_end()
    log.on_run_end(SUMMARY)


def test_tensorboard_has_every_iteration_once(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    killed_and_resumed("tensorboard", tmp_path)
    found = EventAccumulator(str(tmp_path / "logs/tensorboard"), purge_orphaned_data=False)
    found.Reload()
    assert set(found.Tags()["scalars"]) == {"train/return", "held_out/score/trained"}
    points = [(event.step, event.value) for event in found.Scalars("train/return")]
    assert points == [(4 * (k + 1), 0.5 * k) for k in range(6)]
    assert [(e.step, e.value) for e in found.Scalars("held_out/score/trained")] == [(24, 0.5)]


def wandb_records(path: Path) -> list:
    """The records of an offline run: LevelDB's log format behind a header of 7 bytes."""
    from wandb.proto import wandb_internal_pb2

    data, at, found, whole = path.read_bytes(), 7, [], b""
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            found.append(wandb_internal_pb2.Record.FromString(whole))
            whole = b""
    return found


def test_wandb_offline_has_every_iteration_once(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    killed_and_resumed("wandb", tmp_path)
    wandb.teardown()  # its service would outlive this test
    own = files.read_json(tmp_path / "logs/wandb.json")
    assert own["iterations"] == 6
    points, summary = [], {}
    for path in sorted(tmp_path.glob("logs/wandb/offline-run-*/*.wandb")):
        assert path.name == f"run-{own['id']}.wandb"
        for record in wandb_records(path):
            items = {
                ".".join(item.nested_key) or item.key: json.loads(item.value_json)
                for item in record.history.item
            }
            if "return" in items:
                points.append((items["_step"], items["episodes"], items["return"]))
            for item in record.summary.update:
                name = ".".join(item.nested_key) or item.key
                summary[name] = json.loads(item.value_json)
    assert points == [(k, 4 * (k + 1), 0.5 * k) for k in range(6)]
    assert summary["held_out/score/trained"] == 0.5


def test_a_logger_that_fails_does_so_alone(tmp_path, capsys):
    class Broken(loggers.Logger):
        name = "broken"

        def open(self):
            raise OSError("no\nnetwork")

    log = Broken(tmp_path, CONFIG)
    log.on_start(24, 0)
    for k in range(3):
        log.on_iteration(row(k), [])
    log.on_run_end(SUMMARY)
    said = capsys.readouterr().err
    assert said == "--log broken stopped (OSError: no network); the run goes on\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tensorbord", "--log 'tensorbord' is unknown; allowed: tensorboard, wandb"),
        ("", "--log '' is unknown"),
        ("wandb", "--log wandb needs wandb, which is not installed; fix: pip install "
                  "-e '.[log]' in the checkout, or leave --log out"),
    ],
)
def test_what_cannot_be_logged_is_said_before_anything_runs(
    tmp_path, monkeypatch, capsys, text, says
):
    monkeypatch.chdir(tmp_path)
    found = loggers.importlib.util.find_spec
    monkeypatch.setattr(
        loggers.importlib.util, "find_spec", lambda name: None if name == "wandb" else found(name)
    )
    assert cli.execute(run.main, ["--algo", "mc", "--log", text]) == 2
    assert says in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_run_logs_and_a_complete_one_is_logged_afterwards(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.chdir(tmp_path)
    argv = ("--algo mc --group 2 --agents 2 --episodes 8 --batch 4 --eval-episodes 2 "
            "--name a --quiet").split()
    assert run.main(argv) == 0
    folder = Path("results/strategy/mc/a/seed0")
    assert not (folder / "logs").exists(), "off by default"
    assert run.main(["--resume", str(folder), "--log", "tensorboard", "--quiet"]) == 0
    found = EventAccumulator(str(folder / "logs/tensorboard"))
    found.Reload()
    assert [event.step for event in found.Scalars("train/return")] == [4, 8]
    assert len(found.Scalars("held_out/success/trained")) == 1
    assert run.main([*argv[:-3], "--name", "b", "--log", "tensorboard", "--quiet"]) == 0
    both = [EventAccumulator(f"results/strategy/mc/{name}/seed0/logs/tensorboard") for name in "ab"]
    values = [
        [[e.value for e in log.Reload().Scalars(tag)] for tag in sorted(found.Tags()["scalars"])]
        for log in both
    ]
    assert values[0] == values[1], "logged live or afterwards, it is the same"
