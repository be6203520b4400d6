"""Ctrl-C and failures of a user's code: what was learned is kept, and a line says how to go on."""

from __future__ import annotations

import re

import pytest
from tiny_envs import tiny_config

from colllm_bench import cli, evaluate, run
from colllm_bench.runs import checkpoints, files
from colllm_bench.runs.folder import RunFolder
from colllm_bench.training import Callback
from colllm_bench.training.loop import finish, train
from colllm_bench.training.trainer import Trainer

SMALL = "--algo mc --group 2 --batch 4 --eval-episodes 2 --agents 2 --threads 1".split()


@pytest.fixture
def config(model_folder):
    options = {"turns": 1, "vary": 2}
    return tiny_config(
        model_folder(), algo="cc", agents=2, env_options=options, episodes=24, checkpoint_every=3
    )


def contents(path) -> dict[str, bytes]:
    return {
        str(p.relative_to(path)): p.read_bytes()
        for p in sorted(path.rglob("*")) if p.is_file() and p.name != "timing.jsonl"
    }


def interrupt(monkeypatch, method: str, iteration: int, error: BaseException) -> None:
    """The trainer's method raises in that iteration, in the middle of its work, once."""
    original = getattr(Trainer, method)

    def interrupted(self, *arguments):
        if arguments[-1] == iteration:
            monkeypatch.setattr(Trainer, method, original)
            original(self, *arguments)
            raise error
        return original(self, *arguments)

    monkeypatch.setattr(Trainer, method, interrupted)


