"""Runs of ``./file.py:Class`` are evaluated and resumed from any folder, by a copy of the file."""

from __future__ import annotations

import hashlib
import warnings

import pytest
from finished_runs import finished_run
from tiny_envs import tiny_config

from colllm_bench import cli, evaluate, registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.runs.files import read_json
from colllm_bench.runs.folder import RunFolder, check_free, read_config

MINE = "class Mine:\n    def __init__(self, agents=2): self.which = {which!r}\n"


@pytest.fixture
def started(tmp_path, monkeypatch):
    """``started("env", "algo", sub="mine.py")``: a run of ./sub:Mine started in tmp_path/here."""

    def start(name: str, *settings: str, file: str = "mine.py", **others: str):
        here = tmp_path / "here"
        (here / file).parent.mkdir(parents=True, exist_ok=True)
        (here / file).write_text(MINE.format(which=file))
        monkeypatch.chdir(here)
        config = RunConfig(**dict.fromkeys(settings, f"./{file}:Mine"), **others)
        RunFolder.create(tmp_path / name, config).close()
        (tmp_path / "there").mkdir(exist_ok=True)
        return tmp_path / name

    return start


def test_a_copy_and_its_digest_are_in_the_run_folder(started, tmp_path):
    run = started("run", "env", "algo")
    text = (tmp_path / "here/mine.py").read_text()
    assert (run / "code/mine.py").read_text() == text
    noted = read_json(run / "environment.json")["code"]
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert noted == {"./mine.py": {"copy": "mine.py", "sha256": digest}}
    assert str(tmp_path) not in (run / "environment.json").read_text(), "no path of the machine"


def test_names_have_no_copy(tmp_path):
    RunFolder.create(tmp_path / "run", RunConfig()).close()
    assert not (tmp_path / "run/code").exists()
    assert "code" not in read_json(tmp_path / "run/environment.json")


def test_the_copy_is_loaded_where_the_file_is_not(started, tmp_path, monkeypatch):
    run = started("run", "env", file="elsewhere.py")
    monkeypatch.chdir(tmp_path / "there")
    with pytest.raises(ConfigError, match="elsewhere.py' does not exist"):
        registry.make("./elsewhere.py:Mine")
    config = read_config(run)
    assert config.env == "./elsewhere.py:Mine", "the settings stay as they were given"
    assert registry.make(config.env).which == "elsewhere.py"


def test_two_files_of_one_name(started, tmp_path, monkeypatch):
    (tmp_path / "here/b").mkdir(parents=True)
    (tmp_path / "here/b/twin.py").write_text(MINE.format(which="the algorithm"))
    run = started("run", "env", file="a/twin.py", algo="./b/twin.py:Mine")
    monkeypatch.chdir(tmp_path / "there")
    config = read_config(run)
    assert registry.make(config.env).which == "a/twin.py"
    assert registry.env_class(config.algo)().which == "the algorithm"


def test_a_changed_file_is_used_and_told_of(started, tmp_path, monkeypatch):
    run = started("run", "env", file="changing.py")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_config(run)
    (tmp_path / "here/changing.py").write_text(MINE.format(which="changed"))
    with pytest.warns(UserWarning, match=r"changing.py is not as it was when .*/code/changing.py"):
        config = read_config(run)
    assert registry.make(config.env).which == "changed"


def test_a_run_that_learned_nothing_leaves_no_copy(started, tmp_path):
    run = started("run", "env")
    folder = RunFolder.resume(run)
    assert folder.discard() and not run.exists()
    run = started("run", "env")
    (run / "config.json").unlink()  # killed while it started
    check_free(run)
    (run / "environment.json").unlink()  # somebody's own folder of that name
    with pytest.raises(ConfigError, match="holds files already"):
        check_free(run)


def test_a_trained_team_is_evaluated_from_another_folder(
    tmp_path, monkeypatch, model_folder, capsys
):
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "here/far.py").write_text("from tiny_envs import Relay as Far\n")
    monkeypatch.chdir(tmp_path / "here")
    model = model_folder("Llama")
    assert tiny_config(model, env="./far.py:Far").env == "./far.py:Far"
    run = finished_run(tmp_path / "run", model, env="./far.py:Far")
    monkeypatch.chdir(tmp_path / "there")
    argv = [str(run), "--episodes", "2", "--out", str(tmp_path / "out")]
    assert cli.execute(evaluate.main, argv) == 0, capsys.readouterr().err
