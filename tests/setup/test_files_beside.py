"""A ``./file.py`` imports the files beside it, and a run keeps them."""

from __future__ import annotations

import sys

import pytest

from colllm_bench import registry
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.registry import beside
from colllm_bench.registry.beside import files_beside
from colllm_bench.runs import files
from colllm_bench.runs.folder import RunFolder, read_config
from colllm_bench.suites.tuned import code_label

MAIN = """
import json, os.path
import beside_one
class Mine:
    def __init__(self, agents=2):
        from beside_parts.inner import which
        self.which = beside_one.which() + which
"""


@pytest.fixture(autouse=True)
def clean_modules(monkeypatch):
    """What a test imports is forgotten after it; pytest brings sys.path back."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(beside, "_ADDED", set())
    yield
    for name in [n for n in sys.modules if n.startswith("beside_")]:
        del sys.modules[name]


def written(folder, which="first"):
    (folder / "beside_parts").mkdir(parents=True)
    (folder / "mine.py").write_text(MAIN)
    (folder / "beside_one.py").write_text(
        f"import beside_two, json\ndef which(): return {which!r}\n"
    )
    (folder / "beside_two.py").write_text("import beside_one\n")  # a circle ends
    (folder / "beside_parts/__init__.py").write_text("")
    (folder / "beside_parts/inner.py").write_text("which = ' and inner'\n")
    (folder / "not_imported.py").write_text("")
    (folder / "json.py").write_text("raise RuntimeError('the standard one comes first')\n")
    return folder / "mine.py"


def test_files_are_found_by_what_is_imported(tmp_path):
    found = files_beside(written(tmp_path / "a"))
    assert [file.relative_to(tmp_path / "a").as_posix() for file in found] == [
        "beside_one.py", "beside_parts/__init__.py", "beside_parts/inner.py", "beside_two.py"]


def test_a_file_that_cannot_be_parsed_imports_nothing(tmp_path):
    (tmp_path / "torn.py").write_text("import beside_one\nclass (")
    (tmp_path / "beside_one.py").write_text("")
    assert files_beside(tmp_path / "torn.py") == []


def test_they_are_imported_from_any_folder(tmp_path):
    path = written(tmp_path / "a")
    assert registry.make(f"{path}:Mine").which == "first and inner"


def test_a_run_takes_them_along(tmp_path, monkeypatch):
    written(tmp_path / "here")
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run = tmp_path / "run"
    RunFolder.create(run, RunConfig(env="./mine.py:Mine", algo="./mine.py:Mine")).close()
    noted = files.read_json(run / "environment.json")["code"]["./mine.py"]
    assert noted["copy"] == "mine.py" and sorted(noted["beside"]) == [
        "beside_one.py", "beside_parts/__init__.py", "beside_parts/inner.py", "beside_two.py"]
    monkeypatch.chdir(tmp_path / "there")
    assert registry.make(read_config(run).env).which == "first and inner"


def test_a_changed_file_beside_is_told_of(tmp_path, monkeypatch):
    written(tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    run = tmp_path / "run"
    RunFolder.create(run, RunConfig(env="./mine.py:Mine")).close()
    (tmp_path / "here/beside_two.py").write_text("# edited\n")
    with pytest.warns(UserWarning, match=r"beside_two.py is not as it was .*/code/beside_two.py"):
        read_config(run)


def test_an_edit_beside_is_another_algorithm(tmp_path):
    one, two = written(tmp_path / "a"), written(tmp_path / "b")
    assert code_label(f"{one}:Mine") == code_label(f"{two}:Mine")
    with (tmp_path / "b/beside_two.py").open("a") as file:
        file.write("# edited\n")
    assert code_label(f"{one}:Mine") != code_label(f"{two}:Mine")


def test_two_modules_of_one_name_are_refused(tmp_path):
    assert registry.make(f"{written(tmp_path / 'a')}:Mine").which == "first and inner"
    with pytest.raises(ConfigError, match="imports 'beside_one' .* is loaded already .*/a/besid"):
        registry.make(f"{written(tmp_path / 'b', which='second')}:Mine")


def test_a_copy_outside_of_the_run_is_refused(tmp_path, monkeypatch):
    written(tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    run = tmp_path / "run"
    RunFolder.create(run, RunConfig(env="./mine.py:Mine")).close()
    noted = files.read_json(run / "environment.json")
    noted["code"]["./mine.py"]["copy"] = "../../here/mine.py"
    files.write_json(run / "environment.json", noted)
    with pytest.raises(ConfigError, match="outside of it"):
        read_config(run)
