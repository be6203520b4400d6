"""A user's callback: when it is told what, by ``train`` and by the command."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from paths import ROOT
from tiny_envs import tiny_config

import colllm_bench
from colllm_bench.training import Callback, CallbackList

PAGE = (ROOT / "docs" / "training.md").read_text()


class Notes(colllm_bench.Callback):
    """Notes all it is told; raises at an iteration if asked to."""

    def __init__(self, fail_at=None):
        self.told, self.fail_at = [], fail_at

    def on_start(self, total, done):
        self.told.append(("start", total, done))

    def on_iteration(self, row, episodes):
        self.told.append(("iteration", row["episodes"], len(episodes)))
        if row["iteration"] == self.fail_at:
            raise KeyError("mine")

    def on_train_end(self):
        self.told.append("train end")

    def on_run_end(self, summary):
        self.told.append(("run end", summary))


@pytest.fixture
def config(model_folder):
    return tiny_config(model_folder())


def test_train_tells_a_callback_what_it_does(config):
    notes = Notes()
    colllm_bench.train(config, callback=notes)
    assert notes.told == [("start", 8, 0), ("iteration", 4, 4), ("iteration", 8, 4), "train end"]


def test_training_ends_for_a_callback_however_it_ends(config):
    notes, after = Notes(fail_at=0), Notes()
    with pytest.raises(KeyError, match="mine"):
        colllm_bench.train(config, callback=CallbackList([notes, after]))
    assert notes.told == [("start", 8, 0), ("iteration", 4, 4), "train end"]
    assert after.told == [("start", 8, 0), "train end"]


def test_a_callback_need_not_override_anything(config):
    colllm_bench.train(config, callback=Callback())


def test_several_are_told_in_order():
    order = []

    class Named(Callback):
        def __init__(self, name):
            self.name = name

        def on_run_end(self, summary):
            order.append((self.name, summary))

    CallbackList([Named("a"), Named("b")]).on_run_end({"x": 1})
    assert order == [("a", {"x": 1}), ("b", {"x": 1})]


def test_the_command_tells_its_callbacks_the_summary(tmp_path, monkeypatch):
    """The loggers are callbacks, so one takes the place of theirs."""
    from colllm_bench import cli, run
    from colllm_bench.training import loggers

    notes = Notes()
    monkeypatch.setattr(loggers, "parse_names", lambda text: [text])
    monkeypatch.setattr(loggers, "make_loggers", lambda names, path, config: [notes])
    argv = ("--algo mc --group 2 --agents 2 --episodes 4 --batch 4 --eval-episodes 2 --quiet "
            f"--log mine --out {tmp_path}").split()
    assert cli.execute(run.main, argv) == 0
    assert notes.told[:3] == [("start", 4, 0), ("iteration", 4, 4), "train end"]
    kind, summary = notes.told[3]
    assert kind == "run end" and summary["success"].keys() >= {"trained", "untrained"}
    assert len(notes.told) == 4


def test_callbacks_and_progress_load_no_torch():
    code = (
        "import sys\n"
        "from colllm_bench import Callback\n"
        "import colllm_bench.training.loggers, colllm_bench.display.progress\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_pages_callback_runs(config, capsys):
    code = next(block for block in re.findall(r"```python\n(.*?)```", PAGE, re.S)
                if "class BestEpisode" in block)
    names = {}
    exec(compile(code.partition("\nconfig = ")[0], "training.md", "exec"), names)
    colllm_bench.train(config, callback=names["BestEpisode"]())
    said = capsys.readouterr().out
    assert said.startswith("after 4 episodes: return ") and "\na_0 ['" in said
