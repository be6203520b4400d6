"""The command line: settings from flags and files, and one clear line for every bad input."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from random_models import make_config, make_model, make_tokenizer

from colllm_bench import cli, run
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.runs.naming import default_name

SMALL = "--agents 2 --episodes 8 --batch 4 --eval-episodes 4 --threads 1".split()


@pytest.fixture(autouse=True)
def results_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fails(capsys, tmp_path):
    """Run a command that must fail: its exit code and its one line."""

    def call(*argv: str, code: int = 2) -> str:
        got = cli.execute(run.main, [*argv])
        said = capsys.readouterr().err.strip()
        assert got == code, said
        assert "\n" not in said and "Traceback" not in said and said.startswith("error: ")
        return said

    return call


def config_of(*argv: str) -> RunConfig:
    return cli.build_config(run.parser().parse(argv), run.RUN_OPTIONS)[0]


# -- settings


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


# -- bad input, found before anything is loaded


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ("--algo ccc", "unknown algorithm 'ccc'; allowed: cc, central, dc, hier, mc, seq;"),
        ("--env stratgy", "fix: did you mean 'strategy'?"),
        ("--lrr 3", "unknown option '--lrr'; fix: did you mean --lr?"),
        ("strategy", "unexpected argument 'strategy'"),
        ("--agents three", "argument --agents: invalid int value: 'three'"),
        ("--agents 0", "allowed: 1 or more"),
        ("--agents 17", "agents=17; allowed: 2 to 16"),
        ("--turns 3", "turns=3; allowed: None (19), or 16 to 40"),
        ("--level 9", "level=9; allowed: 1, 2, 3, 'hard' or 'brutal'"),
        ("--reward lots", "reward='lots'; allowed: 'sparse', 'milestone', 'dense'"),
        ("--env-option size=3", "has no option 'size'; allowed: turns, level, reward"),
        ("--env-option size", "'size' is no pair; allowed: KEY=VALUE"),
        ("--gamma 2", "gamma 2.0 is out of range; allowed: 0 to 1"),
        ("--importance-ratio word", "allowed: token, turn"),
        ("--algo mc --critic-lr 0.1", "--critic-lr 0.1 has no effect with algorithm 'mc'"),
        ("--algo mc --batch 12", "batch 12 is no multiple of group 8; fix: --batch 8"),
        ("--algo nowhere.at_all:X", "no module 'nowhere'"),
        ("--algo ./nothing.py:X", "algorithm file 'nothing.py' does not exist"),
        ("--name a/b", "--name 'a/b' is no folder name"),
        ("--seeds 0:0", "--seeds '0:0' names no seeds"),
        ("--config nothing.toml", "--config nothing.toml: No such file"),
        ("--resume nowhere", "nowhere holds no run to resume"),
    ],
)
def test_bad_settings(fails, tmp_path, argv, says):
    assert says in fails(*argv.split())
    assert not list(tmp_path.rglob("config.json"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("agnts = 3", "unknown setting in a.toml 'agnts'"),
        ("agnts = 3", "did you mean 'agents'?"),
        ("agents = 2.5", "agents = 2.5 in a.toml is of the wrong kind; allowed: a whole number"),
        ("algo = 3", "allowed: a text in quotes"),
        ("normalize_advantages = 1", "allowed: true or false"),
        ("agents = ", "is no TOML"),
    ],
)
def test_bad_files(fails, tmp_path, text, says):
    (tmp_path / "a.toml").write_text(text)
    assert says in fails("--config", "a.toml")


ALGORITHMS = """
from colllm_bench.baselines.algorithm import Algorithm
class NoAdvantages(Algorithm): pass
class NotOne: pass
class Broken(Algorithm):
    def compute_advantages(self, episodes): raise KeyError("oh\\nno")
