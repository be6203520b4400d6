"""Files and JSON of a stranger: nothing is opened outside the folder, nothing runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from submission_files import load, refused, save, seal

from colllm_bench import cli
from colllm_bench.leaderboard import __main__ as leaderboard

# -- files and JSON of a stranger


def test_files_that_do_not_belong_there(copy):
    (copy / "seed0" / "team" / "front_1" / "weights.pt").write_bytes(b"x")
    refused(copy, "weights.pt' is in the folder, and is no file of a submission")


def test_links_lead_out_of_the_folder(copy, tmp_path):
    target = tmp_path / "secret.json"
    shutil.move(copy / "seed0" / "summary.json", target)
    (copy / "seed0" / "summary.json").symlink_to(target)
    refused(copy, "seed0/summary.json is a symbolic link")
    (copy / "seed0" / "summary.json").unlink()
    shutil.move(target, copy / "seed0" / "summary.json")
    shutil.move(copy / "seed1", tmp_path / "seed1")
    (copy / "seed1").symlink_to(tmp_path / "seed1")
    refused(copy, "seed1 is a symbolic link")


def test_what_is_no_plain_file(copy):
    os.mkfifo(copy / "README.md")
    refused(copy, "README.md is no plain file")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "seed0/../../x", "seed9/x"])
def test_paths_that_lead_elsewhere(copy, name):
    data = load(copy)
    data["files"][name] = {"bytes": 1, "sha256": "0" * 64}
    save(copy, data)
    refused(copy, "is no file of a submission")


def test_huge_files_are_not_opened(copy):
    with open(copy / "seed0" / "team" / "front_1" / "adapter_model.safetensors", "r+b") as file:
        file.truncate(2**40)  # a hole: no disk is used
    refused(copy, "adapter_model.safetensors has 1099511627776 bytes; at most")


def test_a_missing_file(copy):
    (copy / "seed2" / "metrics.jsonl").unlink()
    refused(copy, "seed2/metrics.jsonl is missing")


@pytest.mark.parametrize(
    "text, says",
    [
        (b"", "no JSON"), (b"[]", "not a submission"), (b"{", "no JSON"), (b"\xff\xfe", "no JSON"),
        (b'{"schema": 1, "schema": 2}', "twice"), (b'{"schema": NaN}', "no number of JSON"),
        (b'{"schema": 1e999}', "beyond"), (b'{"schema": ' + b"9" * 5000 + b"}", "5000 digits"),
        (b"[" * 100_000, "nests deeper"), (b"[" * 40 + b"]" * 40, "nests deeper"),
        (b'{"schema": 2}', "reads schema 1"), (b'{"schema": true}', "reads schema 1"),
        (b'{"schema": 1}', "lacks 'name'"),
    ],
)
def test_json_with_surprises(copy, text, says):
    (copy / "submission.json").write_bytes(text)
    refused(copy, says)


@pytest.mark.parametrize(
    "path, value, says",
    [
        (["name"], 7, "name is 7"), (["name"], "../x", "no folder name"),
        (["runs"], [], "0 runs"), (["runs", 0], 5, "runs[0] is no object"),
        (["runs", 0, "seed"], True, "runs[0].seed is True"),
        (["seeds"], ["0"], "seeds[0] is '0', no int"),
        (["extra"], 1, "does not know"), (["files"], [], "files is []"),
        (["runs", 0, "summary"], {}, "held_out lacks"), (["execution"], "magic", "execution"),
        (["execution"], "centralized", "no file of a submission"),
        (["note"], "\x1b[2J", "no line"), (["config", "boost"], 1, "does not know"),
        (["runs", 0, "summary", "held_out", "trained", "returns"], "x", "returns is 'x'"),
        (["runs", 0, "summary", "held_out", "trained", "more"], 1, "does not know"),
        (["runs", 0, "summary", "held_out", "best"], {}, "has a team 'best'"),
        (["runs", 0, "environment", "cpu"], "another", "its file says"),
        (["evaluation", "episodes"], 100, "the settings say 6"),
        (["base", "files"], {}, "is not the one of the submission"),
        (["seeds"], [0, 1, 2, 3], "seed 3 is missing"),
        (["runs", 0, "summary", "parameters"], {}, "lacks its parameters"),
    ],
)
def test_fields_that_do_not_fit(copy, path, value, says):
    data = load(copy)
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    seal(copy, data) if isinstance(data["files"], dict) else save(copy, data)
    refused(copy, says)


def test_an_archive_or_another_file_is_no_submission(made, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "made"), "zip", made)
    refused(Path(archive), "unpack an archive first")
    refused(tmp_path, "no submission.json")


def test_refusals_are_lines_on_stderr_and_exit_code_1(copy, made, capsys):
    data = load(copy)
    data["note"] = "changed"
    save(copy, data)
    argv = ["verify", str(copy), str(made), "--files-only"]
    assert cli.execute(leaderboard.main, argv) == 1
    shown = capsys.readouterr()
    assert f"refused: {copy}: submission.json was edited" in shown.err
    assert "error: 1 of 2 submissions refused" in shown.err and "files agree" in shown.out
    assert cli.execute(leaderboard.main, ["verify", "/no/such"]) == 2
    assert cli.execute(leaderboard.main, ["verify"]) == 2


@pytest.mark.parametrize(
    "options, says",
    [(["--device", "tpu"], "unknown device 'tpu'"),
     (["--model", "/no/such"], "is not a model folder"),
     (["--model", "no/such"], "not on this machine"),
     (["--retrain", "-1"], "1 or more"), (["--retrain", "--files-only"], "not --files-only")],
)
def test_what_cannot_be_done_here_is_no_fault_of_a_submission(made, capsys, options, says):
    assert cli.execute(leaderboard.main, ["verify", str(made), *options]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("error: ") and says in said
