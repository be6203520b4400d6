"""A trained team as a repository: its files, its card, and what the hub is asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from finished_runs import finished_run

from colllm_bench import cli
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.hub import __main__ as command
from colllm_bench.hub import export_team, push_to_hub
from colllm_bench.hub.model_card import model_card
from colllm_bench.runs import files
from colllm_bench.runs.status import read_config
from colllm_bench.teams.loading import load_trained


class Hub:
    """What is used of huggingface_hub.HfApi; keeps what it is given."""

    def __init__(self, failure: Exception | None = None):
        self.failure, self.calls = failure, []

    def create_repo(self, repo_id, *, private, exist_ok):
        self.calls.append(("create", repo_id, private, exist_ok))

    def upload_folder(self, *, repo_id, folder_path, commit_message):
        if self.failure:
            raise self.failure
        folder = Path(folder_path)
        self.files = {str(p.relative_to(folder)): p.read_bytes()
                      for p in folder.rglob("*") if p.is_file()}
        self.calls.append(("upload", repo_id))
        return f"https://hub/{repo_id}/commit/1"


@pytest.fixture
def finished(tmp_path, model_folder):
    return finished_run(tmp_path / "run" / "seed0", model_folder(), agents=2, algo="mc")


def test_what_is_uploaded_is_a_run_folder_that_loads(tmp_path, finished):
    hub = Hub()
    assert push_to_hub(finished, "me/team", api=hub) == "https://hub/me/team/commit/1"
    assert hub.calls == [("create", "me/team", True, True), ("upload", "me/team")]
    for name in ("config.json", "environment.json", "summary.json", "metrics.jsonl",
                 "team/a_0/adapter_model.safetensors", "team/a_1/adapter_config.json"):
        assert hub.files[name] == (finished / name).read_bytes(), name
    assert not [name for name in hub.files if "checkpoints" in name or "transcripts" in name]
    copy = export_team(finished, tmp_path / "copy")
    assert read_config(copy) == read_config(finished)
    first, second = (load_trained(p, ["a_0"]).state_dict() for p in (finished, copy))
    assert repr(first) == repr(second)


def test_the_card_says_how_good_the_team_is_and_names_no_place(finished):
    config = read_config(finished)
    summary = files.read_json(finished / "summary.json")
    text = model_card(config, summary, files.read_json(finished / "environment.json"))
    mean = summary["return"]["trained"]["mean"]
    assert re.search(rf"^\| this team \|.*{mean:.3f}", text, re.M)
    assert str(Path(config.model).parent) not in text and "license" not in text
    assert "base_model" not in text and "library_name: peft" in text
    real = model_card(config.replace(model="Qwen/Qwen3-0.6B"), summary, {}, "mit")
    assert "base_model: Qwen/Qwen3-0.6B" in real and "license: mit" in real
    assert "--model Qwen/Qwen3-0.6B" in real


def test_the_command_writes_a_folder(tmp_path, finished, capsys):
    assert cli.execute(command.main, [str(finished), "--to", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "out")
    assert (tmp_path / "out" / "README.md").read_text().startswith("---\n")
    assert cli.execute(command.main, [str(finished), "--to", str(tmp_path / "out")]) == 2
    assert "holds files already" in capsys.readouterr().err
    assert cli.execute(command.main, [str(finished)]) == 2


def test_refusals_are_words(tmp_path, finished, model_folder):
    with pytest.raises(ConfigError, match="'team' is no repository; allowed: NAME/REPOSITORY"):
        push_to_hub(finished, "team", api=Hub())
    with pytest.raises(RunError, match="does not take me/team .no such token"):
        push_to_hub(finished, "me/team", api=Hub(OSError("no such token")))
    (finished / "summary.json").unlink()
    with pytest.raises(ConfigError, match="is not complete"):
        push_to_hub(finished, "me/team", api=Hub())
