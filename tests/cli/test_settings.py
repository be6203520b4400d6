"""Settings from flags and files, names, lists: what a command line means."""

from __future__ import annotations

import re

import pytest

from colllm_bench import cli, run
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.runs.naming import default_name

pytestmark = pytest.mark.usefixtures("results_here")


def config_of(*argv: str) -> RunConfig:
    return cli.build_config(run.parser().parse(argv), run.RUN_OPTIONS)[0]


def test_no_flags_are_the_defaults():
    assert config_of() == RunConfig()


def test_every_field_has_a_flag_of_its_kind():
    config = config_of(
        "--algo", "mc", "--lr", "3e-4", "--no-normalize-advantages", "--micro-batch", "7",
        "--target-kl", "0.1", "--gradient-checkpointing",
    )
    assert config == RunConfig(
        algo="mc", lr=3e-4, normalize_advantages=False, micro_batch=7, target_kl=0.1,
        gradient_checkpointing=True,
    )
    known = vars(run.parser())["_option_string_actions"]
    for name in RunConfig().to_dict():
        flag = "--" + name.replace("_", "-")
        assert flag in known or flag.removesuffix("s") in known


def test_help_has_every_docstring_and_default(capsys):
    with pytest.raises(SystemExit):
        run.parser().parse(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "discount (default: 1.0)" in text
    assert "importance ratio per token or per turn (default: token)" in text
    assert "actor's learning rate (default: the algorithm's; for models that are not" in text
    assert "--tuning lora|full " in text and "--preset NAME" in text


def test_environment_options_by_pair_and_by_shorthand():
    config = config_of("--env-option", "size=7", "--env-option", "mood=grim", "--level", "2",
                       "--reward", "dense", "--messages")
    assert config.env_options == {
        "size": 7, "mood": "grim", "level": 2, "reward": "dense", "messages": True
    }
    assert config_of("--level", "hard").env_options == {"level": "hard"}


def test_flags_go_before_the_file_and_the_file_before_defaults(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text('algo = "mc"\nlr = 1\nbatch = 8\nlevel = 3\n[env_options]\nturns = 20\n')
    config = config_of("--config", str(file), "--batch", "16", "--turns", "30")
    assert (config.algo, config.lr, config.batch) == ("mc", 1.0, 16)
    assert config.env_options == {"turns": 30, "level": 3}
    file.write_text('level = "hard"\n')
    assert config_of("--config", str(file)).env_options == {"level": "hard"}


def test_a_dry_run_prints_a_file_that_gives_the_same_settings(capsys, tmp_path):
    assert run.main(["--dry-run", "--algo", "mc", "--agents", "4", "--level", "2"]) == 0
    file = tmp_path / "a.toml"
    file.write_text(capsys.readouterr().out)
    config = config_of("--config", str(file))
    assert (config.algo, config.agents, config.env_options) == ("mc", 4, {"level": 2})
    assert config.lr is None and config.style is None, "what was not chosen stays open"
    assert "# lr = 0.003" in file.read_text() and "# style = " in file.read_text()
    assert not list(tmp_path.glob("results"))


def test_a_configuration_as_arguments():
    config = RunConfig(
        algo="mc", lr=3e-4, normalize_advantages=False, gradient_checkpointing=True,
        env_options={"level": 2, "mood": "7", "size": [3, 4], "name": "a b"}, model="-odd",
    )
    words = cli.command_line(config, always=("env", "seed"))
    assert words[:4] == ["--env", "strategy", "--seed", "0"]
    assert words[4:] == [
        "--algo", "mc", "--env-option", "level=2", "--env-option", 'mood="7"', "--env-option",
        "size=[3, 4]", "--env-option", "name=a b", "--model=-odd", "--gradient-checkpointing",
        "--lr", "0.0003", "--no-normalize-advantages",
    ]
    assert config_of(*words) == config
    assert cli.command_line(RunConfig()) == []


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0,1,2", [0, 1, 2]), ("0:3", [0, 1, 2]), ("5", [5]), ("1,4:6", [1, 4, 5]), ([3, 7], [3, 7])],
)
def test_seeds(text, seeds):
    assert cli.parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "3:3", "1,1", "-1", "0:2,1", "1.5"])
def test_seeds_that_are_none(text):
    with pytest.raises(ConfigError, match="allowed: 0,1,2 or 0:3"):
        cli.parse_seeds(text)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "default"),
        ({"seed": 3, "threads": 1, "device": "cpu"}, "default"),
        ({"agents": 4, "lr": 3e-4, "env_options": {"level": 2}}, "agents4-level2-lr0.0003"),
        ({"model": "Qwen/Qwen3-0.6B"}, "modelQwen_Qwen3-0.6B"),
        ({"model": "m" * 90}, f"model{'m' * 62}-{RunConfig(model='m' * 90).digest}"),
    ],
)
def test_default_names_say_what_differs(changes, name):
    assert default_name(RunConfig(**changes)) == name


def test_list_names_all_with_a_line_each(capsys):
    assert run.main(["--list"]) == 0
    text = capsys.readouterr().out
    for name in ("strategy", "mc", "cc", "dc", "central", "tiny"):
        assert re.search(rf"^  {name} +\w.+", text, re.M)


def test_version(capsys):
    from colllm_bench import __version__

    assert run.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__