"""


def test_algorithms_that_are_none(fails, tmp_path):
    (tmp_path / "mine.py").write_text(ALGORITHMS)
    text = fails("--algo", "./mine.py:NoAdvantages")
    assert "lacks the method compute_advantages(self, episodes)" in text
    assert "is not a subclass of" in fails("--algo", "./mine.py:NotOne")
    assert "unknown class in ./mine.py 'Brokn'" in fails("--algo", "./mine.py:Brokn")
    (tmp_path / "torn.py").write_text("class A(: pass")
    assert "fails to import: SyntaxError" in fails("--algo", "./torn.py:A")


def test_a_folder_that_holds_a_run_is_not_overwritten(fails, tmp_path):
    path = tmp_path / "results/strategy/cc/default/seed0"
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}")
    said = fails()
    assert "holds files already; fix: --resume to go on with it, or --name NAME" in said
    assert (path / "config.json").read_text() == "{}"


def test_seeds_and_the_folder_of_one_run_contradict(fails, tmp_path):
    with run_folder(tmp_path):
        pass
    assert "--resume without a folder" in fails("--seeds", "0:2", "--resume", "a")


def run_folder(tmp_path):
    from colllm_bench.runs.folder import RunFolder

    return RunFolder.create(tmp_path / "a", RunConfig())


# -- bad input, found while loading


def test_models_that_cannot_be_used(fails, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "'./empty' is not a model folder" in fails(*SMALL, "--model", "./empty")
    assert "cannot be loaded" in fails(*SMALL, "--model", "nobody/nothing")
    make_model(make_config("Llama")).save_pretrained(tmp_path / "mute")
    make_tokenizer(template=None).save_pretrained(tmp_path / "mute")
    said = fails(*SMALL, "--model", "./mute")
    assert "has no chat template; fix: give one with --chat-template FILE" in said
    assert "cannot be read" in fails(*SMALL, "--model", "./mute", "--chat-template", "no.jinja")
    make_model(make_config("Llama", max_position_embeddings=16)).save_pretrained("short")
    make_tokenizer().save_pretrained(tmp_path / "short")
    said = fails(*SMALL, "--model", "./short", "--style", "brief", "--max-action-tokens", "4")
    assert "longer than the model's context of 16; fix: fewer turns" in said
    assert not list(tmp_path.glob("results/*/*/*/*/*")), "a run that never began leaves nothing"


def test_cuda_where_there_is_none(fails, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    said = fails(*SMALL, "--device", "cuda")
    assert "this PyTorch sees no CUDA GPU; allowed: auto, cpu; fix: use --device auto" in said


# -- failures while running


def test_a_bug_is_one_line_and_keeps_its_traceback(fails, tmp_path, capsys):
    (tmp_path / "mine.py").write_text(ALGORITHMS)
    argv = [*SMALL, "--algo", "./mine.py:Broken", "--name", "a"]
    said = fails(*argv, code=1)
    assert re.search(r"error: KeyError: .*run with --debug for the traceback", said)
    folder = tmp_path / "results/strategy/broken/a/seed0"
    assert "in compute_advantages" in (folder / "error.txt").read_text()
    with pytest.raises(KeyError):
        cli.execute(run.main, [*argv, "--debug", "--quiet"])


def test_a_full_disk_is_one_line_and_the_run_goes_on_later(tmp_path):
    argv = ["-m", "colllm_bench.run", *SMALL, "--checkpoint-every", "1", "--quiet"]
    limit = (30_000, 30_000)  # bytes a file; a checkpoint is larger
    done = python(*argv, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    assert done.returncode == 1
    assert re.match(r"error: no space left to write .*\.pt .*--resume$", done.stderr.strip())
    assert cli.execute(run.main, [*argv[2:], "--resume"]) == 0
    assert len(list(tmp_path.rglob("summary.json"))) == 1


def test_training_without_evaluation_is_evaluated_on_resume(tmp_path, capsys):
    argv = [*SMALL, "--algo", "mc", "--group", "2", "--name", "a"]
    assert cli.execute(run.main, [*argv, "--no-eval"]) == 0
    folder = Path("results/strategy/mc/a/seed0")
    assert f"trained, not evaluated: --resume {folder} does" in capsys.readouterr().out
    assert (folder / "learning_curve.png").exists() and not (folder / "summary.json").exists()
    (folder / "learning_curve.png").unlink()
    assert cli.execute(run.main, ["--resume", str(folder)]) == 0
    assert "scripted expert" in capsys.readouterr().out
    assert (folder / "learning_curve.png").exists() and (folder / "summary.json").exists()


def test_resume_refuses_changed_settings(fails, tmp_path):
    with run_folder(tmp_path):
        pass
    said = fails("--resume", "a", "--lr", "0.5", "--agents", "4")
    assert "agents was 3, is now 4" in said


# -- the command as a person starts it


def python(*argv: str, **settings) -> subprocess.CompletedProcess:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *argv], capture_output=True, text=True, env=environment, **settings
    )


def test_a_run_ends_with_a_table_and_its_places(tmp_path):
    done = python("-m", "colllm_bench.run", *SMALL, "--trace")
    assert done.returncode == 0, done.stderr
    folder = Path("results/strategy/cc/agents2-episodes8-batch4-evalepisodes4/seed0")
    for row in ("random team", "untrained model", "trained team", "scripted expert"):
        assert re.search(rf"^{row} +[01]\.\d+ +[01]\.\d+ to [01]\.\d+ ", done.stdout, re.M)
    for title, name in {
        "run folder": "", "learning curve": "learning_curve.png",
        "a transcript": "transcripts/held-out-0.txt",
    }.items():
        assert re.search(rf"^{title} +{re.escape(str(folder / name))}$", done.stdout, re.M)
        assert (tmp_path / folder / name).exists()
    assert re.search(r"^8/8 episodes +win rate [01]\.\d+", done.stdout, re.M)
    assert re.search(r"The life of a turn: front_1, turn \d+", done.stdout)
    assert re.search(r"action_ids .*\[\d+", done.stdout)
    again = python("-m", "colllm_bench.run", *SMALL)
    assert again.returncode == 2 and "holds a complete run; fix: --resume" in again.stderr


def test_several_seeds_run_beside_each_other_and_failures_are_collected(tmp_path):
    blocked = tmp_path / "results/strategy/mc/three/seed1"
    blocked.mkdir(parents=True)
    (blocked / "mine.txt").write_text("precious")
    argv = ["-m", "colllm_bench.run", "--algo", "mc", "--group", "2", "--name", "three", *SMALL]
    done = python(*argv, "--seeds", "0:3")
    assert done.returncode == 2, done.stderr
    assert re.search(r"^seed 1: error: .*seed1 holds files already", done.stderr, re.M)
    assert done.stderr.strip().endswith("error: 1 of 3 seeds failed")
    for seed, state in {0: r"0\.\d+", 1: "failed", 2: r"0\.\d+"}.items():
        assert re.search(rf"^{seed} .*{state} .*seed{seed}$", done.stdout, re.M), done.stdout
    for seed in (0, 2):
        assert (blocked.parent / f"seed{seed}" / "summary.json").exists()
    again = python(*argv, "--seeds=0,2", "--resume")
    assert again.returncode == 0, again.stderr
