"""The command line: one clear line for every bad input and every failure."""

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

pytestmark = pytest.mark.usefixtures("results_here")
SMALL = "--agents 2 --episodes 8 --batch 4 --eval-episodes 4 --threads 1".split()


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
        ("--config nothing.toml", "nothing.toml: No such file"),
        ("--resume nowhere", "nowhere holds no run"),
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
        ("agnts = 3", "names, nearest agents"),
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


def test_one_seed_and_several_contradict(fails):
    assert "leave one of them out" in fails("--seeds", "0:2", "--seed", "1")


def test_the_folder_above_a_run_names_the_run(fails, tmp_path):
    (tmp_path / "a" / "seed0").mkdir(parents=True)
    (tmp_path / "a" / "seed0" / "config.json").write_text("{}")
    assert "such as a/seed0" in fails("--resume", "a").replace(f"{tmp_path}/", "")


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
