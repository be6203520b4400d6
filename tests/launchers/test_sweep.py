"""The folders of a sweep's runs, and the command as a person starts it."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from paths import ROOT
from slow_env import SLOW_ENVIRONMENT
from sweep_grids import configs_of

from colllm_bench import cli, run, sweep
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.launchers import plan
from colllm_bench.runs import files
from colllm_bench.runs.folder import RunFolder
from colllm_bench.runs.naming import default_name, run_folder

pytestmark = pytest.mark.usefixtures("results_here")


# -- the folders


def others() -> list[RunConfig]:
    """A configuration for each field, in which it is not the default."""
    kinds = cli.config_kinds()
    values = {int: 7, float: 0.3125, str: "x y", bool: True}
    found = []
    for field in dataclasses.fields(RunConfig):
        options = {"level": 2, "mood": "7", "size": [1, 2], "b": "x,y"}
        if field.name == "algo_options":
            options = {"gae_lambda": 0.5, "critic_model": "some/model"}
        value = values.get(kinds[field.name], options)
        found.append(RunConfig(**{field.name: False if field.default is True else value}))
    return found


@pytest.mark.parametrize("config", others(), ids=lambda c: default_name(c)[:20])
def test_a_run_is_started_with_the_very_settings_and_folder_that_run_would_use(config):
    argv = plan.run_argv(config, {"out": "elsewhere"})
    args = run.parser().parse(argv)
    again, _ = cli.build_config(args, run.RUN_OPTIONS)
    assert again == config
    plain = config.replace(env="strategy", algo="cc")
    given = vars(run.parser().parse(plan.run_argv(plain, {"out": "elsewhere"})))
    expected = Path("elsewhere/strategy/cc", default_name(plain), f"seed{config.seed}")
    assert run_folder(plain, given.get("name"), given["out"]) == expected


def test_a_long_name_does_not_depend_on_what_does_not_matter():
    long = RunConfig(model="m" * 90)
    assert default_name(long) == default_name(long.replace(threads=1, device="cpu"))
    assert default_name(long) != default_name(long.replace(lr=0.5))


def planned(config: RunConfig) -> plan.PlannedRun:
    run = plan.PlannedRun(config, Path("results/strategy/mc/default/seed0"))
    plan.inspect_run(run, {})
    return run


def test_how_a_run_stands_is_read_from_its_folder():
    config = RunConfig(algo="mc")
    assert planned(config).status == "new"
    new = planned(config)
    RunFolder.create(new.path, new.resolved).close()
    assert planned(config).status == "started"
    changed = planned(config.replace(lr=0.5))
    assert changed.status == "blocked"
    assert "was started with another configuration: lr was 0.003, is now 0.5" in changed.reason
    files.write_json(new.path / "summary.json", {})
    assert planned(config).status == "complete"
    assert planned(config.replace(lr=0.5)).status == "blocked", "complete, but another run"
    (new.path / "config.json").unlink()
    assert "holds a complete run" in planned(config).reason


def test_a_grid_with_settings_that_some_runs_refuse_starts_none(capsys, tmp_path):
    argv = ["--algo", "mc,cc", "--agents", "2,4", "--critic-lr", "0.5", "--seeds", "0:2"]
    assert cli.execute(sweep.main, argv) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: 4 of 8 runs of the grid cannot be run, none was started (")
    assert "(mc agents 2, mc agents 4: --critic-lr 0.5 has no effect with algorithm 'mc'" in said
    assert "fix: settings that belong to some runs alone go into a [[grid]] table" in said
    assert said.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_dry_run_names_what_cannot_be_run_and_starts_nothing(capsys, tmp_path):
    argv = ["--algo", "mc,cc", "--critic-lr", "0.5", "--dry-run"]
    assert cli.execute(sweep.main, argv) == 2
    said = capsys.readouterr().out
    assert "2 runs: 1 new, 1 with settings that cannot be run" in said
    assert "--critic-lr 0.5 has no effect with algorithm 'mc'" in said
    assert re.search(r"^mc .* cannot be run", said, re.M)
    assert not list(tmp_path.iterdir())


def test_a_dry_run_says_that_no_like_run_is_known(capsys, tmp_path):
    assert cli.execute(sweep.main, ["--algo", "mc", "--seeds", "0:2", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^mc +2 +2 +\? +\? +no like run *$", said, re.M)
    assert "2 runs of unknown length: below results no run with like settings" in said
    assert " of work" not in said and not list(tmp_path.iterdir())


def test_a_dry_run_counts_the_time_of_like_runs(capsys):
    config = planned(RunConfig(algo="mc", seed=7)).resolved
    folder = RunFolder.create(run_folder(config, "seen"), config)
    with folder:
        for k in range(3):
            folder.append_timing({"iteration": k, "rollout": 1.0, "learn": 2.0})
    argv = ["--algo", "mc,cc", "--seeds", "0:2", "--jobs", "2", "--dry-run"]
    assert cli.execute(sweep.main, argv) == 0
    said = capsys.readouterr().out
    # 40 iterations of 3 s, 3 evaluations of 200 / 64 batches of 1 s, 10 s to load
    assert re.search(r"^mc +2 +2 +3\.00 s +2 min 19 s +1 like run *$", said, re.M)
    assert re.search(r"^cc +2 +2 +\? +\? +no like run *$", said, re.M)
    assert "4 min 39 s of work; with 2 at a time about 2 min 19 s" in said
    assert "2 runs of unknown length" in said


def test_labels_are_what_varies():
    found = configs_of("--algo", "mc", "--level", "1,2", "--lr", "0.5,1", "--seeds", "0:2")
    titles, texts = plan.label_runs(found)
    assert titles == ("algo", "level", "lr", "seed") and texts[0] == ("mc", "1", "0.5", "0")


# -- bad input


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ("--algo mc,ccc", "unknown algorithm 'ccc'"),
        ("--env strategy,stratgy", "unknown environment 'stratgy'"),
        ("--algoo mc", "unknown option '--algoo'; fix: did you mean --algo?"),
        ("--agents 2,x", "'x' is none of its values; allowed: whole numbers"),
        ("--agents 2,,4", "'' is none of its values"),
        ("--lr 1e-3,1e-3", "has a value twice"),
        ("--messages maybe", "allowed: true, false"),
        ("--seeds 3:3", "names no seeds"),
        ("--jobs 0", "--jobs 0 is out of range; allowed: 1 or more"),
        ("--retries -1", "allowed: 0 or more"),
        ("--address auto", "has no effect with the local launcher; fix: --launcher ray"),
        ("--lr 0.5,1 --name a", "differ in lr share the folder"),
        ("--device cpu,cuda", "one value of device a sweep"),
        ("--env-option level", "'level' is no pair"),
        ("--config nothing.toml", "nothing.toml: No such file"),
    ],
)
def test_bad_settings(capsys, argv, says):
    assert cli.execute(sweep.main, argv.split()) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("error: ") and says in said and "\n" not in said
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("agnts = 3", "unknown setting in a.toml 'agnts'"),
        ("agents = [2, 'x']", "agents = 'x' in a.toml is of the wrong kind"),
        ("agents = []", "agents = [] in a.toml has no value"),
        ("grid = 3", "grid in a.toml is no table"),
        ("[[grid]]\nlrr = 3", "did you mean 'lr'?"),
        ("jobs = 'two'", "--jobs 'two' is out of range"),
        ("launcher = 'pbs'", "--launcher 'pbs' is unknown; allowed: local, ray, slurm"),
        ("env_options = 3", "allowed: a table"),
    ],
)
def test_bad_files(tmp_path, text, says):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ConfigError, match=re.escape(says)):
        sweep.main(["--config", "a.toml"])


# -- the command


ARGV = ("--env ./slow.py:Slow --algo mc --agents 2 --group 2 --batch 4 --episodes 24 "
        "--eval-episodes 2 --checkpoint-every 1 --seeds 0:2 --jobs 2").split()


def start(*argv: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "colllm_bench.sweep", *argv], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_killed_in_the_middle_and_given_again_it_ends_complete(tmp_path):
    """kill -9 of the sweep alone: its runs end themselves, and the same command goes on. A
    folder of someone else's is that run's failure, and the other's business goes on."""
    (tmp_path / "slow.py").write_text(SLOW_ENVIRONMENT)
    folder = tmp_path / "results/slow/mc"
    process = start(*ARGV)
    until = time.monotonic() + 300
    while len(list(folder.glob("*/seed*/metrics.jsonl"))) < 2 and time.monotonic() < until:
        time.sleep(0.02)
        assert process.poll() is None, process.communicate()
    process.kill()
    process.communicate()
    mine, other = sorted(folder.glob("*/seed*"))
    config = files.read_json(other / "config.json")
    files.write_json(other / "config.json", {**config, "config": {**config["config"], "lr": 0.5}})

    process = start(*ARGV)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 2, err
    assert out.startswith("2 runs: 1 to go on with, 1 blocked by what their folder holds")
    assert (mine / "summary.json").exists() and not (other / "summary.json").exists()
    assert len(files.read_lines(mine / "metrics.jsonl")) == 6
    assert re.search(r"^mc +1/2 +[01]\.\d{3}", out, re.M)
    assert re.search(r"mc +1 +error: .* lr was 0.5, is now 0.003", err)
    relative = other.relative_to(tmp_path)
    assert f"\n  python -m colllm_bench.run --resume {relative}\n" in err
    assert err.endswith("error: 1 of 2 runs failed\n")

    files.write_json(other / "config.json", config)
    process = start(*ARGV, "--quiet")
    until = time.monotonic() + 60
    while not files.is_locked(other) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "interrupted: the same command goes on\n"
    assert not files.is_locked(other), "no run goes on that nobody waits for"


