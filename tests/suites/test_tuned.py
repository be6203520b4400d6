"""Tuned settings: where they are looked for, and that edited code has another name."""

from __future__ import annotations

import pytest
from suite_files import make_suite

from colllm_bench.errors import ConfigError
from colllm_bench.suites.tuned import Chosen, chosen_for, code_label, read_tuned, write_tuned

CODE = '''
from colllm_bench.baselines.algorithm import Algorithm
class Mine(Algorithm):
    def compute_advantages(self, episodes):
        return {}
'''


@pytest.fixture
def suite(tmp_path):
    return make_suite(tmp_path)


def test_settings_come_back_as_they_were_written(tmp_path, suite):
    settings = {"lr": 0.002, "gae_lambda": 0.95, "batch": 32}
    path = tmp_path / "out" / "mine" / "tuned" / "mc.toml"
    write_tuned(path, suite, "mc", Chosen(settings, "a search", 16), 0.5)
    chosen = chosen_for(suite, "mc", tmp_path / "out")
    assert (chosen.settings, chosen.draws) == (settings, 16)
    assert chosen.label == Chosen(dict(reversed(settings.items()))).label != Chosen().label
    assert chosen_for(suite, "cc", tmp_path / "out") == Chosen()
    assert chosen_for(suite, "mc", tmp_path / "out", "defaults") == Chosen()
    assert chosen_for(suite, "mc", tmp_path, str(path)).settings == settings


def test_settings_of_another_suite_are_refused(tmp_path, suite):
    (tmp_path / "other.toml").write_text('suite = "other"\n[settings]\nlr = 1.0\n')
    with pytest.raises(ConfigError, match="no settings for suite mine"):
        read_tuned(tmp_path / "other.toml", suite)


def test_settings_of_another_version_of_the_suite_are_refused(tmp_path, suite):
    write_tuned(tmp_path / "mc.toml", suite, "mc", Chosen({"lr": 0.1}, "a search", 4), 0.5)
    text = (tmp_path / "mc.toml").read_text().replace(suite.digest, "0123456789ab")
    (tmp_path / "mc.toml").write_text(text)
    with pytest.raises(ConfigError, match="was chosen for suite mine 0123456789ab"):
        read_tuned(tmp_path / "mc.toml", suite)


def test_edited_code_has_another_label(tmp_path):
    assert code_label("mc") == ""
    labels = []
    for folder, extra in (("one", ""), ("two", "# edited\n"), ("three", "")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(CODE + extra)
        labels.append(code_label(f"{tmp_path / folder / 'mine.py'}:Mine"))
    assert labels[0] == labels[2] != labels[1] and labels[0].startswith("-code")
