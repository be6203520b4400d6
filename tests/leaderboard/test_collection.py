"""The reader of run folders: what is read, and what is left out by name."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest
from made_runs import make_run

from colllm_bench.config import LEFT_OUT_AT_DEFAULT, RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.leaderboard.data.collection import find, read
from colllm_bench.leaderboard.data.run_reader import Run, read_run
from colllm_bench.leaderboard.report_data import method_labels
from colllm_bench.runs import files


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def kinds(collection):
    return {item.path.name: item.kind for item in collection.excluded}


def test_a_run_is_read_as_its_files_say(tmp_path):
    path = make_run(tmp_path, seed=3, iterations=4, batch=8)
    run = read_run(path)
    assert (run.env, run.algo, run.name, run.seed) == ("strategy", "cc", "default", 3)
    assert run.agents == 3 and run.budget == 32 and run.version == "0.1.0"
    rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    assert run.metrics["return"].tolist() == [row["return"] for row in rows]
    assert run.metrics["episodes"].tolist() == [8, 16, 24, 32]
    assert set(run.timing) == {"iteration", "rollout", "learn", "memory_mib"}
    assert run.references == (0.0, 1.0)
    assert run.held_out("trained").mean() == run.summary["return"]["trained"]["mean"]
    assert run.held_out("nobody") is None


def test_seeds_of_one_configuration_are_a_group(tmp_path):
    for seed in (2, 0, 1):
        make_run(tmp_path, seed=seed)
        make_run(tmp_path, algo="mc", seed=seed)
    groups = read(tmp_path).groups
    assert [(g.first.algo, g.seeds) for g in groups] == [("cc", [0, 1, 2]), ("mc", [0, 1, 2])]


@pytest.mark.parametrize("depth", range(5))
def test_any_folder_above_a_run_finds_it(tmp_path, depth):
    path = make_run(tmp_path, seed=0)
    assert [run.seed for run in read([path, *path.parents][depth]).runs] == [0]


def test_a_run_is_found_once_and_nothing_within_it(tmp_path):
    path = make_run(tmp_path, seed=0)
    (path / "checkpoints" / "seed1").mkdir(parents=True)
    (tmp_path / "again").symlink_to(tmp_path / "strategy")
    assert list(find([tmp_path, tmp_path / "strategy"])) == [path]


def test_a_root_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="nowhere is no folder"):
        read(tmp_path / "nowhere")
    assert read(tmp_path).groups == []


# -- what is left out, and that the rest stays


def spoil_empty(path):
    for file in path.iterdir():
        file.unlink()


def spoil_config(path):
    (path / "config.json").write_text('{"version": "0.1')


def spoil_summary(path):
    (path / "summary.json").write_bytes((path / "summary.json").read_bytes()[:300])


def spoil_lines(path):
    data = (path / "metrics.jsonl").read_bytes()
    (path / "metrics.jsonl").write_bytes(data[:-20])


def spoil_count(path):
    lines = (path / "metrics.jsonl").read_text().splitlines()
    (path / "metrics.jsonl").write_text("\n".join([lines[1], lines[0], *lines[2:]]) + "\n")


def spoil_number(path):
    lines = (path / "metrics.jsonl").read_text().splitlines()
    row = json.loads(lines[1]) | {"return": None}
    (path / "metrics.jsonl").write_text("\n".join([lines[0], json.dumps(row), *lines[2:]]) + "\n")


def spoil_owner(path):
    (path / "config.json").write_text('{"learning_rate": 0.1}')


def spoil_nothing_of_ours(path):
    (path / "config.json").unlink()


def spoil_seed(path):
    data = json.loads((path / "config.json").read_text())
    data["config"]["seed"] = 77
    (path / "config.json").write_text(json.dumps(data))


def spoil_other_summary(path):
    edit(path / "summary.json", algo="mc")


def spoil_held_out(path):
    edit(path / "summary.json", held_out={"trained": {"returns": []}})


def spoil_unfinished(path):
    (path / "summary.json").unlink()


def spoil_version(path):
    edit(path / "config.json", version="0.2.0")
    edit(path / "environment.json", colllm_bench="0.2.0")


def spoil_resumed(path):
    edit(path / "environment.json", resumed=[{"colllm_bench": "0.2.0"}])


def change_settings(path, **changes):
    config = RunConfig(**json.loads((path / "config.json").read_text())["config"] | changes)
    edit(path / "config.json", config=config.to_dict(), digest=config.digest)


def spoil_settings(path):
    change_settings(path, lr=0.5)


def spoil_by_hand(path):
    data = json.loads((path / "config.json").read_text())
    edit(path / "config.json", config=data["config"] | {"lr": 0.5})


SPOILT = {
    spoil_empty: ("empty", "an empty folder"),
    spoil_config: ("torn", "config.json is no JSON"),
    spoil_summary: ("torn", "summary.json is no JSON"),
    spoil_lines: ("torn", "metrics.jsonl has 9 whole lines of 10"),
    spoil_count: ("torn", "does not count its iterations"),
    spoil_number: ("torn", "lines without return"),
    spoil_owner: ("foreign", "config.json is not of colllm_bench"),
    spoil_nothing_of_ours: ("foreign", "no config.json"),
    spoil_seed: ("foreign", "the folder says seed 2, config.json seed 77"),
    spoil_other_summary: ("foreign", "summary.json is of algo 'mc', config.json 'cc'"),
    spoil_held_out: ("torn", "lacks the held-out returns of trained"),
    spoil_unfinished: ("unfinished", "trained, not evaluated"),
    spoil_version: ("mixed", "version 0.2.0, where most seeds beside it have 0.1.0"),
    spoil_resumed: ("mixed", "begun and resumed with versions 0.1.0, 0.2.0"),
    spoil_by_hand: ("foreign", "config.json was edited"),
    spoil_settings: ("mixed", "other settings than most seeds beside it: lr 0.5, not 0.003"),
}


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__.removeprefix("spoil_"))
def test_a_spoilt_run_is_named_and_left_out(tmp_path, spoil):
    paths = [make_run(tmp_path, seed=seed, iterations=10) for seed in range(3)]
    spoil(paths[2])
    found = read(tmp_path)
    assert [run.seed for run in found.runs] == [0, 1]
    (item,) = found.excluded
    kind, reason = SPOILT[spoil]
    assert item.path == paths[2] and item.kind == kind and reason in item.reason


def test_pace_is_no_setting(tmp_path):
    """Threads and checkpoints are no matter of what is learned, and a setting that is younger
    than a run has its default there."""
    paths = [make_run(tmp_path, seed=seed) for seed in range(4)]
    change_settings(paths[1], threads=8)
    change_settings(paths[2], checkpoint_every=50, gradient_snr_every=0)
    data = json.loads((paths[3] / "config.json").read_text())
    for name in ("gradient_snr_every", "max_grad_norm", *LEFT_OUT_AT_DEFAULT):
        del data["config"][name]
    digest = hashlib.sha256(json.dumps(
        {k: v for k, v in data["config"].items() if k != "seed"}, sort_keys=True
    ).encode()).hexdigest()[:12]
    edit(paths[3] / "config.json", config=data["config"], digest=digest)
    (group,) = read(tmp_path).groups
    assert group.seeds == [0, 1, 2, 3]
    assert len({run.digest for run in group.runs}) == 4


def test_half_a_run_says_how_far_it_is(tmp_path):
    path = make_run(tmp_path, seed=0, iterations=10)
    (path / "summary.json").unlink()
    lines = (path / "metrics.jsonl").read_text().splitlines()
    (path / "metrics.jsonl").write_text("\n".join(lines[:4]) + "\n")
    (path / "error.txt").write_text("Traceback")
    item = read_run(path)
    assert item.kind == "unfinished" and "4 of 10 iterations; it failed" in item.reason


def test_of_equally_many_the_newest_version_stays(tmp_path):
    for seed, version in enumerate(["0.9.0", "0.10.0", "0.9.0", "0.10.0"]):
        make_run(tmp_path, seed=seed, version=version)
    found = read(tmp_path)
    assert [run.seed for run in found.runs] == [1, 3]
    assert kinds(found) == {"seed0": "mixed", "seed2": "mixed"}


def test_two_versions_in_two_folders_are_two_groups(tmp_path):
    make_run(tmp_path / "old", seed=0)
    make_run(tmp_path / "new", seed=0, version="0.2.0")
    groups = read(tmp_path).groups
    assert len(groups) == 2
    assert sorted(method_labels(groups).values()) == sorted(
        f"cc {group.first.settings[:6]} v{group.first.version}" for group in groups
    )


def test_the_same_run_twice_counts_once(tmp_path):
    first = make_run(tmp_path / "a", seed=0)
    make_run(tmp_path / "b", seed=0)
    make_run(tmp_path / "b", seed=1)
    found = read(tmp_path)
    assert [(g.seeds, g.first.path) for g in found.groups] == [([0, 1], first)]
    assert "the same configuration and seed as" in found.excluded[0].reason


def test_labels_say_what_the_setting_does_not(tmp_path):
    names = {"default": "cc", "agents3-lr0.001": "cc lr0.001", "level2": "cc", "tuned": "cc tuned"}
    for name, label in names.items():
        options = {"level": 2} if name == "level2" else {}
        path = make_run(tmp_path / name, name=name, seed=0, env_options=options)
        groups = read(path).groups
        assert list(method_labels(groups).values()) == [label]


def test_a_run_without_timing_or_environment_is_still_a_run(tmp_path):
    path = make_run(tmp_path, seed=0)
    (path / "timing.jsonl").unlink()
    (path / "environment.json").unlink()
    run = read_run(path)
    assert isinstance(run, Run) and run.timing == {} and run.environment == {}


def test_without_an_expert_there_are_no_references(tmp_path):
    path = make_run(tmp_path, seed=0)
    summary = files.read_json(path / "summary.json")
    del summary["held_out"]["scripted"]
    files.write_json(path / "summary.json", summary)
    assert read_run(path).references is None


# -- the command


def command(*argv, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "colllm_bench.leaderboard", *argv], capture_output=True, text=True
    )


def test_the_commands_answer_in_one_line(tmp_path):
    assert "  build " in command("--help").stdout
    done = command("biuld")
    assert done.returncode == 2 and "did you mean 'build'" in done.stderr
    done = command("build", str(tmp_path / "nowhere"))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    done = command("build", str(tmp_path), "--out", str(tmp_path / "out"))
    assert done.returncode == 2 and "no complete run below" in done.stderr
    assert not (tmp_path / "out").exists()


def test_help_loads_nothing_heavy():
    code = (
        "import runpy, sys\n"
        "sys.argv[1:] = ['build', '--help']\n"
        "try: runpy.run_module('colllm_bench.leaderboard', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = ('torch', 'numpy', 'pandas', 'matplotlib', 'rich', 'gymnasium')\n"
        "sys.exit(', '.join(m for m in heavy if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--out FOLDER" in done.stdout


def test_runs_that_were_evaluated_on_dev_are_no_results(tmp_path):
    make_run(tmp_path, seed=0)
    make_run(tmp_path, seed=1, name="tuning", eval_split="dev")
    collection = read(tmp_path)
    assert len(collection.runs) == 1 and kinds(collection) == {"seed1": "tuning"}
