"""Names of agents: refused where they cannot be used, kept below the run folder where they can."""

from __future__ import annotations

import pytest
from contract_envs import SMALL, Named

from colllm_bench import cli, run
from colllm_bench.envs import contract
from colllm_bench.errors import ConfigError
from colllm_bench.runs.naming import agent_folder
from colllm_bench.testing import CheckError, check_env


@pytest.mark.parametrize("names", [
    [0, 1], [("team", 0), ("team", 1)], ["a", ""], ["a", "  "], ["a", "a"], [], ["a\ud800", "b"],
    [None], [b"a"],
])
def test_agents_without_usable_names_are_refused_at_the_start(names):
    with pytest.raises(ConfigError, match="environment Named (names an agent|has possible_agents)"):
        contract.check_agents(Named(names))
    with pytest.raises(CheckError, match="environment Named"):
        check_env(Named, names=names, hash_seeds=False)


@pytest.mark.parametrize("name", ["north", "front_1", "agent 0", "北", "con", "a:b", "-x", ".hid"])
def test_names_that_are_safe_are_kept_as_folders(name):
    contract.check_agents(Named([name]))
    assert agent_folder(name) == name


NASTY = ["..", ".", "../../x", "/etc/x", "a/b", "a%2Fb", "a\\b", "a\nb", "\0", "x" * 300, "é" * 200]


def test_names_that_are_not_become_folders_of_their_own(tmp_path):
    folders = [agent_folder(name) for name in NASTY]
    assert len(set(folders)) == len(NASTY)
    for folder in folders:
        path = tmp_path / folder
        path.mkdir()
        assert path.resolve().parent == tmp_path.resolve()


INTEGERS = """
from tiny_envs import Relay
class Numbered(Relay):
    def __init__(self, agents=2, names=None):
        super().__init__(agents=agents, turns=1)
        self.possible_agents = list(names or range(agents))
        del self.roles
"""


def test_run_and_evaluate_refuse_them_before_anything_is_written(tmp_path, monkeypatch, capsys):
    from colllm_bench import evaluate

    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(INTEGERS)
    argv = [*SMALL, "--env", "./mine.py:Numbered"]
    assert cli.execute(run.main, argv) == 2
    assert "environment Numbered names an agent 0; allowed: a text" in capsys.readouterr().err
    argv = ["untrained", "--env", "./mine.py:Numbered", "--agents", "2", "--episodes", "2"]
    assert cli.execute(evaluate.main, argv) == 2
    assert "environment Numbered names an agent 0" in capsys.readouterr().err
    left = sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__")
    assert left == ["mine.py"]


def test_a_team_of_nasty_names_is_saved_below_team_and_played_again(tmp_path, monkeypatch, capsys):
    from colllm_bench import evaluate

    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(INTEGERS)
    argv = [*SMALL, "--env", "./mine.py:Numbered", "--env-option", 'names=["..", "x/../../y"]',
            "--name", "a", "--quiet"]
    assert cli.execute(run.main, argv) == 0, capsys.readouterr().err
    folder = tmp_path / "results/numbered/mc/a/seed0"
    assert sorted(p.name for p in (folder / "team").iterdir()) == ["%2E%2E", "x%2F..%2F..%2Fy"]
    assert not list(folder.glob("adapter*")) and not list(folder.parent.glob("y"))
    assert cli.execute(evaluate.main, [str(folder), "--episodes", "2", "--quiet"]) == 0
