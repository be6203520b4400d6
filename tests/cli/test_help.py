"""What ``--help`` says: settings, choices, and the options of the environment it is asked for."""

from __future__ import annotations

import importlib
import inspect

import pytest

from colllm_bench import cli, registry
from colllm_bench.cli.environment_help import OF_RUNS, environment_help, environment_options

COMMANDS = ("run", "evaluate", "play", "sweep")


@pytest.fixture
def help_of(capsys):
    """``help_of("run", "--env", "coding")``: what the command prints, on one line."""

    def call(command: str, *argv: str) -> str:
        module = importlib.import_module(f"colllm_bench.{command}")
        with pytest.raises(SystemExit) as ended:
            module.main([*argv, "--help"])
        assert ended.value.code == 0
        return " ".join(capsys.readouterr().out.split())

    return call


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_the_options_of_the_environment_that_is_named(command, help_of):
    plain, coding = help_of(command), help_of(command, "--env", "coding")
    assert "options of environment strategy, as --env-option NAME=VALUE: turns " in plain
    assert "options of environment coding, as" in coding and "strategy, as" not in coding
    assert "detailed, passed or none (default: detailed)" in coding
    assert "strategy, writing, coding, credit, classic; 'module:Class'" in plain


@pytest.mark.parametrize("env", registry.ENVS)
def test_they_are_those_of_the_constructor(env):
    parameters = inspect.signature(registry.env_class(env)).parameters
    shown = {option.name: option for option in environment_options(env)}
    assert list(shown) == [name for name in parameters if name not in OF_RUNS]
    for name, option in shown.items():
        assert option.text and "`" not in option.text, f"{env}: {name} is not documented"
        default = parameters[name].default
        stated = {option.default, *option.text.replace(")", "").split("default: ")[1:]}
        assert default is None or any(
            str(default) == text or text and isinstance(default, float) and float(text) == default
            for text in stated
        ), f"{env}: the help of {name} does not say its default {default!r}"


def test_every_game_of_classic_is_named():
    from colllm_bench.envs.classic import games

    shown = environment_help("classic")
    assert all(name in shown for name in games.GAMES)


def test_an_environment_of_ones_own_is_read_and_not_run(tmp_path, help_of):
    file = tmp_path / "mine.py"
    file.write_text(
        "raise SystemExit('run')\n"
        "class Mine:\n"
        "    '''Mine.\n\n    Args:\n        agents: friends.\n        mood: ``\"grim\"`` or\n"
        "            ``\"gay\"``.\n\n    Raises:\n        ValueError: no.\n    '''\n"
        "    def __init__(self, agents=2, mood='grim', *, size=SIZE, **more): pass\n"
        "def factory(agents=2, depth=3): pass\n"
    )
    assert environment_help(f"{file}:Mine").splitlines() == [
        "  mood  grim or gay (default: grim)", "  size  -",
    ]
    assert "as --env-option NAME=VALUE: depth (default: 3)" in help_of(
        "run", "--env", f"{file}:factory"
    )
    several = help_of("sweep", "--env", f"credit,{file}:Mine")
    assert "environment credit, as" in several and "mood grim or gay" in several


@pytest.mark.parametrize("env", ["nosuch", "no.such:Env", "./nosuch.py:Env", "statistics:Env"])
def test_what_is_no_environment_has_no_options_in_the_help(env, help_of):
    assert "as --env-option NAME=VALUE" not in help_of("run", "--env", env)


def test_the_environment_of_a_file_and_of_a_run(tmp_path, help_of):
    file = tmp_path / "a.toml"
    file.write_text('env = "credit"\n')
    assert "environment credit, as" in help_of("run", "--config", str(file))
    (tmp_path / "config.json").write_text('{"config": {"env": "classic", "algo": "mc"}}')
    assert "environment classic, as" in help_of("run", "--resume", str(tmp_path))
    assert cli.shown_environment(["--env", "coding"]) is None, "read only where it is shown"


@pytest.mark.parametrize("command", COMMANDS)
def test_choices_stand_where_a_value_would(command, help_of):
    more = ",..." if command == "sweep" else ""
    text = help_of(command)
    assert f"--device auto|cpu|cuda{more} " in text and f"--level N|NAME{more} " in text
    if command in ("run", "sweep"):
        assert f"--baseline group|loo|max|none{more} " in help_of(command, "--algo", "mc")
        assert "--no-critic-history" not in help_of(command, "--algo", "mc")
