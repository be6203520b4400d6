"""The page as a file: what goes into it, how large it gets, what can stand in it."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shlex

import pytest
from made_runs import make_run
from page_runs import ATTACKS, command_digest, keep, view_of

from colllm_bench.envs.strategy.env import StrategyEnv
from colllm_bench.leaderboard.data.collection import read
from colllm_bench.leaderboard.page import assemble, build_page, embedded, replays, reproduction
from colllm_bench.leaderboard.page.payload import page_view, points_that_fit, thinned
from colllm_bench.leaderboard.palette import BUILT_IN
from colllm_bench.leaderboard.report_data import build_data


@pytest.fixture(scope="module")
def data(built):
    return build_data(read(built.parent / "results"))


def test_the_page_is_one_file_and_equal_data_are_equal_bytes(data, tmp_path):
    path = build_page(data, tmp_path)
    first = path.read_bytes()
    assert path == tmp_path / "index.html" and build_page(data, tmp_path).read_bytes() == first
    page = first.decode()
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page), "something from elsewhere"
    assert "@import" not in page and "url(http" not in page
    assert "default-src 'none'" in page
    assert view_of(page) == json.loads(json.dumps(page_view(data)))


def test_no_text_can_end_the_data_block(view):
    for attack in ATTACKS:
        text = embedded({"said": attack})
        assert not set("<>&\u2028\u2029") & set(text)
        assert json.loads(text)["said"] == attack
    assert embedded({"lone": "\ud83d"}) == '{"lone":"?"}'
    page = assemble({**view, "version": "</script><script>x</script>{{js}}{{css}}"})
    assert page.count("</script>") == 2, "the data block and the page's own script, no other"
    assert view_of(page)["version"] == "</script><script>x</script>{{js}}{{css}}"


def test_numbers_are_those_of_the_report(data, view):
    for group, shown in zip(data["groups"], view["groups"], strict=True):
        assert shown["id"] == group["id"] and shown["seeds"] == group["seeds"]
        final = group["metrics"]["score_mean"]
        if final:
            mine = shown["numbers"]["score_mean"]
            theirs = {**final, "mean": final["value"]}
            for key in ("mean", "low", "high"):
                assert (mine[key] is None) == (theirs[key] is None)
                assert mine[key] is None or mine[key] == pytest.approx(theirs[key], rel=1e-5)
            assert mine["seeds"] == pytest.approx(final["seeds"], rel=1e-5)
            gap = shown["numbers"]["score_optimality_gap"]
            mean = sum(gap["seeds"]) / len(gap["seeds"])
            assert mean == pytest.approx(gap["mean"], abs=1e-5), "seeds of a gap are gaps"
        memory = shown["numbers"]["peak_memory_mib"]
        expected = group["metrics"]["peak_memory_mib"]["value"] * 2**20
        assert memory["mean"] == pytest.approx(expected, rel=1e-5)
    assert list(view["looks"])[: len(BUILT_IN)] == list(BUILT_IN), "the looks of the figures"
    ids = {metric["id"] for metric in view["metrics"]}
    assert all(set(group["numbers"]) <= ids for group in view["groups"])


def test_runs_that_never_got_there_are_bounds(data, view):
    censored = 0
    for group, shown in zip(data["groups"], view["groups"], strict=True):
        needed = group["metrics"]["episodes_to_0.8"]
        if needed is None:
            continue
        entry = shown["numbers"]["episodes_to_0.8"]
        reached = needed["reached"]
        assert entry.get("censored", [False] * len(reached)) == [not one for one in reached]
        assert entry.get("bound") == (None if any(reached) else ">")
        censored += not all(reached)
    assert censored, "the test needs such runs"


def test_curves_are_thinned_to_what_fits():
    x = [float(k) for k in range(100)]
    line = [k / 3 for k in range(100)]
    measure = {"mean": line, "low": None, "high": None, "seeds": [line, line]}
    curves = {"x": {"episodes": x, "tokens": None}, "measures": {"score": measure}}
    short = thinned(curves, 25)
    assert short["x"]["tokens"] is None and short["score"]["low"] is None
    assert short["x"]["episodes"][0] == 0 and short["x"]["episodes"][-1] == 99
    assert len(short["score"]["mean"]) == len(short["score"]["seeds"][1]) == 25
    assert short["score"]["mean"][-1] == 33
    assert thinned(curves, 200)["score"]["mean"][1] == 0.3333
    group = {"curves": curves, "seeds": [0, 1, 2, 3, 4]}
    assert points_that_fit([group]) == 100
    assert 24 <= points_that_fit([group] * 400) < points_that_fit([group] * 300) < 100


def test_a_thousand_runs_fit_into_five_megabytes(data):
    """The largest report of the issue: 200 groups of five seeds, with all their curves."""
    whole = max(data["groups"], key=lambda group: len(group["seeds"]))
    line = [k / 99.7 for k in range(100)]
    curve = {"mean": line, "low": line, "high": line, "seeds": [line] * 5}
    curves = {"x": dict.fromkeys(whole["curves"]["x"], [64.0 * k for k in range(100)]),
              "measures": dict.fromkeys(("score", "success", "return"), curve)}
    groups = [{**whole, "id": f"g{k}", "curves": curves} for k in range(200)]
    setting = next(s for s in data["settings"] if s["id"] == whole["setting"])
    setting = {**setting, "groups": [group["id"] for group in groups]}
    page = assemble(page_view({
        **data, "groups": groups, "settings": [setting], "comparisons": [], "aggregates": [],
    }))
    assert len(page.encode()) < 5_000_000


# -- replays


def group_of(run, seeds=(0,)):
    folders = [str(run.parent / f"seed{seed}") for seed in seeds]
    return {"id": "g", "seeds": list(seeds), "folders": folders}


def test_replays_travel_whole(data, view):
    entry = next(e for e in view["replays"] if e["id"].endswith("agents3-cc/0/untrained-0"))
    replay = json.loads(gzip.decompress(base64.b64decode(entry["gz"])))
    assert replay["turns"][0]["agents"][0]["action"] == ATTACKS[0]
    assert (entry["team"], entry["title"]) == ("untrained", "held-out task 0")
    assert (entry["success"], entry["seed"]) == (False, 0)
    assert entry["turns"] == len(replay["turns"])
    titles = [e["title"] for e in view["replays"] if e["group"] == entry["group"]]
    assert titles == ["held-out task 0", "held-out task 0", "iteration 4", "held-out task 0"]


def test_a_torn_replay_is_named_and_no_more(view):
    (torn,) = [item for item in view["excluded"] if item["kind"] == "replay"]
    assert torn["path"].endswith("cc/default/seed2/replays/held-out-0.json")
    assert "cannot read" in torn["reason"]


def test_every_group_gets_one_before_any_gets_two(tmp_path):
    groups = []
    for algo in ("cc", "mc"):
        runs = [make_run(tmp_path, algo=algo, seed=seed) for seed in range(2)]
        for run in runs:
            for name in ("held-out-0", "held-out-1", "untrained-0", "scripted-0",
                         "iteration-00004", "iteration-00009"):
                keep(run, name, StrategyEnv(agents=2))
        (runs[0] / "replays" / "notes.json").write_text("{}")
        groups.append({**group_of(runs[0], (0, 1)), "id": algo})
    names = [(seed, path.stem) for seed, path in replays.candidates(groups[0])]
    assert names[:5] == [(0, "held-out-0"), (0, "untrained-0"), (0, "scripted-0"),
                         (0, "iteration-00009"), (1, "held-out-0")]
    assert len(names) == 12
    everything = replays.choose(groups)
    assert len(everything["replays"]) == everything["recorded"] == 24
    one = max(len(entry["gz"]) for entry in everything["replays"])
    few = replays.choose(groups, budget=2 * one + 100)
    assert [entry["id"] for entry in few["replays"]] == ["cc/0/held-out-0", "mc/0/held-out-0"]
    assert few["recorded"] == 24
    assert sum(len(e["gz"]) for e in replays.choose(groups, budget=5 * one)["replays"]) <= 5 * one


def test_old_runs_without_replays_have_a_page(tmp_path):
    make_run(tmp_path / "results")
    page = build_page(build_data(read(tmp_path / "results")), tmp_path).read_text()
    view = view_of(page)
    assert view["replays"] == [] and view["groups"][0]["model_title"] == "tiny"


# -- how it was made


def test_the_command_makes_the_same_configuration_again(tmp_path):
    given = ["--algo", "dc", "--agents", "4", "--level", "2", "--lr", "0.001", "--kl-coef", "0.1",
             "--no-normalize-advantages", "--env-option", "messages=true", "--seed", "3"]
    from colllm_bench import cli, run
    from colllm_bench.setup.resolve import resolve

    config = resolve(cli.build_config(run.parser().parse(given), run.RUN_OPTIONS)[0])
    for seeds, said in (([3], "--seed 3"), ([0, 1, 2], "--seeds 0:3"), ([0, 4], "--seeds 0,4")):
        command = reproduction.command(config.to_dict(), seeds)
        assert command.startswith("python -m colllm_bench.run --env strategy --algo dc --agents 4")
        assert command.endswith(said)
        assert command_digest(shlex.split(command)[3:]) == config.digest
    mc = resolve(config.replace(algo="mc", algo_options={}))
    assert command_digest(shlex.split(reproduction.command(mc.to_dict(), [0]))[3:]) == mc.digest


def test_machines_commits_and_versions_of_all_parts_are_said(tmp_path):
    run = make_run(tmp_path)
    part = {"cpu": "A", "cores": 2, "memory_gib": 8, "python": "3.11", "system": "Linux",
            "commit": "1" * 40, "modified": False, "accelerators": ["H100"],
            "packages": {"torch": "2.0", "other": "1"}}
    resumed = {**part, "commit": "2" * 40, "modified": True}
    (run / "environment.json").write_text(json.dumps({**part, "resumed": [resumed, "x"]}))
    group = {**group_of(run, (0, 7)), "config": {}, "digest": "d", "version": "0"}
    found = reproduction.provenance_of(group)
    assert found["commits"] == ["1" * 12, "2" * 12 + " (modified)"]
    assert found["machines"] == ["A, 2 cores, 8 GiB, H100, Python 3.11, Linux"]
    assert found["packages"] == ["torch 2.0"]
    (run / "environment.json").write_text("{")
    assert reproduction.provenance_of(group)["machines"] == []


@pytest.mark.parametrize("changes", [
    {"kl_coef": 0.25}, {"env_options": {"level": 2, "word": "3", "text": "a b", "flag": True}},
    {"style": "full", "temperature": 0.5}, {"normalize_advantages": False},
    {"chat_template": "-odd.jinja", "share": "role", "group": 4},
])
def test_a_command_line_is_read_back_as_the_same_configuration(changes):
    from colllm_bench import cli, run
    from colllm_bench.cli import command_line
    from colllm_bench.config import RunConfig

    config = RunConfig.of(**changes)
    argv = command_line(config)
    assert cli.build_config(run.parser().parse(argv), run.RUN_OPTIONS)[0] == config
    assert command_line(RunConfig(), always=()) == []
