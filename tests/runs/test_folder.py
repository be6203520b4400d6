"""The run folder: whole files, repaired lines, exact checkpoints, resuming."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT
from run_lines import CONFIG, line, play, state

from colllm_bench.errors import ConfigError, RunError
from colllm_bench.runs import checkpoints, files
from colllm_bench.runs.folder import RunFolder
from colllm_bench.runs.naming import run_path
from colllm_bench.runs.provenance import environment
from colllm_bench.runs.status import read_config
from colllm_bench.runs.transcripts import episode_text
from colllm_bench.types import Episode, Trajectory, Turn


def full_disk(*_):
    raise RunError("no space left")


def test_layout_and_contents(folder):
    assert folder.path.parts[-5:] == ("results", "strategy", "cc", "a", "seed0")
    assert run_path("results", "strategy", "cc", "a", 0).parts == folder.path.parts[-5:]
    recorded = json.loads((folder.path / "config.json").read_text())
    assert recorded["config"] == CONFIG.to_dict()
    assert recorded["digest"] == CONFIG.digest
    assert read_config(folder.path) == CONFIG
    assert not folder.complete
    folder.write_summary({"score": {}})
    assert folder.complete


def test_environment_names_versions_but_no_person_and_no_path():
    found = environment()
    text = json.dumps(found)
    assert found["packages"]["numpy"] and found["python"] == platform.python_version()
    assert found["cores"] >= 1 and found["memory_gib"] > 0
    assert not re.search(r'"(/[\w.]+)+', text), "an absolute path"
    for name in (os.environ.get("USER"), os.uname().nodename, str(Path.home())):
        assert not name or len(name) < 5 or name not in text


def test_environment_knows_the_commit_of_its_checkout():
    root = ROOT
    head = subprocess.run(["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True)
    assert environment()["commit"] == (head.stdout.strip() or None)


def test_equal_rows_are_equal_bytes_and_never_nan(folder):
    import numpy as np
    import torch

    row = {"a": float("nan"), "b": np.float32(0.5), "c": torch.tensor(2.0), "d": {"e": [1, None]}}
    folder.append_metrics(row)
    folder.append_metrics(row)
    first, second = (folder.path / "metrics.jsonl").read_bytes().splitlines()
    assert first == second == b'{"a": null, "b": 0.5, "c": 2.0, "d": {"e": [1, null]}}'


def test_rewind_forgets_later_lines_and_repairs_torn_ones(folder):
    play(folder, 0, 5)
    before = {n: (folder.path / n).read_bytes() for n in ("metrics.jsonl", "episodes.jsonl")}
    play(folder, 5, 7)
    for name in ("metrics.jsonl", "episodes.jsonl", "timing.jsonl"):
        with open(folder.path / name, "ab") as file:
            file.write(b'{"iteration": 7, "ret')
    assert len(files.read_lines(folder.path / "metrics.jsonl")) == 7
    folder.rewind(5)
    for name, data in before.items():
        assert (folder.path / name).read_bytes() == data
    assert [r["iteration"] for r in files.read_lines(folder.path / "timing.jsonl")] == [*range(5)]


@pytest.mark.parametrize("torn", [1, 7, 20])
def test_a_line_torn_anywhere_is_cut(folder, torn):
    play(folder, 0, 2)
    path = folder.path / "metrics.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-torn])
    folder.rewind(1)
    assert path.read_bytes() == whole.splitlines(keepends=True)[0]


def test_rewind_refuses_a_checkpoint_ahead_of_its_lines(folder):
    play(folder, 0, 2)
    with pytest.raises(RunError, match="2 whole lines where the checkpoint needs 3"):
        folder.rewind(3)


def test_checkpoints_come_back_exactly_and_two_are_kept(folder):
    assert folder.load_checkpoint() is None
    for k in (5, 10, 15):
        folder.save_checkpoint(k, state(k))
    names = [p.name for p in checkpoints.checkpoint_files(folder.path / "checkpoints")]
    assert names == ["iteration-000010.pt", "iteration-000015.pt"]
    iteration, loaded = folder.load_checkpoint()
    assert iteration == 15
    assert loaded["weights"].equal(state(15)["weights"])
    assert {k: loaded[k] for k in ("scale", "steps")} == {"scale": None, "steps": [15, 0.5, "x"]}


def test_equal_states_are_equal_files(folder):
    first = folder.save_checkpoint(1, state(3)).read_bytes()
    assert folder.save_checkpoint(2, state(3)).read_bytes() == first


@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_a_torn_checkpoint_falls_back_to_the_one_before(folder, share):
    folder.save_checkpoint(5, state(5))
    torn = folder.save_checkpoint(10, state(10))
    data = torn.read_bytes()
    torn.write_bytes(data[: int(len(data) * share)])
    assert folder.load_checkpoint()[0] == 5
    assert not torn.exists()


def test_a_folder_that_holds_something_is_never_overwritten(folder, tmp_path):
    folder.close()
    with pytest.raises(ConfigError, match="--resume to go on with it, or --name"):
        RunFolder.create(folder.path, CONFIG)
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("precious")
    with pytest.raises(ConfigError, match="holds files already; fix: --name NAME"):
        RunFolder.create(other, CONFIG)
    assert [p.name for p in other.iterdir()] == ["thesis.txt"]


def test_a_run_killed_before_it_began_does_not_block_the_next(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / ".config.json.tmp").write_text("{")
    (tmp_path / "environment.json").write_text("{}")
    RunFolder.create(tmp_path, CONFIG).close()


def test_resume_takes_the_recorded_configuration_and_cleans_up(folder):
    folder.close()
    stray = folder.path / "checkpoints" / ".iteration-000005.pt.tmp"
    stray.write_bytes(b"half")
    with RunFolder.resume(folder.path) as resumed:
        assert resumed.config == CONFIG
    with RunFolder.resume(folder.path, CONFIG):
        pass
    assert not stray.exists()
    assert "resumed" not in files.read_json(folder.path / "environment.json")


def test_resume_names_each_changed_key_with_both_values(folder):
    folder.close()
    changed = CONFIG.replace(lr=2e-3, env_options={"level": 3})
    with pytest.raises(ConfigError) as caught:
        RunFolder.resume(folder.path, changed)
    text = str(caught.value)
    assert "lr was 0.001, is now 0.002" in text
    assert "env_options was {'level': 2}, is now {'level': 3}" in text
    assert "batch" not in text


def test_resume_may_change_what_decides_memory_alone(folder):
    folder.close()
    smaller = CONFIG.replace(micro_batch=8, gradient_checkpointing=True)
    with RunFolder.resume(folder.path, smaller) as resumed:
        assert resumed.config.micro_batch == 8
    assert read_config(folder.path) == smaller


def test_resume_on_another_machine_is_noted(folder, monkeypatch):
    folder.close()
    monkeypatch.setattr("colllm_bench.runs.origin.environment", lambda: {"python": "9.9"})
    for _ in range(2):
        RunFolder.resume(folder.path).close()
    assert files.read_json(folder.path / "environment.json")["resumed"] == [{"python": "9.9"}]


def test_a_resume_that_fails_leaves_no_lock_behind(folder, monkeypatch):
    folder.close()
    with monkeypatch.context() as broken:
        broken.setattr(files, "write_json", full_disk)
        broken.setattr("colllm_bench.runs.origin.environment", lambda: {"cpu": "another"})
        with pytest.raises(RunError):
            RunFolder.resume(folder.path)
    RunFolder.resume(folder.path).close()


def test_a_run_that_goes_on_for_longer_has_no_critic_to_offer(folder):
    folder.write_summary({})
    for name in ("critic.json", "critic.safetensors"):
        (folder.path / name).write_text("{}")
    folder.close()
    longer = folder.config.replace(episodes=2 * folder.config.episodes)
    RunFolder.resume(folder.path, longer).close()
    assert list(folder.path.glob("critic*")) == []


def test_resume_without_a_run_says_so(tmp_path):
    with pytest.raises(ConfigError, match="holds no run"):
        RunFolder.resume(tmp_path / "nothing")


def test_two_processes_cannot_write_one_run(folder):
    code = (
        "import sys; from colllm_bench.runs.folder import RunFolder; RunFolder.resume(sys.argv[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, folder.path], capture_output=True, text=True
    )
    assert "another process is writing" in done.stderr
    folder.close()
    assert subprocess.run([sys.executable, "-c", code, folder.path]).returncode == 0


def test_discard_removes_only_what_learned_nothing(folder, tmp_path):
    assert folder.discard() and not folder.path.exists()
    with RunFolder.create(tmp_path / "b", CONFIG) as other:
        other.append_metrics(line(0))
        assert not other.discard() and (other.path / "config.json").exists()


def test_transcripts_read_like_a_story(folder):
    turns = [
        Turn("the fort stands", action_text="wait", reward=0.0, info={}),
        Turn("it falls", action_text="go\nnow", reward=1.0, info={"invalid": True}, value=0.25,
             advantage=-0.5, terminated=True, truncated=False),
    ]
    episode = Episode(7, 0, [Trajectory("north", 0, "Win.", turns)], success=True)
    path = folder.write_transcript("held-out-0", episode)
    assert path == folder.path / "transcripts" / "held-out-0.txt"
    assert path.read_text() == (
        "episode with seed 7: success, return 1, 2 turns, 1 agents\n"
        "\n--- instructions to north ---\nWin.\n"
        "\n--- turn 1 ---\nnorth\n    the fort stands\n  > wait\n"
        "\n--- turn 2 ---\nnorth\n    it falls\n  > go\n  > now\n"
        "    [invalid, reward 1, value 0.250, advantage -0.500, terminated]\n"
    )


def test_transcripts_show_control_characters_and_keep_none():
    """A terminal that prints one must not obey what an agent wrote."""
    turn = Turn("a\x1b[31m\x00b", action_text="c\r\x07d\x7f\x9b\te", reward=0.0, terminated=True)
    turn.info = {"verdict": "x\x08"}
    text = episode_text(Episode(0, 0, [Trajectory("n\x1b", 0, "\x0ci", [turn])]))
    kept = {c for c in text if not c.isprintable()}
    assert kept == {"\n", "\t"}
    for part in ("n\u241b", "a\u241b[31m\u2400b", "c\u240d", "\\x7f\\x9b\te", "x\u2408", "\u240ci"):
        assert part in text