# -- its page


PAGE = (ROOT / "docs" / "sweeps.md").read_text()


def test_the_pages_commands_and_its_file_are_grids(tmp_path):
    commands = re.findall(r"^python -m colllm_bench\.sweep ([^#>\n]*)", PAGE, re.M)
    (file,) = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    (tmp_path / "study.toml").write_text(file)
    sizes = [len(configs_of(*shlex.split(command))) for command in commands]
    assert sizes == [3 * 2 * 5, 2 * 2 * 3, 2 * 2 * 3 * 5 + 2 * 2 * 3 * 5, 2 * 5]


def test_the_pages_algorithm_says_its_own_bytes():
    from handmade_episodes import episode

    from colllm_bench.baselines.actor_critic import ActorCritic
    from colllm_bench.objectives import communication, critic_inputs

    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    names = dict(
        ActorCritic=ActorCritic, critic_inputs=critic_inputs, communication=communication
    )
    exec(compile(code, "sweeps.md", "exec"), names)
    episodes = [episode(k, [2, 2]) for k in range(3)]
    for turn in [turn for e in episodes for x in e.trajectories for turn in x.turns]:
        turn.value = 0.0
    metrics = names["Gossip"](RunConfig()).compute_advantages(episodes)
    assert metrics["bytes_exchanged"] == 20 * 2 + 4 * 3
