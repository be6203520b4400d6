"""The suite's commands, with runs made by hand in place of training."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from made_runs import make_run
from suite_files import SUITE, make_records, make_suite

from colllm_bench.cli import load_toml
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.leaderboard.suite.records import reference_folder, write_records
from colllm_bench.suite import __main__ as command
from colllm_bench.suite import execution
from colllm_bench.suite.run import merged

ONE = SUITE.split("[[task]]\nid = \"b\"")[0]


@pytest.fixture
def trained(monkeypatch):
    """What was to be trained; each run is as good as its learning rate is near 0.003."""
    runs = []

    def train(wanted, options):
        runs.extend(wanted)
        for run in wanted:
            if run.path.exists():
                continue
            config = run.config
            final = 0.9 - min(0.8, 100 * abs((config.lr or 0.003) - 0.003))
            make_run(
                run.out, config.env, run.path.parts[-3], run.name, config.seed,
                agents=config.agents, iterations=config.episodes // config.batch,
                batch=config.batch, final=final, eval_split=config.eval_split,
                env_options=config.env_options,
            )
            agent = run.path / "team" / "front_1"
            agent.mkdir(parents=True)
            (agent / "adapter.safetensors").write_bytes(b"weights")

    monkeypatch.setattr(execution, "train", train)
    return runs


def call(tmp_path, *words):
    return command.main([words[0], str(tmp_path / "mine.toml"), *words[1:], "--out",
                         str(tmp_path / "out")])


def test_run_trains_every_task_and_seed_and_reports(tmp_path, trained, capsys):
    suite = make_suite(tmp_path, ONE)
    write_records(reference_folder(tmp_path / "out", suite) / "cc.jsonl",
                  make_records(suite, "cc", 0.2))
    assert call(tmp_path, "run", "--algo", "mc", "--seeds", "0:5") == 0
    assert [run.config.seed for run in trained] == [0, 1, 2, 3, 4]
    lines = (tmp_path / "out" / "mine" / "mc.jsonl").read_text().splitlines()
    assert [json.loads(line)["seed"] for line in lines] == [0, 1, 2, 3, 4]
    assert {json.loads(line)["digest"] for line in lines} == {suite.digest}
    printed = capsys.readouterr().out
    assert "mc against cc" in printed and "| better |" in printed
    report = json.loads((tmp_path / "out" / "mine" / "report.json").read_text())
    assert report["comparisons"][0]["tasks"][0]["n"] == [5, 5]
    assert (tmp_path / "out" / "mine" / "report.png").stat().st_size > 10_000


def test_seeds_are_added_to_those_that_are_there(tmp_path, trained):
    make_suite(tmp_path, ONE)
    for seeds in ("0:2", "2:3", "1:2"):
        assert call(tmp_path, "run", "--algo", "mc", "--seeds", seeds, "--quiet") == 0
    lines = (tmp_path / "out" / "mine" / "mc.jsonl").read_text().splitlines()
    assert [json.loads(line)["seed"] for line in lines] == [0, 1, 2]


def test_runs_of_other_settings_are_not_mixed_in(tmp_path):
    suite = make_suite(tmp_path, ONE)
    old = make_records(suite, "mc", 0.5, 2)
    path = tmp_path / "mc.jsonl"
    write_records(path, old)
    new = [{**old[0], "settings": {"lr": 0.001}, "seed": 7}]
    assert [record["seed"] for record in merged(path, suite, new)] == [7]
    assert [record["seed"] for record in merged(path, suite, [{**old[0], "seed": 7}])] == [0, 1, 7]
    edited = {**old[0], "seed": 7, "code": "-code0123ab"}
    assert [record["seed"] for record in merged(path, suite, [edited])] == [7]


def test_a_variant_is_kept_apart(tmp_path, trained):
    make_suite(tmp_path, ONE)
    assert call(tmp_path, "run", "--algo", "cc", "--quiet") == 0
    assert call(tmp_path, "run", "--algo", "cc", "--set", "replay=3", "--quiet") == 0
    folder = tmp_path / "out" / "mine"
    assert [path.name for path in sorted(folder.glob("*.jsonl"))] == ["cc+replay=3.jsonl",
                                                                      "cc.jsonl"]
    line = json.loads((folder / "cc+replay=3.jsonl").read_text().splitlines()[0])
    assert line["settings"] == {"replay": 3}
    assert {run.config.algo_options.get("replay") for run in trained} == {None, 3}
    with pytest.raises(ConfigError, match="--set 'replay' is no pair"):
        call(tmp_path, "run", "--algo", "cc", "--set", "replay")


def test_references_keep_the_team_of_one_seed(tmp_path, trained):
    suite = make_suite(tmp_path, ONE)
    assert call(tmp_path, "run", "--algo", "mc", "--reference", "--quiet") == 0
    folder = reference_folder(tmp_path / "out", suite)
    assert len((folder / "mc.jsonl").read_text().splitlines()) == 3
    teams = [path.relative_to(folder).parts for path in folder.rglob("*.safetensors")]
    assert teams == [("teams", "mc", "a", "seed0", "team", "front_1", "adapter.safetensors")]


def test_the_seeds_of_the_search_are_no_results(tmp_path, trained):
    make_suite(tmp_path, ONE)
    with pytest.raises(ConfigError, match="search seeds"):
        call(tmp_path, "run", "--algo", "mc", "--seeds", "900")
    assert trained == []


def test_tune_refuses_a_range_of_a_setting_that_nobody_has(tmp_path, trained):
    text = ONE.replace("[search.ranges.lr]", "[search.ranges.lrr]")
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ConfigError, match="search.ranges 'lrr'.*did you mean 'lr'"):
        call(tmp_path, "tune", "--algo", "mc")
    assert not trained


def test_tune_searches_options_of_a_plug_in(tmp_path, trained):
    (tmp_path / "own.py").write_text(
        "from dataclasses import dataclass\n"
        "from colllm_bench.baselines.monte_carlo import MonteCarlo\n"
        "from colllm_bench.baselines.options import MonteCarloOptions\n"
        "@dataclass(frozen=True)\nclass Wide(MonteCarloOptions):\n    width: int = 3\n"
        "class Own(MonteCarlo):\n    Options = Wide\n"
    )
    ranges = "[search.ranges.width]\nchoices = [5]\n\n[search.ranges.lr]"
    (tmp_path / "mine.toml").write_text(ONE.replace("[search.ranges.lr]", ranges))
    assert call(tmp_path, "tune", "--algo", f"{tmp_path / 'own.py'}:Own", "--draws", "2") == 0
    assert [run.config.algo_options.get("width") for run in trained[:2]] == [None, 5]


@pytest.mark.parametrize("word", ["run", "tune"])
def test_a_task_without_a_score_is_refused_before_training(tmp_path, trained, word):
    (tmp_path / "plain.py").write_text("class Plain:\n    def __init__(self, agents=2): pass\n")
    text = re.sub('env = ".*"', f'env = "{tmp_path}/plain.py:Plain"', ONE)
    text = re.sub("env_options = .*\n", "", text)
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ConfigError, match="has no score.*fix: give its class"):
        call(tmp_path, word, "--algo", "mc")
    assert not trained


def test_an_unknown_setting_is_refused(tmp_path, trained):
    make_suite(tmp_path, ONE)
    with pytest.raises(ConfigError, match="unknown --set 'epoch'.*did you mean 'epochs'"):
        call(tmp_path, "run", "--algo", "mc", "--set", "epoch=3")
    assert not trained


def test_a_range_of_another_algorithms_option_is_left_out(tmp_path, trained):
    ranges = "[search.ranges.pull]\nchoices = [5]\n\n[search.ranges.lr]"
    (tmp_path / "mine.toml").write_text(ONE.replace("[search.ranges.lr]", ranges))
    with pytest.warns(UserWarning, match="search.ranges.pull: mc has no such option"):
        assert call(tmp_path, "tune", "--algo", "mc", "--draws", "2") == 0
    assert all("pull" not in run.config.algo_options for run in trained)


def test_tune_searches_on_dev_and_run_takes_what_it_chose(tmp_path, trained, capsys):
    suite = make_suite(tmp_path, ONE)
    assert call(tmp_path, "tune", "--algo", "mc", "--draws", "4") == 0
    assert {run.config.eval_split for run in trained} == {"dev"}
    assert {run.config.seed for run in trained} == {900}
    assert [run.config.episodes for run in trained] == [320] * 4 + [640] * 2
    result = json.loads((tmp_path / "out" / "mine" / "tuned" / "mc.json").read_text())
    rates = {k: draw.get("lr", 0.003) for k, draw in result["settings"].items()}
    assert abs(rates[str(result["chosen"])] - 0.003) == min(abs(r - 0.003) for r in rates.values())
    curve = result["rungs"][0]["best_of"]
    assert len(curve) == 4 and curve == sorted(curve)
    assert "expected best of k draws at 0.5 of the budget" in capsys.readouterr().out
    file = tmp_path / "out" / "mine" / "tuned" / "mc.toml"
    file.write_text(file.read_text().replace("[settings]\n", "[settings]\nepochs = 2\n"))
    trained.clear()
    assert call(tmp_path, "run", "--algo", "mc", "--quiet") == 0
    assert {run.config.epochs for run in trained} == {2}
    assert {run.config.eval_split for run in trained} == {"eval"}
    assert not set(suite.search.seeds) & {run.config.seed for run in trained}
    assert load_toml(str(file))["draws"] == 4


def test_plan_says_seeds_and_time(tmp_path, capsys):
    suite = make_suite(tmp_path)
    assert call(tmp_path, "plan") == 0
    assert "no references, no time and no spread: a, b" in capsys.readouterr().out
    for algo in ("mc", "cc"):
        write_records(reference_folder(tmp_path / "out", suite) / f"{algo}.jsonl",
                      make_records(suite, algo, 0.6))
    assert call(tmp_path, "plan") == 0
    printed = capsys.readouterr().out
    assert "run with the suite's 3 seeds: about 1 min 00 s, 2 runs at a time" in printed


def test_plan_counts_the_search_on_its_own_tasks(tmp_path, capsys):
    every = make_suite(tmp_path)
    write_records(reference_folder(tmp_path / "out", every) / "cc.jsonl",
                  make_records(every, "cc", 0.6))
    call(tmp_path, "plan")
    assert "tune: about 1 min 20 s" in capsys.readouterr().out
    one = make_suite(tmp_path, SUITE.replace("keep = 0.5", 'keep = 0.5\ntasks = ["a"]'))
    write_records(reference_folder(tmp_path / "out", one) / "cc.jsonl",
                  make_records(one, "cc", 0.6))
    call(tmp_path, "plan")
    assert "tune: about 40 s" in capsys.readouterr().out


def test_report_without_records_says_what_to_run(tmp_path):
    make_suite(tmp_path)
    with pytest.raises(ConfigError, match="no records of suite mine"):
        call(tmp_path, "report")


def test_a_report_has_ones_own_searches_and_those_of_the_references(tmp_path, trained):
    suite = make_suite(tmp_path, ONE)
    elsewhere = tmp_path / "shared"
    write_records(reference_folder(elsewhere, suite) / "mc.jsonl", make_records(suite, "mc", 0.6))
    call(tmp_path, "tune", "--algo", "mc", "--draws", "2", "--quiet")
    call(tmp_path, "tune", "--algo", "cc", "--draws", "2", "--quiet")
    (elsewhere / "mine" / "tuned").mkdir()
    (tmp_path / "out" / "mine" / "tuned" / "mc.json").rename(
        elsewhere / "mine" / "tuned" / "mc.json"
    )
    call(tmp_path, "tune", "--algo", "mc", "--draws", "3", "--quiet")
    assert call(tmp_path, "report", "--references", str(elsewhere), "--quiet") == 0
    folder = tmp_path / "out" / "mine"
    searches = json.loads((folder / "report.json").read_text())["searches"]
    assert {name: len(one["best_of"]) for name, one in searches.items()} == {
        "cc": 2, "mc": 2, "mc (here)": 3,
    }
    text = (folder / "report.md").read_text()
    assert "| mc (here) | " in text and "## What the search gains" in text


def test_a_run_that_fails_is_told_and_nothing_is_reported(tmp_path, monkeypatch):
    make_suite(tmp_path, ONE)
    monkeypatch.setattr(execution, "work_through", lambda jobs, *others, **more: jobs[:1])
    with pytest.raises(RunError, match="1 of 3 runs failed"):
        call(tmp_path, "run", "--algo", "mc", "--quiet")
    assert not list((tmp_path / "out").rglob("*.jsonl"))


@pytest.mark.parametrize("words, message", [
    (["run", "v1-mini"], "required: --algo"), (["run", "v1-mini", "--algo", "mc", "--jobs", "0"],
     "--jobs 0"), (["tune", "v1-mini", "--algo", "mc", "--draws", "0"], "--draws 0"),
    (["rn", "v1-mini"], "did you mean 'run'"),
    (["plan", "v1-mini", "--tasks", "x"], "unknown task"),
    (["run", "v1-mini", "--algo", "nobody"], "unknown algorithm"),
])
def test_mistakes_are_told_in_a_line(words, message):
    with pytest.raises(ConfigError, match=message):
        command.main(words)


def test_help_lists_the_commands_and_loads_nothing_heavy():
    import subprocess
    import sys

    for words in (["--help"], ["run", "--help"]):
        code = (
            "import runpy, sys\n"
            f"sys.argv[1:] = {words!r}\n"
            "try: runpy.run_module('colllm_bench.suite', run_name='__main__')\n"
            "except SystemExit: pass\n"
            "heavy = ('torch', 'transformers', 'pettingzoo', 'numpy', 'rich', 'scipy')\n"
            "sys.exit(', '.join(m for m in heavy if m in sys.modules) or 0)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "v3-mini" in done.stdout


@pytest.mark.slow
def test_a_whole_suite_from_training_to_verdict(tmp_path):
    make_suite(tmp_path, ONE.replace("episodes = 640", "episodes = 64"))
    for words in (["run", "--algo", "mc", "--reference", "--seeds", "0:2"],
                  ["run", "--algo", str(Path("examples/my_algorithm.py").resolve()) + ":LuckFree",
                   "--seeds", "0:2"]):
        assert call(tmp_path, *words, "--quiet") == 0
    assert "luckfree against mc" in (tmp_path / "out" / "mine" / "report.md").read_text()
