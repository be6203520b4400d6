"""A disk that is full or read-only: one line, and nothing is lost."""

from __future__ import annotations

import errno
import os
import re
import resource

import pytest
from run_lines import CONFIG, line, play, state

from colllm_bench.errors import ConfigError, RunError
from colllm_bench.runs import files
from colllm_bench.runs.folder import RunFolder
from colllm_bench.runs.status import check_free


def in_child(prepare, call) -> str:
    """What ``call`` raises in a process of its own, after ``prepare`` has limited it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            prepare()
            call()
            said = "no error"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as file:
        return file.read()


def small_disk() -> None:
    """Files of this process cannot grow past 4 KiB: what a full disk looks like to it."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def nobody() -> None:
    """Root may write everywhere; this process no longer."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def test_a_full_disk_loses_nothing_that_was_written(folder):
    folder.save_checkpoint(1, {"small": [1]})
    play(folder, 0, 1)
    large = {"weights": state(1), "more": state(2)}
    said = in_child(small_disk, lambda: folder.save_checkpoint(2, large))
    assert re.match("RunError: no space left .* every earlier checkpoint is whole", said)
    rows = [{"iteration": 1, "text": "x" * 5000}]
    for call in (
        lambda: folder.append_episodes(rows), lambda: folder.write_summary({"text": "x" * 5000})
    ):
        assert in_child(small_disk, call).startswith("RunError: no space left")
    assert folder.load_checkpoint() == (1, {"small": [1]})
    assert len(files.read_lines(folder.path / "episodes.jsonl")) == 3
    assert not folder.complete and not list(folder.path.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [
        (errno.ENOSPC, RunError, "No space left on device"),
        (errno.EDQUOT, RunError, "no space left"),
        (errno.EROFS, ConfigError, "Read-only file system"),
        (errno.EIO, RunError, "error"),
    ],
)
def test_every_refusal_of_the_system_is_one_line(tmp_path, number, kind, says):
    with pytest.raises(kind, match=says) as caught:
        with files.writing(tmp_path / "x"):
            raise OSError(number, os.strerror(number))
    assert "--resume" in str(caught.value) and "\n" not in str(caught.value)


@pytest.fixture
def readable_tmp(tmp_path):
    for parent in [tmp_path, *tmp_path.parents[:3]]:
        if os.geteuid() == 0 and str(parent) not in ("/", "/tmp"):
            parent.chmod(0o755)
    return tmp_path


def test_a_read_only_results_folder_is_refused_before_anything_runs(readable_tmp):
    (readable_tmp / "results").mkdir(mode=0o555)
    path = readable_tmp / "results" / "strategy" / "cc" / "a" / "seed0"
    said = in_child(nobody, lambda: check_free(path))
    assert said.startswith("ConfigError: cannot write") and "read-only; fix: --out FOLDER" in said


def test_a_folder_that_becomes_read_only_is_one_line(readable_tmp):
    with RunFolder.create(readable_tmp / "a", CONFIG) as folder:
        said = in_child(nobody, lambda: folder.append_metrics(line(0)))
        assert said.startswith("ConfigError: cannot write") and "Permission denied" in said
        said = in_child(nobody, lambda: folder.write_summary({}))
        assert said.startswith("ConfigError: cannot write")


def test_a_path_through_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        check_free(tmp_path / "file" / "run")
