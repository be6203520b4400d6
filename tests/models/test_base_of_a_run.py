"""A run remembers which base it was trained on, and on which day it started."""

from __future__ import annotations

import datetime
import json
import shutil
from pathlib import Path

import pytest
from chat_templates import LLAMA3, tokenizer_of
from helpers import build_team
from random_models import make_config, make_model
from tiny_envs import tiny_config

from colllm_bench.errors import ConfigError
from colllm_bench.runs.folder import RunFolder, read_config
from colllm_bench.setup.resolve import resolve
from colllm_bench.teams.loading import load_trained, require_same_base
from colllm_bench.training.loop import finish, train

CONFIG = make_config("Llama", vocab_size=400, max_position_embeddings=1024)


class Tomorrow(datetime.date):
    @classmethod
    def today(cls):
        return cls(2031, 5, 4)


@pytest.fixture(scope="module")
def dated(tmp_path_factory):
    """A model whose template prints today's date."""
    folder = tmp_path_factory.mktemp("dated")
    make_model(CONFIG).save_pretrained(folder)
    special = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>"]
    tokenizer_of(LLAMA3, "<|eot_id|>", special).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def finished(dated, tmp_path_factory):
    """A run on a copy of the model, which tests move and change."""
    root = tmp_path_factory.mktemp("run")
    base = Path(shutil.copytree(dated, root / "base"))
    config = resolve(tiny_config(str(base), "mc", episodes=4, batch=2, group=2, eval_episodes=2))
    with RunFolder.create(root / "run", config) as folder:
        finish(train(config, folder), folder)
    return root


@pytest.fixture
def run(finished, tmp_path):
    """The finished run and its base, each test's own."""
    root = Path(shutil.copytree(finished, tmp_path / "all"))
    config = json.loads((root / "run" / "config.json").read_text())
    config["config"]["model"] = str(root / "base")
    (root / "run" / "config.json").write_text(json.dumps(config))
    return root / "run"


def agents_of(run):
    return sorted(path.name for path in (run / "team").iterdir())


def day_of(policy):
    text = policy.tokenizer.decode(policy.prompts.first_turn("rules", "3 guards"))
    return text.partition("Today Date: ")[2].partition("\n")[0]


def test_a_run_records_its_day_and_base(run):
    noted = json.loads((run / "environment.json").read_text())
    assert noted["date"] == datetime.date.today().isoformat()
    assert len(noted["base_digest"]) == 16 and "resumed" not in noted


def test_teams_and_resumed_runs_keep_the_day_of_the_start(run, monkeypatch):
    before = (run / "metrics.jsonl").read_bytes()
    whole = day_of(load_trained(run, agents_of(run)))
    monkeypatch.setattr("datetime.date", Tomorrow)
    assert day_of(build_team(read_config(run).model, 1)) == "04 May 2031"
    assert day_of(load_trained(run, agents_of(run))) == whole != "04 May 2031"
    (run / "summary.json").unlink()
    shutil.rmtree(run / "checkpoints")
    with RunFolder.resume(run) as folder:  # from the start, on another day
        trainer = train(folder.config, folder)
    assert day_of(trainer.team) == whole
    assert (run / "metrics.jsonl").read_bytes() == before
    assert "resumed" not in json.loads((run / "environment.json").read_text())


def test_a_base_that_moved_is_taken_and_another_is_refused(run, tmp_path):
    (run / "summary.json").unlink()
    elsewhere = (run.parent / "base").rename(tmp_path / "elsewhere")
    config = read_config(run)
    moved = config.replace(model=str(elsewhere))
    with RunFolder.resume(run, moved) as folder:
        assert read_config(run).model == config.model  # not before it was compared
        finish(train(folder.config, folder), folder)
    assert read_config(run).model == str(elsewhere)
    require_same_base(run, moved)

    other = shutil.copytree(elsewhere, tmp_path / "other")
    make_model(CONFIG, seed=3).save_pretrained(other)
    with pytest.raises(ConfigError, match="is not the base that .* was trained on"):
        require_same_base(run, config.replace(model=str(other)))
    (run / "summary.json").unlink()
    with RunFolder.resume(run, config.replace(model=str(other))) as folder:
        with pytest.raises(ConfigError, match="trained on a base model with digest"):
            train(folder.config, folder)
    assert read_config(run).model == str(elsewhere)


def test_changed_weights_are_noticed(run):
    base = run.parent / "base"
    make_model(CONFIG, seed=3).save_pretrained(base)
    with pytest.raises(ConfigError, match="trained on a base model with digest"):
        load_trained(run, agents_of(run))
    (run / "summary.json").unlink()
    with RunFolder.resume(run) as folder:
        with pytest.raises(ConfigError, match="trained on a base model with digest"):
            train(folder.config, folder)


def test_evaluate_takes_the_new_place_of_a_base(run, tmp_path, capsys):
    from colllm_bench.evaluate import main

    elsewhere = (run.parent / "base").rename(tmp_path / "elsewhere")
    options = ["--episodes", "2", "--quiet", "--out", str(tmp_path / "out")]
    assert main([str(run), "--model", str(elsewhere), *options]) == 0
    with pytest.raises(ConfigError, match="is not the base"):
        main([str(run), "--model", "tiny", *options])