def test_an_interrupted_run_loses_no_iteration_and_ends_with_the_same_files(
    tmp_path, config, monkeypatch
):
    with RunFolder.create(tmp_path / "calm", config) as folder:
        finish(train(config, folder), folder)
    expected = contents(tmp_path / "calm")
    assert [name for name in expected if name.endswith(".pt")] == [
        "checkpoints/iteration-000003.pt", "checkpoints/iteration-000006.pt"
    ]
    path = tmp_path / "interrupted"
    with RunFolder.create(path, config) as folder:
        interrupt(monkeypatch, "play", 2, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            train(config, folder)
        assert folder.last_checkpoint == 2
    played = []
    for method, iteration, goes_on_from in (("play", 4, 4), ("play", 5, 5), ("learn", 5, 5)):
        with RunFolder.resume(path, config) as folder:
            interrupt(monkeypatch, method, iteration, KeyboardInterrupt())
            with pytest.raises(KeyboardInterrupt):
                train(config, folder, Iterations(played))
            assert folder.last_checkpoint == goes_on_from
    with RunFolder.resume(path, config) as folder:
        finish(train(config, folder, Iterations(played)), folder)
    assert played == [2, 3, 4, 5], "every iteration was trained once"
    assert contents(path) == expected


class Iterations(Callback):
    """Notes the iterations that were trained."""

    def __init__(self, seen):
        self.seen = seen

    def on_iteration(self, row, episodes):
        self.seen.append(row["iteration"])


def test_an_interrupt_while_learning_keeps_the_last_checkpoint(tmp_path, config, monkeypatch):
    """Then the weights are between two iterations."""
    with RunFolder.create(tmp_path / "a", config) as folder:
        interrupt(monkeypatch, "learn", 4, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            train(config, folder)
        assert folder.last_checkpoint == 3


def test_a_checkpoint_that_cannot_be_written_does_not_hide_the_failure(
    tmp_path, config, monkeypatch
):
    with RunFolder.create(tmp_path / "a", config) as folder:
        interrupt(monkeypatch, "play", 2, ZeroDivisionError("mine"))

        def full(*arguments, **options):
            raise OSError("no space")

        monkeypatch.setattr(checkpoints, "save", full)
        with pytest.raises(ZeroDivisionError, match="mine"):
            train(config, folder)


# -- a user's code that raises


FAILING = """
from colllm_bench.envs.strategy.env import StrategyEnv
from colllm_bench.baselines.monte_carlo import MonteCarlo
steps = 0

class Failing(StrategyEnv):
    def step(self, actions):
        global steps
        steps += 1
        if steps == WHEN:
            self.fall()
        return super().step(actions)
    def fall(self):
        return {}["a\\nkey"]

class Credit(MonteCarlo):
    calls = 0
    def METHOD(self, episodes):
        Credit.calls += 1
        if Credit.calls == 2:
            raise ValueError("no credit")
        return super().METHOD(episodes)
"""


def failing_file(tmp_path, when: int) -> None:
    from colllm_bench.baselines.algorithm import Algorithm

    method = "compute_advantages" if hasattr(Algorithm, "compute_advantages") else "credit"
    text = FAILING.replace("WHEN", str(when)).replace("METHOD", method)
    (tmp_path / "mine.py").write_text(text)


def test_an_environment_that_raises_is_named_and_the_run_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    failing_file(tmp_path, 400)
    argv = [*SMALL, "--env", "./mine.py:Failing", "--episodes", "32", "--name", "a", "--quiet"]
    assert cli.execute(run.main, argv) == 1
    said = capsys.readouterr().err.strip()
    folder = tmp_path / "results/failing/mc/a/seed0"
    assert re.fullmatch(
        r"error: KeyError: 'a\\nkey', raised by Failing.step \(mine.py, line 11\)"
        r"(; seed \d+, turn \d+)?; what was learned is kept, go on with: "
        r"python -m colllm_bench.run --resume "
        r"results/failing/mc/a/seed0; run with --debug for the traceback", said
    )
    assert "KeyError" in (folder / "error.txt").read_text()
    lines = len(files.read_lines(folder / "metrics.jsonl"))
    (newest,) = [p.name for p in folder.glob("checkpoints/*")][-1:]
    assert lines > 0 and newest == f"iteration-{lines:06d}.pt"
    failing_file(tmp_path, -1)  # mended; this process has loaded the old file already
    assert cli.execute(run.main, ["--resume", str(folder), "--quiet"]) == 0
    assert (folder / "summary.json").exists() and not (folder / "error.txt").exists()


def test_an_algorithm_that_raises_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    failing_file(tmp_path, -1)
    argv = [*SMALL, "--algo", "./mine.py:Credit", "--episodes", "12", "--name", "a", "--quiet"]
    assert cli.execute(run.main, argv) == 1
    said = capsys.readouterr().err
    raised = r"error: ValueError: no credit, raised by Credit.\w+ \(mine.py, line \d+\)"
    assert re.match(raised, said)
    folder = tmp_path / "results/strategy/credit/a/seed0"
    assert len(files.read_lines(folder / "metrics.jsonl")) == 1
    assert cli.execute(run.main, ["--resume", str(folder), "--quiet"]) == 0


def test_before_anything_was_learned_nothing_is_said_of_going_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    failing_file(tmp_path, 1)
    argv = [*SMALL, "--env", "./mine.py:Failing", "--episodes", "8", "--name", "a", "--quiet"]
    assert cli.execute(run.main, argv) == 1
    said = capsys.readouterr().err
    assert "raised by Failing.step (mine.py" in said and "--resume" not in said


def test_a_breach_of_the_contract_in_the_middle_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    failing_file(tmp_path, 400)
    text = (tmp_path / "mine.py").read_text().replace("self.fall()", "return 1, 2, 3")
    (tmp_path / "mine.py").write_text(text)
    argv = [*SMALL, "--env", "./mine.py:Failing", "--episodes", "32", "--name", "a", "--quiet"]
    assert cli.execute(run.main, argv) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: Failing.step() returned 3 values, not 5 (")
    again = "; go on with: python -m colllm_bench.run --resume results/failing/mc/a/seed0\n"
    assert said.endswith(again)


# -- refused runs leave nothing


@pytest.mark.parametrize("more", [
    ["--model", "nobody/nothing"], ["--agents", "17"], ["--algo", "ccc"], ["--name", "a/b"],
    ["--device", "cuda:77"], ["--chat-template", "no.jinja"],
])
def test_a_refused_run_leaves_no_folder(tmp_path, monkeypatch, capsys, more):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    argv = [*SMALL, "--episodes", "8", "--out", "deep/below", *more]
    assert cli.execute(run.main, argv) == 2, capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_refused_seeds_and_evaluations_leave_none_either(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    refused = ["--model", "nobody/nothing", "--agents", "2"]
    argv = [*SMALL, "--episodes", "8", *refused, "--out", "deep/below", "--seeds", "0:2"]
    assert cli.execute(run.main, argv) == 2
    assert "2 of 2 seeds failed" in capfd.readouterr().err
    argv = ["untrained", *refused, "--episodes", "2", "--out", "deep/below"]
    assert cli.execute(evaluate.main, argv) == 2
    assert not list(tmp_path.iterdir())


def test_what_was_there_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/strategy").mkdir()
    argv = [*SMALL, "--episodes", "8", "--out", "deep", "--model", "nobody/nothing"]
    assert cli.execute(run.main, argv) == 2
    assert [p.name for p in tmp_path.rglob("*")] == ["deep", "strategy"]


def test_an_interrupt_before_anything_was_learned_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    interrupt(monkeypatch, "play", 0, KeyboardInterrupt())
    assert cli.execute(run.main, [*SMALL, "--episodes", "8", "--quiet"]) == 130
    assert capsys.readouterr().err == "interrupted; nothing was learned yet\n"
    assert not list(tmp_path.iterdir())
