"""Settings that no run can have, by flag and by file, in every command: one line, at once."""

from __future__ import annotations

import pytest

from colllm_bench import cli, play, run, sweep

LONG = "x" * 300


@pytest.fixture
def fails(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(command, *argv: str) -> str:
        code = cli.execute(command.main, [*argv])
        text = capsys.readouterr().err.strip()
        assert code == 2, text
        assert "\n" not in text and text.startswith("error: ")
        return text

    return call


@pytest.mark.parametrize(("flag", "value", "text"), [
    ("--gamma", "nan", "gamma nan is out of range; allowed: 0 to 1"),
    ("--clip-range", "-3", "clip_range -3.0 is out of range; allowed: above 0"),
    ("--lr", "1e300", "lr 1e+300 is out of range; allowed: above 0, at most 3.4e+38"),
    ("--lora-rank", "9" * 20, "allowed: 1 or more, at most 9.22337e+18"),
    ("--threads", "100000", "threads 100000 is out of range; allowed: 0 to 1024"),
    ("--seeds", "0,0", "--seeds '0,0' names no seeds, or one twice"),
    ("--name", "a/b", "--name 'a/b' is no folder name"),
    ("--name", LONG, "is 300 bytes long; allowed: at most 200"),
])
def test_a_dry_run_refuses_what_a_run_refuses(fails, flag, value, text):
    assert text in fails(run, "--dry-run", flag, value)


@pytest.mark.parametrize("command", [run, sweep])
@pytest.mark.parametrize(("text", "message"), [
    ("name = 3", "name = 3 in a.toml is of the wrong kind; allowed: a text in quotes"),
    ("out = [1]", "out = [1] in a.toml is of the wrong kind; allowed: a text in quotes"),
    ("seeds = {a = 1}", "names no seeds"),
])
def test_a_file_with_a_command_option_of_the_wrong_kind(fails, tmp_path, command, text, message):
    (tmp_path / "a.toml").write_text(text)
    assert message in fails(command, "--dry-run", "--config", "a.toml")


def test_a_date_in_a_file(fails, tmp_path):
    (tmp_path / "a.toml").write_text("[env_options]\nlevel = 2024-01-01")
    text = fails(run, "--dry-run", "--config", "a.toml")
    assert "env_options.level = 2024-01-01 in a.toml is of the wrong kind; allowed: numbers" in text


def test_a_file_with_a_byte_order_mark(tmp_path):
    (tmp_path / "a.toml").write_text("batch = 8", encoding="utf-8-sig")
    assert cli.load_toml(str(tmp_path / "a.toml")) == {"batch": 8}


def test_hyphens_in_pairs():
    assert cli.pair("gae-lambda=0.5", "--algo-option") == ("gae_lambda", 0.5)


@pytest.mark.parametrize("text, value", [
    (".5", 0.5), ("-.5e1", -5.0), ("5.", 5.0), ("+0.25", 0.25),
    ("1.2.3", "1.2.3"), (".", "."), ("e5", "e5"), ("5.txt", "5.txt"),
])
def test_numbers_as_people_write_them(text, value):
    assert cli.pair(f"noise={text}") == ("noise", value)


def test_a_game_of_no_agents(fails):
    assert "agents -1 is out of range; allowed: 1 or more" in fails(play, "--agents", "-1")


OWN = """
from colllm_bench.baselines.algorithm import Algorithm
class Own(Algorithm):
{body}
    def compute_advantages(self, episodes): return {{}}
"""


@pytest.mark.parametrize(("body", "message"), [
    ("    class Options(Algorithm.Options):\n        lr: float = 0.5",
     "option 'lr' of algorithm './own.py:Own' has the name of another flag"),
    ("    class Options(Algorithm.Options):\n        help: int = 3",
     "option 'help' of algorithm './own.py:Own' has the name of another flag"),
    ("    class Options:\n        width: int = 3",
     "lack gamma, clip_range, importance_ratio, kl_coef, entropy_coef, which its loss reads"),
    ("    class Options(Algorithm.Options):\n        width: 'Nothing' = 3",
     "'Own.Options' is no class of options: name 'Nothing' is not defined"),
    ("    Options = None", "None is no class of options"),
])
def test_options_classes_that_cannot_be(fails, tmp_path, body, message):
    (tmp_path / "own.py").write_text(OWN.format(body=body))
    assert message in fails(run, "--algo", "./own.py:Own")


def test_options_of_a_kind_without_a_flag(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    body = "    class Options(Algorithm.Options):\n        widths: tuple = (1, 2)"
    (tmp_path / "own.py").write_text(OWN.format(body=body))
    argv = ["--dry-run", "--algo", "./own.py:Own", "--algo-option", "widths=[3]"]
    assert cli.execute(run.main, argv) == 0
    assert "widths = [3]" in capsys.readouterr().out
